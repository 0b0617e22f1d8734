/**
 * A load of devices: sockets that send frames made beforehand, as many in flight as the engine allows.
 * Invariant: every fix has a time of its own in its vehicle, so nothing sent is a repeat; a frame counts
 * when its ack has come.
 * Bound: `connections` sockets, their frames in flight, and the seconds the caller gives.
 */
import { WebSocket } from 'ws';
import { parseMessagePack, toMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes } from '../src/wire/types.ts';

export interface LoadOptions {
  readonly url: string;
  /** The token of the n-th vehicle. */
  readonly token: (index: number) => Promise<string>;
  readonly connections: number;
  readonly fixesPerFrame: number;
  readonly framesInFlight: number;
  readonly seconds: number;
  /** The time of the first fix of every vehicle, Unix ms. */
  readonly startMs: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly fixesAcked: number;
  readonly framesAcked: number;
  readonly bytesSent: number;
}

/** Sends for `seconds` and resolves when everything sent is acked. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const devices = await Promise.all(
    Array.from({ length: options.connections }, (_, index) => openDevice(options, index)),
  );
  const started = performance.now();
  const timer = setTimeout(
    () => devices.forEach((device) => device.finish()),
    options.seconds * 1_000,
  );
  await Promise.all(devices.map((device) => device.run()));
  clearTimeout(timer);
  const seconds = (performance.now() - started) / 1_000;
  const framesAcked = devices.reduce((sum, device) => sum + device.framesAcked, 0);
  return {
    seconds,
    framesAcked,
    fixesAcked: framesAcked * options.fixesPerFrame,
    bytesSent: devices.reduce((sum, device) => sum + device.bytesSent, 0),
  };
}

interface LoadDevice {
  readonly framesAcked: number;
  readonly bytesSent: number;
  /** Sends until `finish`; resolves when all is acked. */
  run(): Promise<void>;
  finish(): void;
}

async function openDevice(options: LoadOptions, index: number): Promise<LoadDevice> {
  const token = await options.token(index);
  const socket = new WebSocket(options.url, ['fleetwire.v1', `bearer.${token}`], {
    perMessageDeflate: false,
  });
  const template = createTemplate(options.fixesPerFrame, index);
  const frameMs = options.fixesPerFrame * 1_000;
  let seq = 0;
  let acked = 0;
  let bytesSent = 0;
  let isFinishing = false;
  let done: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;

  function sendMore(): void {
    while (!isFinishing && seq - acked < options.framesInFlight) {
      seq += 1;
      const frame = template(seq, options.startMs + seq * frameMs);
      bytesSent += frame.length;
      socket.send(frame);
    }
    if (isFinishing && acked === seq) {
      socket.close();
      done();
    }
  }

  socket.on('message', (data: Buffer) => {
    const parsed = parseMessagePack(data);
    const frame = 'value' in parsed ? (parsed.value as unknown[]) : [];
    if (frame[0] === frameTypes.refused) fail(new Error(`refused: ${String(frame[3])}`));
    if (frame[0] !== frameTypes.ack || frame[2] !== 1) return;
    acked = Number(frame[1]);
    sendMore();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('message', () => resolve());
    socket.once('error', reject);
    socket.once('close', () => fail(new Error('the engine closed a connection')));
  });

  return {
    get framesAcked() {
      return acked;
    },
    get bytesSent() {
      return bytesSent;
    },
    run() {
      return new Promise<void>((resolve, reject) => {
        done = resolve;
        fail = reject;
        sendMore();
      });
    },
    finish() {
      isFinishing = true;
      sendMore();
    },
  };
}

/**
 * Frames that differ only in their seq and base: these are written into bytes that are otherwise made
 * once. Source of the codes: MessagePack specification, uint 32 (0xce) and uint 64 (0xcf).
 */
function createTemplate(fixes: number, index: number): (seq: number, baseMs: number) => Buffer {
  const track = Array.from({ length: fixes }, (_, step) => [
    step * 1_000,
    526_000_000 + index * 1_000 + step * 37,
    -86_000_000 - index * 1_000 - step * 41,
    1_000 + (step % 500),
    (step * 131) % 36_000,
    195,
    30,
    9,
  ]);
  const body = toMessagePack(track);
  const head = Buffer.from('9401ce00000000cf0000000000000000', 'hex');
  return (seq, baseMs) => {
    const frame = Buffer.concat([head, body]);
    frame.writeUInt32BE(seq, 3);
    frame.writeBigUInt64BE(BigInt(baseMs), 8);
    return frame;
  };
}
