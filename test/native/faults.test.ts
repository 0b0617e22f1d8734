/** Faults that only a server over a network has: silence, lost answers, lost connections. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { createWriter, type Writer } from '../../src/store/writer.ts';
import { openTestDatabase, serverUrl, type TestDatabase } from '../support/database.ts';
import { openProxy, type Proxy } from '../support/proxy.ts';
import { batchOf, rowsOf, track } from '../store/fixes.ts';

const bounds = {
  ...limits,
  flushDeadlineMs: 500,
  databaseConnectTimeoutMs: 2_000,
  retryDelayMinMs: 5,
  retryDelayMaxMs: 50,
};

describe.skipIf(serverUrl === null)('a server behind a network', () => {
  let test: TestDatabase;
  let proxy: Proxy;
  let database: Database;
  let metrics: Metrics;
  let writer: Writer;

  beforeAll(async () => {
    test = await openTestDatabase();
  });

  beforeEach(async () => {
    await test.database.sql`truncate positions`;
    const url = new URL(test.url!);
    proxy = await openProxy(Number(url.port));
    url.port = String(proxy.port);
    metrics = createMetrics();
    database = await openDatabase({ ...test.options, bounds, metrics, url: url.href });
    writer = createWriter({ database, bounds, metrics, clock: systemClock, random: Math.random });
  });

  afterEach(async () => {
    proxy.release();
    await writer.close();
    await database.close();
    await proxy.close();
  });

  afterAll(async () => {
    await test.cleanup();
  });

  async function stored(): Promise<number> {
    const [row] = await test.database.sql<{ rows: number }[]>`
      select count(*)::integer as rows from positions`;
    return row?.rows ?? -1;
  }

  it('that goes silent has its connections thrown away, and gets the batch when it speaks', async () => {
    await writer.write(batchOf(track('veh-1', 10)));
    const before = proxy.connections;
    expect(before).toBeGreaterThan(1);
    proxy.hold('both');
    const writing = writer.write(batchOf(track('veh-2', 10)));
    await expect.poll(() => metrics.counters.poolsReplaced, { timeout: 20_000 }).toBeGreaterThan(0);
    expect(writer.isAvailable).toBe(false);
    proxy.release();
    expect(await writing).toMatchObject({ stored: 10, dead: 0 });
    expect(writer.isAvailable).toBe(true);
    expect(metrics.counters.batchesTimedOut).toBe(metrics.counters.poolsReplaced);
    expect(await stored()).toBe(20);
  });

  it('that goes silent keeps no socket of what was thrown away', async () => {
    await writer.write(batchOf(track('veh-1', 10)));
    const idle = proxy.connections;
    proxy.hold('both');
    const copying = database.copy.copy([rowsOf(track('veh-2', 5_000))]);
    const merging = database.copy.merge([rowsOf(track('veh-3', 10))]);
    const querying = database.sql`select 1`;
    await expect.poll(() => proxy.connections).toBeGreaterThan(idle);
    await Promise.all([
      expect(copying).rejects.toThrow('CONNECTION'),
      expect(merging).rejects.toThrow('CONNECTION'),
      expect(querying).rejects.toThrow('CONNECTION'),
      database.copy.replace(),
      database.reset(),
    ]);
    // A held proxy does not read, so it sees the reset only when it reads again.
    proxy.release();
    await expect.poll(() => proxy.connections).toBe(0);
    expect(await database.sql`select 1 as a`).toEqual([{ a: 1 }]);
  });

  it('whose answer is lost after the commit has the rows already', async () => {
    const batch = batchOf(track('veh-1', 20_000));
    // Rows are sent when the COPY has begun: all that the server says from here on is lost.
    proxy.holdServerAfter(batch.bytes / 2);
    const writing = writer.write(batch);
    await expect.poll(stored, { timeout: 20_000 }).toBe(20_000);
    proxy.cut();
    proxy.release();
    expect(await writing).toEqual({ stored: 0, duplicates: 20_000, conflicting: 0, dead: 0 });
    expect(await stored()).toBe(20_000);
  });

  it('that cuts connections at any moment loses nothing and stores nothing twice', async () => {
    let cuts = 0;
    const cutter = setInterval(() => {
      proxy.cut();
      cuts += 1;
    }, 97);
    const numbers = Array.from({ length: 40 }, (_, index) => index);
    const results = await Promise.all(
      [0, 1].map(async (lane) => {
        let rows = 0;
        for (const number of numbers.filter((each) => each % 2 === lane)) {
          const result = await writer.write(batchOf(track(`veh-${number}`, 500)));
          rows += result.stored + result.duplicates;
        }
        return rows;
      }),
    );
    clearInterval(cutter);
    expect(cuts).toBeGreaterThan(0);
    expect(results).toEqual([10_000, 10_000]);
    expect(await stored()).toBe(20_000);
    expect(metrics.counters.rowsDead).toBe(0);
    expect(metrics.counters.batchesFailed).toBeGreaterThan(0);
  });

  it('that cuts connections answers queries again afterwards, every time', async () => {
    for (let round = 0; round < 30; round++) {
      const queries = Array.from({ length: 6 }, (_, index) =>
        database.sql`select ${index}::integer as a`.then(
          ([row]) => row,
          (error: Error) => error,
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, round % 5));
      proxy.cut();
      for (const answer of await Promise.all(queries)) {
        if (!(answer instanceof Error)) expect(answer).toHaveProperty('a');
      }
      await expect
        .poll(() => database.sql`select 1 as a`.then(() => true).catch(() => false))
        .toBe(true);
    }
  });

  it('has no batch that is stored in part', async () => {
    const rows = rowsOf(track('veh-1', 5_000));
    const attempts = Array.from({ length: 20 }, async (_, round) => {
      await new Promise((resolve) => setTimeout(resolve, round * 7));
      return database.copy.copy([rows]);
    });
    const cutter = setInterval(() => proxy.cut(), 20);
    await Promise.allSettled(attempts);
    clearInterval(cutter);
    expect([0, 5_000]).toContain(await stored());
  });
});
