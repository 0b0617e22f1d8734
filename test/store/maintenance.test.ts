import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createMaintenance, type Maintenance } from '../../src/store/maintenance.ts';
import type { Connected } from '../../src/store/native.ts';
import { openPool, type Pool } from '../../src/store/pool.ts';
import { compressChunks, detectEdition, dropChunks } from '../../src/store/timescale.ts';
import { createWriter } from '../../src/store/writer.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { batchOf, placed, startMs } from './fixes.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  const { sql } = test.database;
  // Not prepared: TimescaleDB changes the statement that it runs, and would not know it the second time.
  await sql.unsafe('drop materialized view if exists positions_hourly');
  await dropChunks(sql, startMs + 1_000 * dayMs);
});

afterAll(async () => {
  await test.cleanup();
});

/** Fixes of one vehicle, one a day, the newest at `startMs`. */
async function storeDays(days: number): Promise<void> {
  const writer = createWriter({
    database: test.database,
    bounds: limits,
    metrics: createMetrics(),
    clock: systemClock,
    random: Math.random,
  });
  const fixes = Array.from({ length: days }, (_, age) =>
    placed('veh-1', 0, { timeMs: startMs - age * dayMs }),
  );
  await writer.write(batchOf(fixes));
}

async function daysLeft(): Promise<number> {
  const [row] = await test.database.sql<{ days: number }[]>`
    select count(*)::integer as days from positions`;
  return row?.days ?? 0;
}

/** A connection of its own to the same database. */
function openSession(): Pool {
  const { options } = test.database.sql as unknown as { options: { path?: string } };
  return openPool({
    target: test.url === null ? { path: options.path ?? '' } : { url: test.url },
    max: 1,
    connectTimeoutMs: limits.databaseConnectTimeoutMs,
    onNotice: () => undefined,
  });
}

interface Round {
  readonly maintenance: Maintenance;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly notices: string[];
}

function make(
  settings: { retentionMs?: number; compressAfterMs?: number; clock?: Clock } = {},
  database: Pick<Connected, 'kind' | 'openSession'> = { kind: test.database.kind, openSession },
): Round {
  const metrics = createMetrics();
  const notices: string[] = [];
  const maintenance = createMaintenance({
    database,
    edition: test.database.edition,
    bounds: limits,
    clock: { ...systemClock, nowMs: () => startMs },
    metrics,
    onNotice: (text) => notices.push(text),
    retentionMs: 0,
    compressAfterMs: 0,
    ...settings,
  });
  return { maintenance, metrics, notices };
}

async function runOnce(settings: {
  retentionMs?: number;
  compressAfterMs?: number;
}): Promise<Round> {
  const round = make(settings);
  await round.maintenance.run();
  await round.maintenance.stop();
  return round;
}

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
    await storeDays(10);
    const { metrics } = await runOnce({ retentionMs: 4 * dayMs });
    // The chunk that the limit goes through stays.
    expect(await daysLeft()).toBe(5);
    expect(metrics.counters.maintenanceFailed).toBe(0);
  });

  it('of 0 keeps everything', async () => {
    await storeDays(10);
    await runOnce({ retentionMs: 0 });
    expect(await daysLeft()).toBe(10);
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
    await storeDays(10);
    const { metrics, notices } = await runOnce({ compressAfterMs: 4 * dayMs });
    const { hasCompression } = test.database.edition;
    expect(await compressed()).toBe(hasCompression ? 5 : 0);
    expect(notices.filter((text) => text.startsWith('compression is skipped'))).toHaveLength(
      hasCompression ? 0 : 1,
    );
    expect(metrics.counters.maintenanceFailed).toBe(0);
    expect(await daysLeft()).toBe(10);
  });

  it('takes some chunks a round, the oldest first', async (context) => {
    if (!test.database.edition.hasCompression) return context.skip();
    await storeDays(6);
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
    await storeDays(6);
    await runOnce({ compressAfterMs: dayMs });
    const writer = createWriter({
      database: test.database,
      bounds: limits,
      metrics: createMetrics(),
      clock: systemClock,
      random: Math.random,
    });
    const repeats = [placed('veh-1', 0, { timeMs: startMs - 4 * dayMs })];
    const late = [placed('veh-1', 0, { timeMs: startMs - 4 * dayMs + 1 })];
    expect(await writer.write(batchOf([...repeats, ...late]))).toMatchObject({
      stored: 1,
      duplicates: 1,
    });
  });
});

describe('the hourly aggregate', () => {
  it('is kept where the edition can, also of what retention dropped, else is skipped', async () => {
    const { sql, edition } = test.database;
    await storeDays(10);
    const first = await runOnce({});
    expect(first.metrics.counters.maintenanceFailed).toBe(0);
    if (!edition.hasAggregates) {
      expect(first.notices.join()).toContain('the hourly aggregate is skipped');
      return;
    }
    const { metrics, notices } = await runOnce({ retentionMs: 4 * dayMs });
    expect([metrics.counters.maintenanceFailed, notices]).toEqual([0, []]);
    expect(await daysLeft()).toBe(5);
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
    await storeDays(10);
    const other = openSession();
    try {
      const [row] = await other.sql`select pg_try_advisory_lock(7070002) as locked`;
      expect(row).toEqual({ locked: true });
      // The embedded database has one session, and one node.
      const isAlone = test.database.kind === 'embedded';
      await runOnce({ retentionMs: 4 * dayMs });
      expect(await daysLeft()).toBe(isAlone ? 5 : 10);
      await other.sql`select pg_advisory_unlock(7070002)`;
    } finally {
      await other.close();
    }
    await runOnce({ retentionMs: 4 * dayMs });
    expect(await daysLeft()).toBe(5);
  });

  it('goes on after a task that fails, counts it and tells', async () => {
    await storeDays(3);
    const { sql } = test.database;
    await sql`alter table positions rename to elsewhere`;
    try {
      const { metrics, notices } = await runOnce({ retentionMs: dayMs });
      expect(metrics.counters.maintenanceFailed).toBeGreaterThan(0);
      expect(notices.join()).toMatch(/maintenance: retention failed .*positions/);
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
    const { maintenance, metrics, notices } = make({}, { kind: 'native', openSession: nowhere });
    await maintenance.run();
    await maintenance.stop();
    expect(metrics.counters.maintenanceFailed).toBe(1);
    expect(notices.join()).toMatch(/maintenance: lock failed/);
  });

  it('comes again with every interval until it is stopped', async () => {
    await storeDays(10);
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
    const { maintenance } = make({ retentionMs: 4 * dayMs, clock });
    tick();
    await maintenance.run();
    expect(await daysLeft()).toBe(5);
    await storeDays(10);
    tick();
    await maintenance.run();
    expect(await daysLeft()).toBe(5);
    await maintenance.stop();
    expect(cancelled).toBe(1);
  });

  it('runs once however often it is asked for', async () => {
    let sessions = 0;
    const { maintenance } = make(
      {},
      {
        kind: test.database.kind,
        openSession() {
          sessions += 1;
          return openSession();
        },
      },
    );
    await Promise.all([maintenance.run(), maintenance.run(), maintenance.run()]);
    expect(sessions).toBe(1);
    await maintenance.stop();
  });
});
