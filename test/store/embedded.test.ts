import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { createWriter, type Writer, type WriterOptions } from '../../src/store/writer.ts';
import { makePlace, openTestDatabase, type Place, type TestDatabase } from '../support/database.ts';
import { batchOf, rowsOf, track } from './fixes.ts';
import { message, openRawClient } from './rawclient.ts';

const walBytesMax = 2 * 1024 * 1024;
const bounds = { ...limits, embeddedWalBytesMax: walBytesMax, embeddedCheckpointIntervalMs: 20 };

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await openTestDatabase({ url: null, bounds });
  database = test.database;
});

beforeEach(async () => {
  await database.sql`truncate positions`;
});

afterAll(async () => {
  await database.close();
  await test.cleanup();
});

function writerFor(place: WriterOptions['database'] = database, metrics = createMetrics()): Writer {
  return createWriter({
    database: place,
    bounds,
    metrics,
    clock: systemClock,
    random: Math.random,
  });
}

async function rowsOfVehicles(place: Database = database): Promise<Record<string, number>> {
  const rows = await place.sql<{ key: string; rows: number }[]>`
    select vehicle_id as key, count(*)::integer as rows from positions group by vehicle_id`;
  return Object.fromEntries(rows.map(({ key, rows: count }) => [key, count]));
}

const socketPath = (): string =>
  (database.sql as unknown as { options: { path: string } }).options.path;

/** A client that never ends its transaction. */
async function holdUp(): Promise<() => Promise<void>> {
  const client = await openRawClient(socketPath());
  await client.exchange(message('Q', 'begin\0'), 'Z\0\0\0\x05T');
  return client.vanish;
}

describe('the embedded database', () => {
  it('makes checkpoints, so that its log does not grow for ever', async () => {
    const writer = writerFor();
    const logBytes = async (): Promise<number> => {
      const [row] = await database.sql<{ bytes: number }[]>`
        select (pg_current_wal_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()`;
      return row?.bytes ?? 0;
    };
    let written = 0;
    for (let batch = 0; written < 4 * walBytesMax; batch++) {
      const before = await logBytes();
      await writer.write(batchOf(track(`veh-${batch}`, 2_000)));
      written += Math.max(0, (await logBytes()) - before);
    }
    await expect.poll(logBytes, { timeout: 30_000 }).toBeLessThan(walBytesMax);
  });

  it('keeps its rows when it is closed and opened again, and leaves no socket behind', async () => {
    await writerFor().write(batchOf(track('veh-1', 100)));
    const directory = dirname(socketPath());
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    await database.close();
    expect(existsSync(directory)).toBe(false);
    database = await openDatabase(test.options);
    expect(await rowsOfVehicles()).toEqual({ 'veh-1': 100 });
    const again = await writerFor().write(batchOf(track('veh-1', 101)));
    expect(again).toMatchObject({ stored: 1, duplicates: 100 });
  });

  it('in a directory that cannot be used is an error that says so', async () => {
    const place = await makePlace(null);
    await writeFile(place.dataDir, 'a file where the directory should be');
    try {
      await expect(openDatabase({ ...test.options, dataDir: place.dataDir })).rejects.toMatchObject(
        {
          code: 'EMBEDDED_FAILED',
          message: expect.stringContaining('FLEETWIRE_DATA_DIR'),
        },
      );
    } finally {
      await place.remove();
    }
  });
});

describe('the thread of the embedded database', () => {
  it('is replaced when it is ended, and nothing that was committed is lost', async () => {
    const writer = writerFor();
    for (let round = 0; round < 3; round++) {
      await writer.write(batchOf(track(`veh-${round}`, 100)));
      await database.reset();
    }
    expect(await writer.write(batchOf(track('veh-2', 101)))).toMatchObject({ stored: 1 });
    expect(await rowsOfVehicles()).toEqual({ 'veh-0': 100, 'veh-1': 100, 'veh-2': 101 });
    expect(test.notices.join()).toContain('its thread was ended');
  });

  it('answers what it was asked when it ends', async () => {
    const vanish = await holdUp();
    const [copied, queried] = await Promise.allSettled([
      database.copy.copy([rowsOf(track('veh-1', 10))]),
      database.sql`select 1`,
      database.reset(),
    ]);
    expect(copied).toMatchObject({ status: 'rejected', reason: { code: 'EMBEDDED_FAILED' } });
    expect(queried.status).toBe('rejected');
    await vanish();
    await writerFor().write(batchOf(track('veh-1', 10)));
  });

  it('that does not answer in time is replaced, and the batch is stored', async () => {
    const metrics = createMetrics();
    const vanish = await holdUp();
    const copy = { ...database.copy, deadline: { ms: 1_000, sentence: 'late' } };
    const { stored, duplicates } = await writerFor({ ...database, copy }, metrics).write(
      batchOf(track('veh-1', 10)),
    );
    // What was given up may have been stored all the same.
    expect(stored + duplicates).toBe(10);
    expect(metrics.counters.batchesTimedOut).toBeGreaterThan(0);
    expect(metrics.counters.poolsReplaced).toBe(metrics.counters.batchesTimedOut);
    expect(await rowsOfVehicles()).toEqual({ 'veh-1': 10 });
    await vanish();
  });

  it('that its database brings down is replaced', async () => {
    await writerFor().write(batchOf(track('veh-1', 10)));
    const before = test.notices.length;
    // PGlite cannot take rows from a client: it breaks.
    const broken = await openRawClient(socketPath());
    const answer = broken.exchange(message('Q', 'copy vehicles from stdin\0'), 'never');
    answer.catch(() => undefined);
    await expect.poll(() => test.notices.length, { timeout: 30_000 }).toBeGreaterThan(before);
    expect(test.notices.at(-1)).toMatch(/the embedded database in .* failed/);
    const writer = writerFor();
    expect(await writer.write(batchOf(track('veh-1', 11)))).toMatchObject({ stored: 1 });
    await broken.vanish();
  });
});

describe('a process that is killed', () => {
  // Options of the process are none of the thread's business.
  const nodeOptions = ['--expose-gc', '--max-old-space-size=1024', '--import', 'tsx'];

  /** Lets it commit some batches, kills it, and returns the number of the last one. */
  async function commitAndKill(place: Place, first: number, batches: number): Promise<number> {
    const script = join(import.meta.dirname, 'child.ts');
    const child = spawn(process.execPath, [...nodeOptions, script, place.dataDir, String(first)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let last = first - 1;
    for await (const line of createInterface(child.stdout)) {
      last = Number(line);
      if (last === first + batches - 1) child.kill('SIGKILL');
    }
    await exited;
    return last;
  }

  it('has lost no row that was committed, several times over', async () => {
    const place = await makePlace(null);
    // As if one had been killed while it made the database.
    const partial = `${place.dataDir}.partial`;
    await mkdir(join(partial, 'base'), { recursive: true });
    await writeFile(join(partial, 'PG_VERSION'), '17\n');
    let first = 0;
    for (const batches of [1, 7, 40]) first = (await commitAndKill(place, first, batches)) + 1;
    expect(first).toBeGreaterThanOrEqual(48);
    expect(existsSync(partial)).toBe(false);
    const survivor = await openDatabase({ ...test.options, dataDir: place.dataDir });
    try {
      const found = await rowsOfVehicles(survivor);
      for (let number = 0; number < first; number++) expect(found[`veh-${number}`]).toBe(50);
      // Whatever was under way was committed as a whole or not at all.
      expect(new Set(Object.values(found))).toEqual(new Set([50]));
    } finally {
      await survivor.close();
      await place.remove();
    }
  }, 180_000);
});
