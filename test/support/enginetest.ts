/**
 * An engine with a database of its own: embedded, or one made in the server of DATABASE_URL.
 * Invariant: `rows` reads what is committed, by SQL; `cleanup` leaves no process, database or directory, and
 * fails the test when the engine did not end by itself with 0.
 * Bound: the engine's own deadlines.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres, { type ISql } from 'postgres';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { keepForEver } from '../../src/retention.ts';
import { openDatabase } from '../../src/store/database.ts';
import { startTestEngine, type TestEngine, type TestEngineOptions } from './engine.ts';

export interface EngineTest {
  readonly engine: TestEngine;
  /** Of its own database; null where that is the embedded one. */
  readonly databaseUrl: string | null;
  /** Stops the engine gracefully, for the embedded database has one user, and runs a query. */
  rows<Row>(query: (sql: ISql) => Promise<Row>): Promise<Row>;
  /** Tries to start another engine on the same data directory. */
  second(): Promise<TestEngine>;
  cleanup(): Promise<void>;
}

export async function openEngineTest(
  env: TestEngineOptions['env'] = {},
  isBuilt = false,
): Promise<EngineTest> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fleetwire-test-'));
  const server = process.env['DATABASE_URL'] ?? '';
  const database = server === '' ? null : await createDatabase(server);
  const databaseUrl = database?.url ?? null;
  const options = { env, dataDir, databaseUrl, isBuilt };
  const engine = await startTestEngine(options);

  async function stopEngine(): Promise<void> {
    const code = await engine.stop();
    if (code !== 0 && code !== null)
      throw new Error(`the engine ended with ${code}\n${engine.log}`);
  }

  async function rows<Row>(query: (sql: ISql) => Promise<Row>): Promise<Row> {
    await stopEngine();
    const opened = await openDatabase({
      url: databaseUrl,
      dataDir: join(dataDir, 'database'),
      bounds: limits,
      metrics: createMetrics(),
      clock: systemClock,
      random: Math.random,
      chunkIntervalMs: 86_400_000,
      retention: keepForEver,
      compressAfterMs: 0,
    });
    try {
      return await query(opened.sql);
    } finally {
      await opened.close();
    }
  }

  return {
    engine,
    databaseUrl,
    rows,
    second: () => startTestEngine(options),
    async cleanup() {
      const code = await engine.stop();
      await engine.cleanup();
      await database?.drop();
      await rm(dataDir, { recursive: true, force: true });
      if (code !== 0 && code !== null)
        throw new Error(`the engine ended with ${code}\n${engine.log}`);
    },
  };
}

/** A fresh database in the server of `serverUrl`. */
async function createDatabase(
  serverUrl: string,
): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `fw_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await admin(serverUrl, `create database ${name}`);
  return {
    url: url.href,
    drop: () => admin(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

async function admin(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
