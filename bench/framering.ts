/**
 * The frames of one device, made once: messages of equal length in a ring, of which only seq and base time are written
 * anew from one round of the ring to the next.
 * Invariant: a place in the ring is written again only when its frame was acked, for the kernel may still be reading it.
 * Bound: `frames` messages; no more may be in flight.
 * Source of the codes: MessagePack specification, uint 32 (0xce) and float 64 (0xcb).
 */
import { emptyFix } from '../src/live/vehicles.ts';
import { toMessagePack } from '../src/wire/messagepack.ts';
import { benchStartMs, stepMs, wireFix, writeFix } from './fixes.ts';
import { clientMessage } from './framing.ts';

export interface FrameRing {
  readonly messageBytes: number;
  /** The messages of the frames from `seq` on, in one piece or, where the ring ends between them, in two. */
  take(seq: number, count: number): readonly Buffer[];
  /** The frames that follow are of so many steps later. */
  skip(steps: number): void;
}

export interface FrameRingOptions {
  readonly vehicle: number;
  readonly fixesPerFrame: number;
  /** In the ring, at least as many as may be in flight; a lap of the vehicle. */
  readonly frames: number;
}

const head = Buffer.from('9401ce00000000cb0000000000000000', 'hex');
const elementsWithVehicle = 0x95;
const seqAt = 3;
const baseAt = 8;

/** Writes seq and base time of the frame that begins at `at`. */
export function numberFrame(bytes: Buffer, at: number, seq: number, baseMs: number): void {
  bytes.writeUInt32BE(seq, at + seqAt);
  bytes.writeDoubleBE(baseMs, at + baseAt);
}

/** The frame with an element more: the vehicle that it is of. */
export function ofVehicle(frame: Uint8Array, id: string): Buffer {
  const longer = Buffer.concat([frame, toMessagePack(id)]);
  longer[0] = elementsWithVehicle;
  return longer;
}

/** A frame `[1, seq, baseMs, fixes]` with the fixes of the steps from `step` on. */
export function positionsFrame(
  vehicle: number,
  seq: number,
  step: number,
  fixes: number,
  lapSteps: number,
): Buffer {
  const baseMs = benchStartMs + step * stepMs;
  const fix = emptyFix(0);
  const body = Array.from({ length: fixes }, (_, index) => {
    writeFix(fix, vehicle, step + index, lapSteps);
    return wireFix(fix, baseMs);
  });
  const frame = Buffer.concat([head, toMessagePack(body)]);
  numberFrame(frame, 0, seq, baseMs);
  return frame;
}

export function createFrameRing(options: FrameRingOptions): FrameRing {
  const { vehicle, fixesPerFrame, frames } = options;
  const lapSteps = frames * fixesPerFrame;
  const payloads = Array.from({ length: frames }, (_, place) =>
    positionsFrame(vehicle, 0, place * fixesPerFrame, fixesPerFrame, lapSteps),
  );
  const ring = Buffer.concat(payloads.map((payload) => clientMessage(payload)));
  const payloadBytes = payloads[0]?.length ?? 0;
  const messageBytes = ring.length / frames;
  if (payloads.some(({ length }) => length !== payloadBytes)) {
    throw new Error('frames of one ring differ in length');
  }

  let skipped = 0;

  function number(seq: number): void {
    const at = (((seq - 1) % frames) + 1) * messageBytes - payloadBytes;
    const step = skipped + (seq - 1) * fixesPerFrame;
    numberFrame(ring, at, seq, benchStartMs + step * stepMs);
  }

  return {
    messageBytes,
    take(seq, count) {
      if (count > frames) throw new RangeError('more frames than the ring has');
      for (let next = seq; next < seq + count; next++) number(next);
      const from = ((seq - 1) % frames) * messageBytes;
      const end = from + count * messageBytes;
      if (end <= ring.length) return [ring.subarray(from, end)];
      return [ring.subarray(from), ring.subarray(0, end - ring.length)];
    },
    skip(steps) {
      skipped += steps;
    },
  };
}
