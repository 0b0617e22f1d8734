/** What maintenance has dropped: counted, told, recorded, and its room given back. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { keepForEver } from '../../src/retention.ts';
import { saveMaintenanceRun } from '../../src/store/maintenanceruns.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { startMs } from './fixes.ts';
import { createUpkeep, dayMs, type Upkeep } from './upkeep.ts';

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

describe('what was dropped', () => {
  /** Sessions that ended ten days ago. */
  async function storeSessions(count: number): Promise<void> {
    await test.database.sql`
      insert into sessions
        (id, node, tenant, subject, role, plane, address, started_at, ended_at)
      select gen_random_uuid(), 'n', 'acme', 'v', 'device', 'ingest', '::1', ended, ended
      from (select ${new Date(startMs - 10 * dayMs)}::timestamptz as ended) as told,
        generate_series(1, ${count})`;
  }
  const retention = { ...keepForEver, positionsMs: 4 * dayMs, sessionsMs: dayMs };
  const recorded = () => test.database.sql`
    select source, unit, dropped::integer, started_at, took_ms >= 0 as "isTimed"
    from maintenance_runs order by id`;

  beforeEach(async () => {
    await test.database.sql`truncate sessions, maintenance_runs`;
  });

  it('is counted, told and recorded, and nothing else is', async () => {
    await upkeep.storeDays(10);
    await storeSessions(3);
    const { metrics, notices } = await upkeep.runOnce({ retention });
    expect(metrics.counters).toMatchObject({
      maintenanceFailed: 0,
      retentionChunksDropped: 5,
      retentionRowsDropped: 3,
    });
    expect(notices).toContainEqual(
      expect.stringMatching(/^maintenance: retention of sessions dropped 3 rows in \d+ ms$/),
    );
    const run = { started_at: new Date(startMs), isTimed: true };
    const runs = [
      { source: 'positions', unit: 'chunks', dropped: 5, ...run },
      { source: 'sessions', unit: 'rows', dropped: 3, ...run },
    ];
    expect([...(await recorded())]).toEqual(runs);
    await upkeep.runOnce({ retention });
    expect([...(await recorded())]).toEqual(runs);
  });

  it('is recorded of the newest runs only', async () => {
    const { sql } = test.database;
    for (const dropped of [1, 2, 3, 4]) {
      const run = { source: 'events', unit: 'rows', dropped, startedAtMs: startMs } as const;
      await saveMaintenanceRun(sql, { ...run, tookMs: 1 }, 2);
    }
    expect((await recorded()).map((row) => row['dropped'])).toEqual([3, 4]);
  });

  it('is vacuumed in the embedded database, when it is much', async (context) => {
    if (test.database.kind !== 'embedded') return context.skip();
    const pagesOf = async (): Promise<number> => {
      const [row] = await test.database.sql<{ pages: number }[]>`
        select (pg_relation_size('sessions') / 8192)::integer as pages`;
      return row?.pages ?? 0;
    };
    await storeSessions(500);
    expect(await pagesOf()).toBeGreaterThan(0);
    const bounds = { ...limits, retentionPageRowsMax: 100, embeddedVacuumRowsMin: 501 };
    await upkeep.runOnce({ retention, bounds });
    expect(await pagesOf()).toBeGreaterThan(0);
    await storeSessions(500);
    await upkeep.runOnce({ retention, bounds: { ...bounds, embeddedVacuumRowsMin: 500 } });
    expect(await pagesOf()).toBe(0);
  });
});
