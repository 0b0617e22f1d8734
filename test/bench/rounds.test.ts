/** Rounds: every arm as often, the order turned, and noise from an arm's own rounds alone. */
import { describe, expect, it } from 'vitest';
import { inRounds, medianOf, noiseOf, ratioOf } from '../../bench/rounds.ts';

describe('rounds', () => {
  it('measures every arm once a round, in the order turned round each time', async () => {
    const order: string[] = [];
    const results = await inRounds(['a', 'b', 'c'], 3, async (arm, round) => {
      order.push(arm);
      return `${arm}${round}`;
    });
    expect(order.join('')).toBe('abccbaabc');
    expect(results).toEqual([
      ['a0', 'a1', 'a2'],
      ['b0', 'b1', 'b2'],
      ['c0', 'c1', 'c2'],
    ]);
  });

  it('takes the middle', () => {
    expect(medianOf([3, 1, 2])).toBe(2);
    expect(medianOf([4, 1, 2, 3])).toBe(2.5);
    expect(medianOf([])).toBeNaN();
  });

  it('compares round by round, so that a slow round of both counts for neither', () => {
    expect(ratioOf([10, 1, 10], [20, 2, 20])).toBe(0.5);
  });

  it('knows the noise of the noisiest arm', () => {
    expect(noiseOf([10, 8, 10, 8], [5, 5, 5, 5])).toBeCloseTo(0.2);
    expect(noiseOf([1, 1])).toBe(0);
  });
});
