/** Each filter: what it flags, what it lets through, that 0 switches it off, and its counter. */
import { describe, expect, it } from 'vitest';
import { attributesDigest } from '../../src/fleet/digest.ts';
import { countFiltered, isOutdated } from '../../src/fleet/filter.ts';
import { createMetrics } from '../../src/metrics.ts';
import { fixFlags, type Fix } from '../../src/wire/types.ts';
import { drive, fixAt, fold, kindsOf, stand, startMs } from './journeys.ts';

const { zeroIsland, duplicate, jump, inaccurate, drift, frequent } = fixFlags;

/** Two fixes at home before the one in question. */
const after = (fix: Fix): Fix[] => [fixAt(0, 0), fixAt(10, 2), fix];
const place = (latE7: number, lonE7: number): Fix => ({ ...fixAt(20, 0), latE7, lonE7 });
const lastFlag = (fixes: readonly Fix[], bounds = {}): number => fold(fixes, bounds).flags.at(-1)!;

describe('a filter flags', () => {
  it.each([
    ['0/0', place(0, 0), {}, zeroIsland],
    ['500 m from it', place(30_000, -30_000), {}, zeroIsland],
    ['a mast', fixAt(20, 0, 0, { accuracyDm: 2_001 }), {}, inaccurate],
    ['10 km in 10 s', fixAt(20, 10_000), {}, jump],
    ['what comes too soon', fixAt(10.5, 5), { filterIntervalMinMs: 1_000 }, frequent],
    ['the same again', fixAt(14, 2), { filterDuplicateMs: 5_000 }, duplicate],
  ])('%s', (_name, fix, bounds, flag) => {
    expect(lastFlag(after(fix), bounds)).toBe(flag);
    expect(fold(after(fix), bounds).flags).toEqual([0, 0, flag]);
  });

  it.each([
    ['0/0, switched off', place(0, 0), { filterZeroIslandM: 0, filterJumpSpeedCms: 0 }],
    ['a place in Ghana', place(56_000_000, -1_900_000), { filterJumpSpeedCms: 0 }],
    ['200 m of accuracy', fixAt(20, 0, 0, { accuracyDm: 2_000 }), {}],
    ['a mast, switched off', fixAt(20, 0, 0, { accuracyDm: 9_000 }), { filterAccuracyMaxDm: 0 }],
    ['990 m in 10 s', fixAt(20, 992), {}],
    ['90 m in 0.1 s', fixAt(10.1, 92), {}],
    ['a jump, switched off', fixAt(20, 10_000), { filterJumpSpeedCms: 0 }],
    ['what comes soon', fixAt(10.5, 5), {}],
    ['the same later', fixAt(15, 2), { filterDuplicateMs: 5_000 }],
    ['the same, switched off', fixAt(11, 2), {}],
    [
      'the same place with other attributes',
      fixAt(11, 2, 0, { attributes: '{"door":1}' }),
      { filterDuplicateMs: 5_000 },
    ],
  ])('not %s', (_name, fix, bounds) => {
    expect(lastFlag(after(fix), bounds)).toBe(0);
  });

  it('nothing of a first fix but what is wrong in itself', () => {
    expect(lastFlag([place(0, 0)])).toBe(zeroIsland);
    expect(lastFlag([fixAt(0, 0, 0, { accuracyDm: 9_999 })])).toBe(inaccurate);
    expect(lastFlag([fixAt(0, 0)], { filterIntervalMinMs: 9_000 })).toBe(0);
  });
});

describe('drift', () => {
  const bounds = { filterDriftM: 20, filterDriftIntervalMs: 60_000 };

  it('is what stands and wanders, but for one fix each interval', () => {
    const { flags } = fold(stand(0, 600, 0, 15, 10), bounds);
    // Nothing is known to stand in its first 30 s.
    expect(flags.slice(0, 3)).toEqual([0, 0, 0]);
    const kept = flags.flatMap((flag, index) => (flag === 0 ? [index] : []));
    expect(kept).toEqual([0, 1, 2, 8, 14, 20, 26, 32, 38, 44, 50, 56]);
    expect(new Set(flags)).toEqual(new Set([0, drift]));
  });

  it('is not what moves, however slowly', () => {
    const moving = { speedCms: 150 };
    const driven = drive(100, 160, 0, 90, 5, moving);
    const { flags } = fold([...stand(0, 100, 0, 0, 10), ...driven], bounds);
    expect(flags.slice(-driven.length)).toEqual(driven.map(() => 0));
  });

  it('does not keep a trip from its end', () => {
    const fixes = [...drive(0, 600, 0, 6_000), ...stand(605, 1_300, 6_000, 10)];
    expect(kindsOf(fold(fixes, bounds).outputs)).toEqual([
      'tripStarted',
      'tripStopped',
      'tripEnded',
    ]);
  });
});

