/**
 * A device that speaks the engine's protocol, by frames made beforehand and acks read by hand.
 * Invariant: a frame that is refused, and a connection that ends before `end`, fail the load.
 * Bound: one socket.
 * Source: docs/protocol.md, hello 16, ack 17, refused 18; MessagePack's unsigned integers.
 */
import { subprotocols, tokenSubprotocolPrefix } from '../src/wire/encode.ts';
import { ackLevels, frameTypes } from '../src/wire/types.ts';
import { createFrames } from './fixframe.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import type { Speaker, SpeakerOptions } from './speaker.ts';

/** Resolves with the hello. */
export async function openEngineSpeaker(options: SpeakerOptions): Promise<Speaker> {
  const { vehicle, fixesPerFrame, token, onFailed } = options;
  const frameOf = createFrames(vehicle, fixesPerFrame);
  let isEnding = false;
  let greeted: () => void = () => undefined;
  let refused: (error: Error) => void = () => undefined;
  const hello = new Promise<void>((resolve, reject) => {
    greeted = resolve;
    refused = reject;
  });
  // The upgrade may fail first, and then nobody waits for it.
  hello.catch(() => undefined);

  function fail(reason: string): void {
    const error = new Error(`a device of the load: ${reason}`);
    refused(error);
    if (!isEnding) onFailed(error);
  }

  function receive(payload: Buffer): void {
    const type = payload[1];
    if (type === frameTypes.ack) {
      const { value: seq, end } = readUint(payload, 2);
      if (payload[end] === ackLevels.stored) options.onStored(seq);
      else options.onAcked(seq);
    } else if (type === frameTypes.deviceHello) greeted();
    else if (type === frameTypes.refused) fail(`refused: ${payload.toString('latin1')}`);
  }

  const socket: RawSocket = await openRawSocket({
    url: `${options.url}/v1/ingest`,
    subprotocols: [subprotocols.messagepack, `${tokenSubprotocolPrefix}${token}`],
    onMessage: receive,
    onClosed: (reason) => fail(reason),
  });
  await hello;
  return {
    get bytesRead() {
      return socket.bytesRead;
    },
    send(seq, baseMs) {
      const frame = frameOf(seq, baseMs);
      socket.write(frame);
      return frame.length;
    },
    end() {
      isEnding = true;
      socket.end();
    },
  };
}

/** An unsigned integer of MessagePack, of at most 32 bits. */
export function readUint(
  bytes: Buffer,
  at: number,
): { readonly value: number; readonly end: number } {
  const code = bytes[at] as number;
  if (code < 0x80) return { value: code, end: at + 1 };
  if (code === 0xcc) return { value: bytes[at + 1] as number, end: at + 2 };
  if (code === 0xcd) return { value: bytes.readUInt16BE(at + 1), end: at + 3 };
  if (code === 0xce) return { value: bytes.readUInt32BE(at + 1), end: at + 5 };
  throw new Error(`0x${code.toString(16)} begins no number of an ack`);
}
