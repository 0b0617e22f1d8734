import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { createWriter, type Writer } from '../../src/store/writer.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { anyPlaced, batchOf, placed, startMs, track, type Placed } from './fixes.ts';

let test: TestDatabase;
let metrics: Metrics;
let writer: Writer;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate positions, dead_letters`;
  metrics = createMetrics();
  writer = createWriter({
    database: test.database,
    bounds: limits,
    metrics,
    clock: systemClock,
    random: Math.random,
  });
});

afterAll(async () => {
  await test.cleanup();
});

const write = (fixes: readonly Placed[]) => writer.write(batchOf(fixes));

async function stored(): Promise<string[]> {
  const rows = await test.database.sql<{ at: string }[]>`
    select vehicle_id || ' ' || (extract(epoch from time) * 1000)::bigint as at
    from positions
    order by vehicle_id, time`;
  return rows.map(({ at }) => at);
}

const nameOf = ({ key, fix }: Placed): string => `${key} ${fix.timeMs}`;
const namesOf = (fixes: readonly Placed[]): string[] => fixes.map(nameOf).toSorted();

describe('a batch', () => {
  it('is stored as it is', async () => {
    const fixes = [...track('veh-1', 250), ...track('acme/veh-1', 250)];
    expect(await write(fixes)).toEqual({ stored: 500, duplicates: 0, conflicting: 0, dead: 0 });
    expect(await stored()).toEqual(namesOf(fixes));
    expect(metrics.counters).toMatchObject({
      rowsStored: 500,
      batchesStored: 1,
      batchesMerged: 0,
      batchesBisected: 0,
      batchesFailed: 0,
    });
  });

  it('comes back with every column as it was encoded', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyPlaced, { selector: nameOf, minLength: 1, maxLength: 60 }),
        async (fixes) => {
          await test.database.sql`truncate positions`;
          expect(await write(fixes)).toMatchObject({ stored: fixes.length });
          const rows = await test.database.sql`
            select vehicle_id, time, received_at, latitude, longitude, speed, course, altitude,
              accuracy, satellites, flags, attributes
            from positions`;
          const byName = new Map(rows.map((row) => [`${row.vehicle_id} ${+row.time}`, row]));
          for (const each of fixes) expect(byName.get(nameOf(each))).toEqual(expectedRow(each));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('larger than the port takes is written in parts', async () => {
    const { rowsMax } = test.database.copy;
    const small = { ...test.database.copy, rowsMax: 7 };
    expect(rowsMax).toBeGreaterThan(7);
    const partWriter = createWriter({
      database: { ...test.database, copy: small },
      bounds: limits,
      metrics,
      clock: systemClock,
      random: Math.random,
    });
    const fixes = track('veh-1', 50);
    expect(await partWriter.write(batchOf(fixes))).toMatchObject({ stored: 50, duplicates: 0 });
    expect(await stored()).toEqual(namesOf(fixes));
  });

  it('may be one of several at once', async () => {
    const batches = Array.from({ length: 12 }, (_, index) => track(`veh-${index}`, 300));
    const results = await Promise.all(batches.map(write));
    expect(results.map(({ stored: rows }) => rows)).toEqual(batches.map(() => 300));
    expect(await stored()).toEqual(namesOf(batches.flat()));
    expect(metrics.counters.batchesFailed).toBe(0);
  });

  it('may be empty', async () => {
    expect(await write([])).toEqual({ stored: 0, duplicates: 0, conflicting: 0, dead: 0 });
  });
});

function expectedRow({ key, fix, receivedAtMs }: Placed): object {
  const real = (value: number | null, scale: number): unknown =>
    value === null ? null : expect.closeTo(value / scale, 2);
  return {
    vehicle_id: key,
    time: new Date(fix.timeMs),
    received_at: new Date(receivedAtMs),
    latitude: fix.latE7 / 1e7,
    longitude: fix.lonE7 / 1e7,
    speed: real(fix.speedCms, 100),
    course: real(fix.courseCdeg, 100),
    altitude: real(fix.altitudeDm, 10),
    accuracy: real(fix.accuracyDm, 10),
    satellites: fix.satellites,
    flags: fix.flags,
    attributes: fix.attributes === null ? null : JSON.parse(fix.attributes),
  };
}

describe('rows that are there already', () => {
  it('are dropped and counted when the batch comes again', async () => {
    const fixes = track('veh-1', 40);
    await write(fixes);
    expect(await write(fixes)).toEqual({ stored: 0, duplicates: 40, conflicting: 0, dead: 0 });
    expect(await stored()).toEqual(namesOf(fixes));
    expect(metrics.counters).toMatchObject({ rowsStored: 40, rowsDuplicate: 40, batchesMerged: 1 });
  });

  it('let the new ones among them through', async () => {
    await write(track('veh-1', 30));
    expect(await write(track('veh-1', 40, 10))).toMatchObject({ stored: 20, duplicates: 20 });
    expect(await stored()).toEqual(namesOf(track('veh-1', 50)));
  });

  it('are no conflict when only the time of arrival and the flags differ', async () => {
    await write([placed('veh-1', 0, { flags: 0 })]);
    const again = { ...placed('veh-1', 0, { flags: 6 }), receivedAtMs: startMs + 999_000 };
    expect(await write([again])).toMatchObject({ duplicates: 1, conflicting: 0 });
  });

  it.each([
    ['latitude', { latE7: 1 }],
    ['an unknown speed', { speedCms: null }],
    ['satellites', { satellites: 4 }],
    ['attributes', { attributes: '{"ignition":true}' }],
  ])('are a conflict when they differ in %s, and the first stays', async (_name, change) => {
    await write([placed('veh-1', 0), placed('veh-1', 1)]);
    const result = await write([placed('veh-1', 0, change), placed('veh-1', 1)]);
    expect(result).toEqual({ stored: 0, duplicates: 2, conflicting: 1, dead: 0 });
    const [row] = await test.database.sql`
      select latitude, speed, satellites, attributes from positions order by time`;
    expect(row).toEqual({ latitude: 52.6, speed: 12.5, satellites: 9, attributes: null });
    expect(metrics.counters.rowsConflicting).toBe(1);
  });

  it('are dropped when they stand twice in one batch, and the first is stored', async () => {
    const result = await write([
      placed('veh-1', 0, { latE7: 100_000_000 }),
      placed('veh-1', 1),
      placed('veh-1', 0, { latE7: 200_000_000 }),
      placed('veh-1', 1),
    ]);
    expect(result).toEqual({ stored: 2, duplicates: 2, conflicting: 1, dead: 0 });
    const rows = await test.database.sql`select latitude from positions order by time`;
    expect(rows.map(({ latitude }) => latitude)).toEqual([10, 52.6000001]);
  });

  it('are stored once when two batches bring them at the same time', async () => {
    const fixes = track('veh-1', 500);
    const results = await Promise.all([write(fixes), write(fixes)]);
    const sum = (pick: 'stored' | 'duplicates'): number =>
      results.reduce((total, result) => total + result[pick], 0);
    expect(sum('stored')).toBe(500);
    expect(sum('duplicates')).toBe(500);
    expect(await stored()).toEqual(namesOf(fixes));
  });
});

describe('a failure that is not the fault of the rows', () => {
  it('is waited for, and the batch is stored when it is over', async () => {
    const { sql } = test.database;
    const fixes = track('veh-1', 10);
    await sql`alter table positions rename to elsewhere`;
    const retried = new Promise<unknown>((resolve) => {
      writer = createWriter({
        database: test.database,
        bounds: { ...limits, retryDelayMinMs: 1, retryDelayMaxMs: 10 },
        metrics,
        clock: systemClock,
        random: Math.random,
        onRetry: resolve,
      });
    });
    const writing = write(fixes);
    await retried;
    expect(writer.isAvailable).toBe(false);
    await sql`alter table elsewhere rename to positions`;
    expect(await writing).toMatchObject({ stored: 10 });
    expect(writer.isAvailable).toBe(true);
    expect(metrics.counters.batchesFailed).toBeGreaterThan(0);
    expect(metrics.counters).toMatchObject({ batchesStored: 1, rowsDead: 0 });
  });

  it('is given up when the writer is closed', async () => {
    const { sql } = test.database;
    await sql`alter table positions rename to elsewhere`;
    try {
      const outcomes = await Promise.allSettled([write(track('veh-1', 10)), writer.close()]);
      expect(outcomes).toMatchObject([
        { status: 'rejected', reason: { code: 'WRITER_CLOSED' } },
        { status: 'fulfilled' },
      ]);
    } finally {
      await sql`alter table elsewhere rename to positions`;
    }
  });
});
