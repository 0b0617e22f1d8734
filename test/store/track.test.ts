/** A track, page by page. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countTrack, hasPositions, readTrack, type TrackFix } from '../../src/store/track.ts';
import { fixFlags } from '../../src/wire/types.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { storeFixes, placed, startMs, track } from './fixes.ts';

let test: TestDatabase;
const range = { key: 'bus-1', fromMs: startMs, toMs: startMs + 3_600_000, isAll: false };

beforeAll(async () => {
  test = await openTestDatabase();
  const flagged = [
    placed('bus-1', 100, { flags: fixFlags.late | fixFlags.backfill }),
    placed('bus-1', 101, { flags: fixFlags.clockSkew | fixFlags.backfill }),
    placed('bus-1', 102, { flags: fixFlags.outdated }),
    placed('bus-1', 103, {
      attributes: '{"a": "\\"é"}',
      speedCms: null,
      courseCdeg: null,
      altitudeDm: null,
      accuracyDm: null,
      satellites: null,
    }),
  ];
  const rows = [
    ...track('bus-1', 100),
    ...flagged,
    ...track('acme/bus-1', 5),
    ...track('bus-2', 5),
  ];
  await storeFixes(test.database, rows);
});

afterAll(() => test.cleanup());

async function pages(isAll: boolean, rows: number): Promise<TrackFix[]> {
  const all: TrackFix[] = [];
  for (;;) {
    const afterMs = all.at(-1)?.timeMs ?? null;
    const page = await readTrack(test.database.sql, { ...range, isAll }, afterMs, rows);
    if (page.length === 0) return all;
    expect(page.length).toBeLessThanOrEqual(rows);
    all.push(...page);
  }
}

it.each([1, 7, 50, 1_000])('in pages of %i every fix comes once, in order', async (rows) => {
  const all = await pages(false, rows);
  const seconds = [...Array.from({ length: 101 }, (_, index) => index), 103];
  expect(all.map(({ timeMs }) => timeMs)).toEqual(seconds.map((s) => startMs + s * 1_000));
});

it('has the units of people, and what is unknown as null', async () => {
  const all = await pages(true, 1_000);
  expect(all).toHaveLength(104);
  expect(all[3]).toEqual({
    timeMs: startMs + 3_000,
    latitude: 52.6000003,
    longitude: -8.6000003,
    speed: 12.5,
    course: 270,
    altitude: 12.3,
    accuracy: 3.5,
    satellites: 9,
    attributes: null,
    flags: 0,
  });
  expect(all[101]?.flags).toBe(fixFlags.clockSkew | fixFlags.backfill);
  expect(all[103]).toMatchObject({ speed: null, satellites: null, attributes: '{"a": "\\"é"}' });
});

it('the end of the range is not in it, its beginning is', async () => {
  const short = { ...range, fromMs: startMs + 1_000, toMs: startMs + 3_000 };
  const found = await readTrack(test.database.sql, short, null, 10);
  expect(found.map(({ timeMs }) => timeMs - startMs)).toEqual([1_000, 2_000]);
});

it('counts, but no further than it is told', async () => {
  const { sql } = test.database;
  expect(await countTrack(sql, range, 1_000)).toBe(102);
  expect(await countTrack(sql, { ...range, isAll: true }, 1_000)).toBe(104);
  expect(await countTrack(sql, range, 17)).toBe(17);
  expect(await countTrack(sql, { ...range, key: 'bus-9' }, 17)).toBe(0);
});

it('knows of whom there is anything', async () => {
  expect(await hasPositions(test.database.sql, 'bus-2')).toBe(true);
  expect(await hasPositions(test.database.sql, 'acme/bus-2')).toBe(false);
});
