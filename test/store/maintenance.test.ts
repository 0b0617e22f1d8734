import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { keepForEver } from '../../src/retention.ts';
import { openPool, type Pool } from '../../src/store/pool.ts';
import { compressChunks, detectEdition } from '../../src/store/timescale.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { storeFixes, placed, startMs } from './fixes.ts';
import { createUpkeep, dayMs, keep, type Upkeep } from './upkeep.ts';

const hourMs = 3_600_000;

let test: TestDatabase;
let upkeep: Upkeep;

beforeAll(async () => {
  test = await openTestDatabase();
  upkeep = createUpkeep(test);
});

beforeEach(() => upkeep.empty());

afterAll(async () => {
  await test.cleanup();
});

describe('the edition', () => {
  it('is told from its license', async () => {
    const edition = await detectEdition(test.database.sql);
    const [row] = await test.database.sql`
      select extversion, current_setting('timescaledb.license') as license
      from pg_extension where extname = 'timescaledb'`;
    const isCommunity = row?.['license'] === 'timescale';
    expect(edition).toEqual({
      version: row?.['extversion'],
      license: isCommunity ? 'timescale' : 'apache',
      hasCompression: isCommunity,
      hasAggregates: isCommunity,
    });
    expect(test.database.edition).toEqual(edition);
  });
});

describe('retention', () => {
  it('drops what is older as a whole, and nothing else', async () => {
    await upkeep.storeDays(10);
    const { metrics, notices } = await upkeep.runOnce({ retention: keep(4 * dayMs) });
    // The chunk that the limit goes through stays.
    expect(await upkeep.daysLeft()).toBe(5);
    expect(metrics.counters).toMatchObject({
      maintenanceFailed: 0,
      maintenanceRuns: 1,
      retentionChunksDropped: 5,
      retentionRowsDropped: 0,
    });
    expect(notices).toContainEqual(
      expect.stringMatching(/^maintenance: retention of positions dropped 5 chunks in \d+ ms$/),
    );
  });

  it('of aggregates drops what is older as a whole, and does not make it again', async (context) => {
    if (!test.database.edition.hasAggregates) return context.skip();
    await upkeep.storeDays(60);
    await upkeep.runOnce({});
    const hours = async (): Promise<number> => {
      const rows = await test.database.sql`
        select hour from positions_hourly where hour < ${new Date(startMs - 20 * dayMs)}`;
      return rows.length;
    };
    const before = await hours();
    const { metrics } = await upkeep.runOnce({
      retention: { ...keepForEver, aggregatesMs: 20 * dayMs },
    });
    expect(metrics.counters.maintenanceFailed).toBe(0);
    expect(metrics.counters.retentionChunksDropped).toBeGreaterThan(0);
    const after = await hours();
    expect(after).toBeLessThan(before);
    // Ten days of positions are one chunk of the aggregate, and the limit goes through one.
    expect(after).toBeLessThan(10);
    expect(await upkeep.daysLeft()).toBe(60);
    await upkeep.runOnce({ retention: { ...keepForEver, aggregatesMs: 20 * dayMs } });
    expect(await hours()).toBe(after);
  });

  it('of 0 keeps everything', async () => {
    await upkeep.storeDays(10);
    await upkeep.runOnce({});
    expect(await upkeep.daysLeft()).toBe(10);
  });
});

