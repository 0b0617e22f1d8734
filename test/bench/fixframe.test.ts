/** The frames of many devices: their bytes are read as the fixes that were meant. */
import { describe, expect, it } from 'vitest';
import { createFrames, fixAt } from '../../bench/fixframe.ts';
import { benchStartMs, roadSteps, stepMs, wireFix } from '../../bench/fixes.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';

const zeroMaskBytes = 4;

/** The payload of a client's message whose mask is zero. */
function payloadOf(message: Buffer): Buffer {
  const length = (message[1] as number) & 0x7f;
  return message.subarray((length < 126 ? 2 : 4) + zeroMaskBytes);
}

describe('a frame of a load', () => {
  it.each([1, 15, 16, 50])('is read as the %i fixes that were meant', (fixes) => {
    const frames = createFrames(7, fixes);
    for (const [seq, step] of [
      [1, 0],
      [200, roadSteps / 2],
      [70_000, 123_456_789],
    ] as const) {
      const baseMs = benchStartMs + step * stepMs;
      const expected = Array.from({ length: fixes }, (_, index) =>
        wireFix(fixAt(7, baseMs + index * stepMs), baseMs),
      );
      expect(parseMessagePack(payloadOf(frames(seq, baseMs)))).toEqual({
        value: [1, seq, baseMs, expected],
      });
    }
  });

  it('is memory of its own, for a socket may keep it', () => {
    const frames = createFrames(0, 1);
    const first = frames(1, benchStartMs);
    const before = Buffer.from(first);
    frames(2, benchStartMs + stepMs);
    expect(first).toEqual(before);
  });
});
