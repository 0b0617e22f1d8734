import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { readUint } from '../../bench/enginespeaker.ts';
import { createCumulative } from '../../bench/socketiospeaker.ts';

describe('the number of an ack', () => {
  it('is read as MessagePack writes it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (value) => {
        const bytes = Buffer.from(toMessagePack(value));
        expect(readUint(bytes, 0)).toEqual({ value, end: bytes.length });
      }),
    );
  });

  it('is not taken from anything else', () => {
    expect(() => readUint(Buffer.from([0xc0]), 0)).toThrow('begins no number');
  });
});

describe('acks in any order', () => {
  it('are told as the last number up to which all have come', () => {
    const shuffled = fc.integer({ min: 1, max: 50 }).chain((count) =>
      fc.shuffledSubarray(
        Array.from({ length: count }, (_, index) => index + 1),
        { minLength: count },
      ),
    );
    fc.assert(
      fc.property(shuffled, (order) => {
        const told: number[] = [];
        const take = createCumulative((upTo) => told.push(upTo));
        const seen = new Set<number>();
        for (const seq of order) {
          take(seq);
          seen.add(seq);
          let upTo = 0;
          while (seen.has(upTo + 1)) upTo += 1;
          expect(told.at(-1) ?? 0).toBe(upTo);
        }
        expect(told).toEqual(told.toSorted((one, other) => one - other));
      }),
    );
  });
});
