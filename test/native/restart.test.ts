/** The server itself: stopped and started again, without its library, or not there at all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { saveVehicles } from '../../src/store/vehicles.ts';
import { createWriter } from '../../src/store/writer.ts';
import { batchOf, placed, track } from '../store/fixes.ts';
import { openTestDatabase, serverUrl, type TestDatabase } from '../support/database.ts';
import { startNative, type NativeServer } from './server.ts';

describe.skipIf(serverUrl === null)('a server that is stopped and started again', () => {
  let server: NativeServer;
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    server = await startNative();
    test = await openTestDatabase({ url: server.url });
    database = test.database;
  });

  afterAll(async () => {
    await server.start();
    await test.cleanup();
    await server.remove();
  });

  it('in the middle of a stream has every row once', async () => {
    const metrics = createMetrics();
    const bounds = { ...limits, retryDelayMinMs: 10, retryDelayMaxMs: 100 };
    const writer = createWriter({
      database,
      bounds,
      metrics,
      clock: systemClock,
      random: Math.random,
    });
    let rows = 0;
    let number = 0;
    let isStreaming = true;
    const lane = async (): Promise<void> => {
      while (isStreaming) {
        const result = await writer.write(batchOf(track(`veh-${number++}`, 1_000)));
        rows += result.stored + result.duplicates;
      }
    };
    const lanes = [lane(), lane()];
    for (let outage = 0; outage < 3; outage++) {
      const before = metrics.counters.batchesStored;
      await expect
        .poll(() => metrics.counters.batchesStored, { timeout: 20_000 })
        .toBeGreaterThan(before + 3);
      await server.stop();
      await expect.poll(() => writer.isAvailable).toBe(false);
      await expect(database.sql`select 1`).rejects.toThrow(/ECONN|CONNECTION/);
      await server.start();
      await expect.poll(() => writer.isAvailable, { timeout: 20_000 }).toBe(true);
    }
    isStreaming = false;
    await Promise.all(lanes);
    await saveVehicles(database.sql, [placed('veh-1', 0)]);
    const [row] = await database.sql<{ rows: number }[]>`
      select count(*)::integer as rows from positions`;
    expect(row?.rows).toBe(rows);
    expect(rows).toBe(number * 1_000);
    expect(metrics.counters.rowsDead).toBe(0);
  });

  it('has the maintenance fail in between, and go on afterwards', async () => {
    const failedBefore = test.options.metrics.counters.maintenanceFailed;
    await server.stop();
    await database.maintenance.run();
    expect(test.options.metrics.counters.maintenanceFailed).toBe(failedBefore + 1);
    await server.start();
    await database.maintenance.run();
    expect(test.options.metrics.counters.maintenanceFailed).toBe(failedBefore + 1);
  });

  it('is not there when it is stopped', async () => {
    await server.stop();
    await expect(openDatabase(test.options)).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('DATABASE_URL'),
    });
    await server.start();
  });
});

describe.skipIf(serverUrl === null)('a server without the library', () => {
  it('is an error that says what to set', async () => {
    const server = await startNative({ isPreloaded: false });
    try {
      await expect(openTestDatabase({ url: server.url })).rejects.toMatchObject({
        code: 'DATABASE_NO_TIMESCALE',
        message: expect.stringContaining("shared_preload_libraries = 'timescaledb'"),
      });
    } finally {
      await server.remove();
    }
  });
});
