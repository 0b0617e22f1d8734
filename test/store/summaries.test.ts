/** Summaries of hours and days: by the aggregate and by the positions the same, and what they should be. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distanceM } from '../../src/fleet/distance.ts';
import {
  distancesOf,
  summariesOfAggregate,
  summariesOfPositions,
  type SummaryRange,
} from '../../src/store/summaries.ts';
import {
  createHourlyAggregate,
  hasHourlyAggregate,
  refreshHourlyAggregate,
} from '../../src/store/timescale.ts';
import { fixFlags } from '../../src/wire/types.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { storeFixes, placed, type Placed } from './fixes.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const fromMs = Date.UTC(2026, 2, 10);
const range: SummaryRange = { key: 'bus-1', per: 'hour', fromMs, toMs: fromMs + 3 * dayMs };

let test: TestDatabase;

/** Every 47 s for two days, a speed in three of four, one in 100 filtered, one in 150 late. */
const fixes: readonly Placed[] = Array.from({ length: 3_600 }, (_, index) => {
  const filtered = index % 100 === 7 ? fixFlags.jump : 0;
  return placed('bus-1', index, {
    timeMs: fromMs - hourMs + index * 47_000 + (index % 10),
    latE7: 526_000_000 + index * 900,
    lonE7: -86_000_000 - index * 700,
    speedCms: index % 4 === 0 ? null : (index * 37) % 3_001,
    flags: filtered | (index % 150 === 0 ? fixFlags.late : 0),
  });
});

beforeAll(async () => {
  test = await openTestDatabase();
  const others = [placed('bus-10', 0, { timeMs: fromMs }), placed('acme/bus-1', 0)];
  await storeFixes(test.database, [...fixes, ...others]);
});

afterAll(() => test.cleanup());

/** The same by hand. */
function expected({ per, fromMs: first, toMs }: SummaryRange): unknown[] {
  const sizeMs = per === 'hour' ? hourMs : dayMs;
  const groups = new Map<number, Placed['fix'][]>();
  for (const { fix } of fixes) {
    if ((fix.flags & fixFlags.jump) !== 0 || fix.timeMs < first || fix.timeMs >= toMs) continue;
    const startMs = Math.floor(fix.timeMs / sizeMs) * sizeMs;
    groups.set(startMs, [...(groups.get(startMs) ?? []), fix]);
  }
  return [...groups].map(([startMs, group]) => {
    const speeds = group.flatMap(({ speedCms }) => (speedCms === null ? [] : [speedCms]));
    const sum = speeds.reduce((total, speed) => total + speed, 0);
    return {
      startMs,
      fixes: group.length,
      firstTimeMs: group[0]?.timeMs,
      lastTimeMs: group.at(-1)?.timeMs,
      topSpeed: Math.max(...speeds) / 100,
      averageSpeed: Math.round(sum / speeds.length) / 100,
    };
  });
}

describe.each(['hour', 'day'] as const)('per %s', (per) => {
  it('of the positions', async () => {
    const found = await summariesOfPositions(test.database.sql, { ...range, per });
    expect(found).toEqual(expected({ ...range, per }));
    expect(found.length).toBe(per === 'hour' ? 46 : 2);
  });

  it('of the aggregate, where the edition has one: before it is refreshed, in part, and after', async () => {
    const { sql, edition } = test.database;
    if (!edition.hasAggregates) return;
    await createHourlyAggregate(sql);
    expect(await hasHourlyAggregate(sql)).toBe(true);
    const wanted = await summariesOfPositions(sql, { ...range, per });
    expect(await summariesOfAggregate(sql, { ...range, per })).toEqual(wanted);
    await refreshHourlyAggregate(sql, null, fromMs + 5 * hourMs);
    expect(await summariesOfAggregate(sql, { ...range, per })).toEqual(wanted);
    await refreshHourlyAggregate(sql, null, fromMs + 30 * dayMs);
    expect(await summariesOfAggregate(sql, { ...range, per })).toEqual(wanted);
  });

  it('the distance is that of the way, whatever the range', async () => {
    const { sql } = test.database;
    const sizeMs = per === 'hour' ? hourMs : dayMs;
    const good = fixes.map(({ fix }) => fix).filter(({ flags }) => (flags & fixFlags.jump) === 0);
    const way = new Map<number, number>();
    for (const [index, fix] of good.entries()) {
      const before = good[index - 1];
      if (before === undefined || fix.timeMs < fromMs) continue;
      const startMs = Math.floor(fix.timeMs / sizeMs) * sizeMs;
      const stepM = distanceM(before.latE7, before.lonE7, fix.latE7, fix.lonE7);
      way.set(startMs, (way.get(startMs) ?? 0) + stepM);
    }
    const found = await distancesOf(sql, { ...range, per });
    expect(new Set(found.keys())).toEqual(new Set(way.keys()));
    for (const [startMs, metres] of way) expect(found.get(startMs)).toBeCloseTo(metres, 3);
    const one = await distancesOf(sql, {
      key: 'bus-1',
      per,
      fromMs: fromMs + dayMs,
      toMs: fromMs + 2 * dayMs,
    });
    for (const [startMs, metres] of one) expect(metres).toBeCloseTo(found.get(startMs) ?? 0, 6);
  });
});

it('an aggregate of an earlier version is made anew', async () => {
  const { sql, edition } = test.database;
  if (!edition.hasAggregates) return;
  await sql.unsafe('drop materialized view if exists positions_hourly');
  await sql.unsafe(`
    create materialized view positions_hourly
    with (timescaledb.continuous, timescaledb.materialized_only = false) as
    select time_bucket(interval '1 hour', time) as hour, vehicle_id, count(*) as fixes
    from positions group by hour, vehicle_id with no data`);
  expect(await hasHourlyAggregate(sql)).toBe(false);
  await createHourlyAggregate(sql);
  expect(await hasHourlyAggregate(sql)).toBe(true);
});

it('a vehicle without a fix, or without a speed, has no numbers made up', async () => {
  const { sql } = test.database;
  expect(await summariesOfPositions(sql, { ...range, key: 'bus-2' })).toEqual([]);
  expect((await distancesOf(sql, { ...range, key: 'bus-2' })).size).toBe(0);
  const [only] = await summariesOfPositions(sql, { ...range, key: 'bus-10' });
  expect(only).toMatchObject({ fixes: 1, firstTimeMs: fromMs, lastTimeMs: fromMs, topSpeed: 12.5 });
  expect([...(await distancesOf(sql, { ...range, key: 'bus-10' }))]).toEqual([[fromMs, 0]]);
});
