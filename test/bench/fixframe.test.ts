import { describe, expect, it } from 'vitest';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { createFrames, fixIntervalMs, fixValues, placeAtMs } from '../../bench/fixframe.ts';

const baseMs = Date.UTC(2026, 0, 1, 0, 3, 10);
const zeroMask = 4;

/** The payload of a client's message whose mask is zero. */
function payloadOf(message: Buffer): Buffer {
  const length = (message[1] as number) & 0x7f;
  return message.subarray((length < 126 ? 2 : 4) + zeroMask);
}

describe('a frame of a load', () => {
  it.each([1, 15, 16, 50])('is read as the %i fixes that were meant', (fixes) => {
    const frames = createFrames(7, fixes);
    for (const [seq, timeMs] of [
      [1, baseMs],
      [70_000, baseMs + 123_456],
    ] as const) {
      const { speedCms, courseCdeg, altitudeDm, accuracyDm, satellites } = fixValues;
      const rest = [speedCms, courseCdeg, altitudeDm, accuracyDm, satellites];
      const expected = Array.from({ length: fixes }, (_, index) => {
        const { latE7, lonE7 } = placeAtMs(7, timeMs + index * fixIntervalMs);
        return [index * fixIntervalMs, latE7, lonE7, ...rest];
      });
      expect(parseMessagePack(payloadOf(frames(seq, timeMs)))).toEqual({
        value: [1, seq, timeMs, expected],
      });
    }
  });

  it('is memory of its own, for a socket may keep it', () => {
    const frames = createFrames(0, 1);
    const first = frames(1, baseMs);
    const before = Buffer.from(first);
    frames(2, baseMs + 1_000);
    expect(first).toEqual(before);
  });
});

describe('a vehicle of a load', () => {
  it('drives at 10 m/s, and never stands still from one second to the next', () => {
    for (let second = 0; second < 1_000; second++) {
      const from = placeAtMs(3, second * 1_000);
      const to = placeAtMs(3, (second + 1) * 1_000);
      expect(Math.abs(to.latE7 - from.latE7)).toBe(898);
      expect(to.lonE7).toBe(from.lonE7);
    }
  });
});
