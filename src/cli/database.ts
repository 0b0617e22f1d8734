/**
 * The database of the configuration, opened by a command instead of the engine.
 * Invariant: the embedded database has one process at a time: the lock of the data directory is held as
 * long as it is open. A database server needs no such lock.
 */
import { mkdir } from 'node:fs/promises';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { lockDirectory } from '../journal/lock.ts';
import { createMetrics } from '../metrics.ts';
import { agesOf, daysToMs } from '../retention.ts';
import type { Database } from '../store/database.ts';

/** Opens it, brings its schema up to date, runs `work` and closes it again. */
export async function withDatabase<Result>(
  config: Config,
  onNotice: (text: string) => void,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  // Loaded here, so that no other command waits for a database that it does not need.
  const { openDatabase } = await import('../store/database.ts');
  await mkdir(config.dataDir, { recursive: true });
  const lock = config.databaseUrl === null ? await lockDirectory(config.dataDir) : null;
  try {
    const database = await openDatabase({
      url: config.databaseUrl,
      dataDir: config.databaseDir,
      bounds: config.bounds,
      metrics: createMetrics(),
      clock: systemClock,
      random: Math.random,
      onNotice,
      chunkIntervalMs: daysToMs(config.chunkDays),
      retention: agesOf(config),
      compressAfterMs: daysToMs(config.compressAfterDays),
    });
    try {
      return await work(database);
    } finally {
      await database.close();
    }
  } finally {
    await lock?.release();
  }
}
