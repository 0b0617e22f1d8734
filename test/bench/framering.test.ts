/** The ring of frames: what goes out is a run of whole messages whose fixes are those of the plan, each once. */
import { describe, expect, it } from 'vitest';
import { vehicleId, writeFix } from '../../bench/fixes.ts';
import { createFrameRing } from '../../bench/framering.ts';
import { limits } from '../../src/limits.ts';
import { emptyFix } from '../../src/live/vehicles.ts';
import { decodeDeviceFrame, decodeFix } from '../../src/wire/decode.ts';
import { frameTypes, type Fix } from '../../src/wire/types.ts';

const vehicle = 7;
const fixesPerFrame = 3;
const frames = 4;
const lap = frames * fixesPerFrame;

/** The payloads of client messages of equal length, without their header and mask. */
function payloadsOf(pieces: readonly Buffer[], messageBytes: number): Buffer[] {
  const bytes = Buffer.concat(pieces);
  const headBytes = 2 + 4;
  return Array.from({ length: bytes.length / messageBytes }, (_, index) =>
    bytes.subarray(index * messageBytes + headBytes, (index + 1) * messageBytes),
  );
}

function fixesOf(payload: Buffer): { seq: number; fixes: Fix[] } {
  const frame = decodeDeviceFrame(payload, limits);
  if ('refused' in frame || frame.type !== frameTypes.positions) throw new Error('not positions');
  const fixes = frame.fixes.map((raw) => {
    const fix = emptyFix(0);
    expect(decodeFix(raw, frame.baseMs, fix, limits)).toBeNull();
    return fix;
  });
  return { seq: frame.seq, fixes };
}

describe('the ring of frames', () => {
  it('sends every fix of the plan once and in order, however many frames are taken at a time', () => {
    const ring = createFrameRing({ vehicle, fixesPerFrame, frames });
    ring.skip(lap * 2);
    let seq = 1;
    for (const count of [1, 4, 3, 2, 4]) {
      const pieces = ring.take(seq, count).map((piece) => Buffer.from(piece));
      const payloads = payloadsOf(pieces, ring.messageBytes);
      expect(payloads.length).toBe(count);
      for (const payload of payloads) {
        const frame = fixesOf(payload);
        expect(frame.seq).toBe(seq);
        for (const [index, fix] of frame.fixes.entries()) {
          const expected = emptyFix(0);
          const step = lap * 2 + (seq - 1) * fixesPerFrame + index;
          writeFix(expected, vehicle, step, lap);
          expect(fix).toEqual(expected);
        }
        seq += 1;
      }
    }
  });

  it('holds no more than what may be in flight', () => {
    const ring = createFrameRing({ vehicle, fixesPerFrame, frames });
    expect(() => ring.take(1, frames + 1)).toThrow(RangeError);
  });

  it('names vehicles by ids of one length', () => {
    expect(vehicleId('a', 3).length).toBe(vehicleId('a', 12_345).length);
  });
});
