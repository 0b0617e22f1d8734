import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBucket } from '../../src/live/bucket.ts';

describe('bucket', () => {
  it('gives a burst, then as many as time brings', () => {
    const bucket = createBucket(10, 3, 0);
    expect([0, 0, 0, 0].map((nowMs) => bucket.take(nowMs))).toEqual([true, true, true, false]);
    expect(bucket.take(99)).toBe(false);
    expect([200, 200, 200].map((nowMs) => bucket.take(nowMs))).toEqual([true, true, false]);
  });

  it('never allows more than its rate and burst, whatever the times', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.nat({ max: 500 }), { maxLength: 200 }),
        (perSecond, burst, gapsMs) => {
          const bucket = createBucket(perSecond, burst, 0);
          let nowMs = 0;
          let allowed = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            if (bucket.take(nowMs)) allowed += 1;
            expect(allowed).toBeLessThanOrEqual(burst + (perSecond * nowMs) / 1_000 + 1e-6);
          }
        },
      ),
    );
  });
});
