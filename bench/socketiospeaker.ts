/**
 * A device that speaks Socket.IO over a WebSocket: one JSON event a fix, with an ack for each.
 * Invariant: an ack that is no `{"ok":true}` and a connection that ends before `end` fail the load; acks may come in any
 * order, as those of INSERTs on several connections do, and are told as cumulative.
 * Bound: one socket; acks that came early, as many as are in flight.
 * Source: Engine.IO protocol 4 (0 open, 2 ping, 3 pong, 4 message) and Socket.IO protocol 5 (0 connect, 2 event, 3 ack,
 * 4 connect error).
 */
import { fixAt } from './fixframe.ts';
import { clientMessage, opcodes } from './framing.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import type { Speaker, SpeakerOptions } from './speaker.ts';

/** What a device of such a system sends, under the names that such systems use. */
export interface JsonFix {
  readonly vehicleId: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly speed: number;
  readonly heading: number;
  readonly altitude: number;
  readonly accuracy: number;
  readonly satellites: number;
  readonly timestamp: number;
}

export const positionEvent = 'position';
const pong = clientMessage(Buffer.from('3'), opcodes.text);

/** Resolves when the server has let it in. */
export async function openSocketIoSpeaker(options: SpeakerOptions): Promise<Speaker> {
  const { token, onFailed } = options;
  const inOrder = createCumulative(options.onStored);
  let isEnding = false;
  let entered: () => void = () => undefined;
  let refused: (error: Error) => void = () => undefined;
  const connected = new Promise<void>((resolve, reject) => {
    entered = resolve;
    refused = reject;
  });
  // The upgrade may fail first, and then nobody waits for it.
  connected.catch(() => undefined);

  function fail(reason: string): void {
    const error = new Error(`a device of the load: ${reason}`);
    refused(error);
    if (!isEnding) onFailed(error);
  }

  function receive(payload: Buffer): void {
    const text = payload.toString('latin1');
    if (text.startsWith('43')) {
      const listAt = text.indexOf('[');
      if (text.slice(listAt) === '[{"ok":true}]') inOrder(Number(text.slice(2, listAt)));
      else fail(`not acked: ${text}`);
    } else if (text === '2') socket.write(pong);
    else if (text.startsWith('0')) socket.write(textMessage(`40${JSON.stringify({ token })}`));
    else if (text.startsWith('40')) entered();
    else if (text.startsWith('44')) fail(`refused: ${text}`);
  }

  const early: Buffer[] = [];
  let take = (payload: Buffer): void => void early.push(Buffer.from(payload));
  const socket: RawSocket = await openRawSocket({
    url: `${options.url}/socket.io/?EIO=4&transport=websocket`,
    subprotocols: [],
    onMessage: (payload) => take(payload),
    onClosed: (reason) => fail(reason),
  });
  // The first message may come with the upgrade, before there is a socket to answer it on.
  take = receive;
  for (const payload of early) receive(payload);
  await connected;
  return {
    get bytesRead() {
      return socket.bytesRead;
    },
    send(seq, baseMs) {
      const message = textMessage(eventText(seq, jsonFix(options, baseMs)));
      socket.write(message);
      return message.length;
    },
    end() {
      isEnding = true;
      socket.end();
    },
  };
}

export function eventText(id: number, fix: JsonFix): string {
  return `42${id}${JSON.stringify([positionEvent, fix])}`;
}

function jsonFix({ name, vehicle }: SpeakerOptions, timeMs: number): JsonFix {
  const { latE7, lonE7, ...rest } = fixAt(vehicle, timeMs);
  return {
    vehicleId: name,
    latitude: latE7 / 1e7,
    longitude: lonE7 / 1e7,
    speed: Number(rest.speedCms) / 100,
    heading: Number(rest.courseCdeg) / 100,
    altitude: Number(rest.altitudeDm) / 10,
    accuracy: Number(rest.accuracyDm) / 10,
    satellites: Number(rest.satellites),
    timestamp: timeMs,
  };
}

function textMessage(text: string): Buffer {
  return clientMessage(Buffer.from(text), opcodes.text);
}

/** Takes numbers from 1 on in any order, and tells the last up to which all have come, when it rises. */
export function createCumulative(tell: (upTo: number) => void): (seq: number) => void {
  const early = new Set<number>();
  let upTo = 0;
  return (seq) => {
    if (seq !== upTo + 1) return void early.add(seq);
    upTo = seq;
    while (early.delete(upTo + 1)) upTo += 1;
    tell(upTo);
  };
}