describe('a jump', () => {
  it('is ignored, with all that would follow from it', () => {
    const way = drive(0, 900, 0, 9_000);
    const spike = fixAt(451, 60_000, 30_000, { speedCms: 9_000 });
    const withSpike = [...way.slice(0, 91), spike, ...way.slice(91)];
    expect(fold(withSpike).flags.filter((flag) => flag !== 0)).toEqual([jump]);
    expect(fold(withSpike, {}, 3_600_000).outputs).toEqual(fold(way, {}, 3_600_000).outputs);
  });

  it('is where the vehicle is, after so many of them', () => {
    const elsewhere = stand(605, 1_000, 90_000, 0);
    const { flags, outputs, state } = fold([...drive(0, 600, 0, 6_000), ...elsewhere]);
    const after = flags.slice(-elsewhere.length);
    expect(after.slice(0, 7)).toEqual([jump, jump, jump, jump, jump, 0, 0]);
    expect(after.slice(5).every((flag) => flag === 0)).toBe(true);
    // The trip ended where the vehicle was seen last, and the way across is no trip.
    expect(kindsOf(outputs)).toEqual(['tripStarted', 'tripEnded']);
    expect(outputs[1]).toMatchObject({ trip: { endMs: startMs + 600_000 } });
    expect(state.journey).toBe(null);
  });

  it('does not count with one long before: a good fix begins anew', () => {
    const fixes = [fixAt(0, 0)];
    for (let round = 1; round < 20; round++) {
      fixes.push(fixAt(round * 10, 0), fixAt(round * 10 + 1, 50_000));
    }
    const { flags } = fold(fixes);
    expect(flags.filter((flag) => flag === jump)).toHaveLength(19);
  });
});

describe('what is flagged', () => {
  it('on arrival is obeyed, and what was judged before is judged again', () => {
    const { state, flags } = fold([
      fixAt(0, 0, 0, { flags: fixFlags.clockSkew }),
      fixAt(1, 0, 0, { flags: fixFlags.outdated | fixFlags.late }),
      fixAt(2, 0, 0, { flags: jump | fixFlags.late }),
    ]);
    expect(flags).toEqual([fixFlags.clockSkew, fixFlags.outdated, 0]);
    expect(state.timeMs).toBe(startMs + 2_000);
  });

  it('is counted, each under its name', () => {
    const metrics = createMetrics();
    const names = Object.entries(fixFlags).filter(([, bit]) => bit >= zeroIsland);
    for (const [, bit] of names) countFiltered(bit | fixFlags.late, metrics);
    countFiltered(0, metrics);
    countFiltered(fixFlags.late | fixFlags.clockSkew, metrics);
    const counted = Object.entries(metrics.counters).filter(([, count]) => count > 0);
    expect(counted.map(([name]) => name).toSorted()).toEqual(
      names.map(([name]) => `fixesFiltered${name[0]!.toUpperCase()}${name.slice(1)}`).toSorted(),
    );
    expect(counted.every(([, count]) => count === 1)).toBe(true);
  });

  it('outdated is what was older than the bound when it came', () => {
    const bounds = { filterOutdatedMs: 60_000 };
    expect(isOutdated(startMs, startMs + 60_000, bounds)).toBe(false);
    expect(isOutdated(startMs, startMs + 60_001, bounds)).toBe(true);
    expect(isOutdated(startMs, startMs + 1e9, { filterOutdatedMs: 0 })).toBe(false);
  });
});

describe('the digest of attributes', () => {
  it.each([
    ['{"a":1,"b":[1,2]}', '{"b": [1, 2], "a": 1}'],
    ['{"a":{"x":1,"y":null}}', '{ "a": { "y": null, "x": 1 } }'],
    ['{"a":1.0}', '{"a":1}'],
  ])('is the same of %s and %s', (one, other) => {
    expect(attributesDigest(one)).toBe(attributesDigest(other));
  });

  it('differs where the content does', () => {
    const texts = [
      null,
      '{"a":1}',
      '{"a":2}',
      '{"b":1}',
      '{"a":"1"}',
      '{"a":[1]}',
      '{"a":[1,2]}',
      '{"a":[2,1]}',
      '{"a":{"b":1}}',
      '{"a":1,"b":2}',
      '{"a":2,"b":1}',
    ];
    expect(new Set(texts.map(attributesDigest)).size).toBe(texts.length);
  });
});