describe('compression', () => {
  const compressed = async (): Promise<number> => {
    const [row] = await test.database.sql<{ chunks: number }[]>`
      select count(*)::integer as chunks from timescaledb_information.chunks
      where hypertable_name = 'positions' and is_compressed`;
    return row?.chunks ?? 0;
  };

  it('compresses what is older where the edition can, else says that it is skipped', async () => {
    await upkeep.storeDays(10);
    const { metrics, notices } = await upkeep.runOnce({ compressAfterMs: 4 * dayMs });
    const { hasCompression } = test.database.edition;
    expect(await compressed()).toBe(hasCompression ? 5 : 0);
    expect(notices.filter((text) => text.startsWith('compression is skipped'))).toHaveLength(
      hasCompression ? 0 : 1,
    );
    expect(metrics.counters.maintenanceFailed).toBe(0);
    expect(await upkeep.daysLeft()).toBe(10);
  });

  it('takes some chunks a round, the oldest first', async (context) => {
    if (!test.database.edition.hasCompression) return context.skip();
    await upkeep.storeDays(6);
    const { sql } = test.database;
    expect(await compressChunks(sql, startMs, 2)).toBe(2);
    expect(await compressChunks(sql, startMs, 2)).toBe(2);
    const chunks = await sql`
      select is_compressed from timescaledb_information.chunks
      where hypertable_name = 'positions' order by range_start`;
    expect(chunks.map(({ is_compressed }) => is_compressed)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('lets late rows and repeats into what is compressed', async (context) => {
    if (!test.database.edition.hasCompression) return context.skip();
    await upkeep.storeDays(6);
    await upkeep.runOnce({ compressAfterMs: dayMs });
    const repeats = [placed('veh-1', 0, { timeMs: startMs - 4 * dayMs })];
    const late = [placed('veh-1', 0, { timeMs: startMs - 4 * dayMs + 1 })];
    expect(await storeFixes(test.database, [...repeats, ...late])).toMatchObject({
      stored: 1,
      duplicates: 1,
    });
  });
});

describe('the hourly aggregate', () => {
  it('is kept where the edition can, also of what retention dropped, else is skipped', async () => {
    const { sql, edition } = test.database;
    await upkeep.storeDays(10);
    const first = await upkeep.runOnce({});
    expect(first.metrics.counters.maintenanceFailed).toBe(0);
    if (!edition.hasAggregates) {
      expect(first.notices.join()).toContain('the hourly aggregate is skipped');
      return;
    }
    const { metrics, notices } = await upkeep.runOnce({ retention: keep(4 * dayMs) });
    expect(metrics.counters.maintenanceFailed).toBe(0);
    expect(notices).toEqual([expect.stringMatching(/retention of positions dropped 5 chunks/)]);
    expect(await upkeep.daysLeft()).toBe(5);
    const hours = await sql`select hour, fixes, speed_max from positions_hourly order by hour`;
    expect(hours).toHaveLength(10);
    expect(hours[0]).toEqual({
      hour: new Date(Math.floor((startMs - 9 * dayMs) / hourMs) * hourMs),
      fixes: '1',
      speed_max: 12.5,
    });
  });
});

describe('a round', () => {
  it('leaves the work to the node that is at it', async () => {
    await upkeep.storeDays(10);
    const other = upkeep.openSession();
    try {
      const [row] = await other.sql`select pg_try_advisory_lock(7070002) as locked`;
      expect(row).toEqual({ locked: true });
      // The embedded database has one session, and one node.
      const isAlone = test.database.kind === 'embedded';
      await upkeep.runOnce({ retention: keep(4 * dayMs) });
      expect(await upkeep.daysLeft()).toBe(isAlone ? 5 : 10);
      await other.sql`select pg_advisory_unlock(7070002)`;
    } finally {
      await other.close();
    }
    await upkeep.runOnce({ retention: keep(4 * dayMs) });
    expect(await upkeep.daysLeft()).toBe(5);
  });

  it('goes on after a task that fails, counts it and tells', async () => {
    await upkeep.storeDays(3);
    const { sql } = test.database;
    await sql`alter table positions rename to elsewhere`;
    try {
      const { metrics, notices } = await upkeep.runOnce({ retention: keep(dayMs) });
      expect(metrics.counters.maintenanceFailed).toBeGreaterThan(0);
      expect(notices.join()).toMatch(/maintenance: retention of positions failed .*positions/);
    } finally {
      await sql`alter table elsewhere rename to positions`;
    }
  });

  it('without a database is counted and told', async () => {
    const nowhere = (): Pool =>
      openPool({
        target: { url: 'postgres://127.0.0.1:1/none' },
        max: 1,
        connectTimeoutMs: 1_000,
        onNotice: () => undefined,
      });
    const { maintenance, metrics, notices } = upkeep.make(
      {},
      { kind: 'native', openSession: nowhere },
    );
    await maintenance.run();
    await maintenance.stop();
    expect(metrics.counters.maintenanceFailed).toBe(1);
    expect(notices.join()).toMatch(/maintenance: lock failed/);
  });

  it('comes again with every interval until it is stopped', async () => {
    await upkeep.storeDays(10);
    let tick: () => void = () => undefined;
    let cancelled = 0;
    const clock: Clock = {
      ...systemClock,
      nowMs: () => startMs,
      after(delayMs, action) {
        expect(delayMs).toBe(limits.maintenanceIntervalMs);
        tick = action;
        return { cancel: () => (cancelled += 1) };
      },
    };
    const { maintenance } = upkeep.make({ retention: keep(4 * dayMs), clock });
    tick();
    await maintenance.run();
    expect(await upkeep.daysLeft()).toBe(5);
    await upkeep.storeDays(10);
    tick();
    await maintenance.run();
    expect(await upkeep.daysLeft()).toBe(5);
    await maintenance.stop();
    expect(cancelled).toBe(1);
  });

  it('runs once however often it is asked for', async () => {
    let sessions = 0;
    const { maintenance } = upkeep.make(
      {},
      {
        kind: test.database.kind,
        openSession() {
          sessions += 1;
          return upkeep.openSession();
        },
      },
    );
    await Promise.all([maintenance.run(), maintenance.run(), maintenance.run()]);
    expect(sessions).toBe(1);
    await maintenance.stop();
  });
});
