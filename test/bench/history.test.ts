/** The times of a history: so many of each vehicle, evenly, none twice, and never over the end of a day at once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daysOf } from '../../bench/history.ts';

const daySeconds = 86_400;

describe('the days of a history', () => {
  it('have all times, in order, each within one day', () => {
    const plans = fc.record({
      rows: fc.integer({ min: 1, max: 300_000 }),
      vehicles: fc.integer({ min: 1, max: 10 }),
      endMs: fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }),
    });
    fc.assert(
      fc.property(plans, (plan) => {
        const stretches = daysOf(plan);
        let times = 0;
        let nextS: number | null = null;
        for (const { fromS, toS } of stretches) {
          expect(Math.floor(fromS / daySeconds)).toBe(Math.floor(toS / daySeconds));
          if (nextS !== null) expect(fromS).toBe(nextS);
          times += (toS - fromS) / 10 + 1;
          nextS = toS + 10;
        }
        expect(times).toBe(Math.ceil(plan.rows / plan.vehicles));
        expect(stretches.at(-1)?.toS).toBe(Math.floor(plan.endMs / 1_000));
      }),
    );
  });
});
