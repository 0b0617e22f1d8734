/**
 * A database of a test's own: a fresh one on the server that DATABASE_URL names, else an embedded one in a
 * temporary directory.
 * Invariant: `cleanup` leaves neither behind.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { keepForEver } from '../../src/retention.ts';
import { openDatabase, type Database, type DatabaseOptions } from '../../src/store/database.ts';

/** The server that tests run on; null for the embedded database. */
export const serverUrl = process.env['DATABASE_URL'] ?? null;

export interface TestDatabase {
  readonly database: Database;
  /** Of the fresh database; null for the embedded one. */
  readonly url: string | null;
  readonly dataDir: string;
  /** What it was opened with, for opening it again. */
  readonly options: DatabaseOptions;
  /** What it told an operator. */
  readonly notices: readonly string[];
  cleanup(): Promise<void>;
}

export async function openTestDatabase(
  overrides: Partial<DatabaseOptions> = {},
): Promise<TestDatabase> {
  const place = await makePlace(overrides.url === undefined ? serverUrl : overrides.url);
  const notices: string[] = [];
  const options: DatabaseOptions = {
    bounds: limits,
    metrics: createMetrics(),
    clock: systemClock,
    random: Math.random,
    onNotice: (text) => notices.push(text),
    chunkIntervalMs: 86_400_000,
    retention: keepForEver,
    compressAfterMs: 0,
    ...overrides,
    url: place.url,
    dataDir: place.dataDir,
  };
  const database = await openDatabase(options).catch(async (error: unknown) => {
    await place.remove();
    throw error;
  });
  return {
    database,
    url: place.url,
    dataDir: place.dataDir,
    options,
    notices,
    async cleanup() {
      await database.close();
      await place.remove();
    },
  };
}

/** A URL of a fresh database, or a directory where one can be. */
export interface Place {
  readonly url: string | null;
  readonly dataDir: string;
  remove(): Promise<void>;
}

export async function makePlace(server: string | null = serverUrl): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'fleetwire-test-'));
  const dataDir = join(directory, 'database');
  const removeDirectory = (): Promise<void> => rm(directory, { recursive: true, force: true });
  if (server === null) return { url: null, dataDir, remove: removeDirectory };
  const name = `fw_${randomUUID().replaceAll('-', '')}`;
  await onServer(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    dataDir,
    async remove() {
      await onServer(server, `drop database ${name} with (force)`);
      await removeDirectory();
    },
  };
}

async function onServer(server: string, statement: string): Promise<void> {
  const sql = postgres(server, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
