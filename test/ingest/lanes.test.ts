import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseLane, type Lane } from '../../src/ingest/lanes.ts';
import { limits } from '../../src/limits.ts';
import { emptyFix, neverMs } from '../../src/live/vehicles.ts';
import { fixFlags, type Fix } from '../../src/wire/types.ts';

const nowMs = Date.UTC(2026, 0, 1);
const { clockSkew, late, backfill } = fixFlags;

describe('chooseLane', () => {
  const last: Fix = { ...emptyFix(nowMs - 10_000), attributes: '{"a":1,"b":[2]}' };

  it.each<[string, Partial<Fix>, Lane, number]>([
    ['newer', { timeMs: nowMs }, 'live', 0],
    ['newer by a millisecond', { timeMs: last.timeMs + 1 }, 'live', 0],
    ['older', { timeMs: last.timeMs - 1 }, 'backfill', backfill],
    ['ahead within the tolerance', { timeMs: nowMs + limits.futureToleranceMs }, 'live', 0],
    [
      'ahead of the tolerance',
      { timeMs: nowMs + limits.futureToleranceMs + 1 },
      'backfill',
      clockSkew | backfill,
    ],
    ['the same', { ...last }, 'repeated', 0],
    ['the same as jsonb shows it', { ...last, attributes: '{"b": [2], "a": 1}' }, 'repeated', 0],
    ['elsewhere at the same time', { ...last, latE7: 1 }, 'conflicting', 0],
    ['other attributes', { ...last, attributes: '{"a":2}' }, 'conflicting', 0],
    ['no attributes', { ...last, attributes: null }, 'conflicting', 0],
  ])('%s', (_name, fields, lane, flags) => {
    const fix = { ...emptyFix(nowMs), ...fields };
    expect(chooseLane(fix, last, true, nowMs, limits)).toBe(lane);
    expect(fix.flags).toBe(flags);
  });

  it('a repeat of what only the table knows is stored, for the database to compare', () => {
    const fix = { ...last };
    expect(chooseLane(fix, last, false, nowMs, limits)).toBe('backfill');
    expect(fix.flags).toBe(backfill);
  });

  it('the first fix of a vehicle is live, however old', () => {
    const fix = emptyFix(Date.UTC(2019, 1, 18));
    expect(chooseLane(fix, emptyFix(neverMs), true, nowMs, limits)).toBe('live');
    expect(fix.flags).toBe(late);
  });

  it('the last known never moves back nor into the future, whatever arrives', () => {
    const offsets = fc.array(fc.integer({ min: -1e9, max: 1e9 }), { maxLength: 50 });
    fc.assert(
      fc.property(offsets, (times) => {
        let known = emptyFix(neverMs);
        for (const offset of times) {
          const fix = emptyFix(nowMs + offset);
          if (chooseLane(fix, known, true, nowMs, limits) !== 'live') continue;
          expect(fix.timeMs).toBeGreaterThan(known.timeMs);
          expect(fix.timeMs).toBeLessThanOrEqual(nowMs + limits.futureToleranceMs);
          known = fix;
        }
      }),
    );
  });
});
