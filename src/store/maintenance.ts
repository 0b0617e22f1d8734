/**
 * What a TimescaleDB with policies and background workers would do by itself: retention, compression and
 * aggregates, from one timer, because neither the Apache edition nor the embedded one has those.
 * Invariant: of all nodes on one database one is at it at a time; a failure is counted and told, and the
 * next round tries again.
 * Bound: `maintenanceChunksMax` chunks compressed a round, one round every `maintenanceIntervalMs`.
 */
import type { ISql } from 'postgres';
import { every, type Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Connected } from './native.ts';
import type { Pool } from './pool.ts';
import {
  compressChunks,
  createHourlyAggregate,
  dropChunks,
  refreshHourlyAggregate,
  type Edition,
} from './timescale.ts';

export interface MaintenanceOptions {
  readonly database: Pick<Connected, 'kind' | 'openSession'>;
  readonly edition: Edition;
  readonly bounds: Pick<Limits, 'maintenanceIntervalMs' | 'maintenanceChunksMax'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly onNotice: (text: string) => void;
  readonly retentionMs: number;
  readonly compressAfterMs: number;
}

export interface Maintenance {
  /** One round now, or the one that is under way. Never rejects. */
  run(): Promise<void>;
  /** No further round; one that is under way is cut off. */
  stop(): Promise<void>;
}

interface Task {
  readonly name: string;
  run(sql: ISql, nowMs: number): Promise<unknown>;
}

const maintenanceLock = 7_070_002;

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { database, clock, metrics, onNotice } = options;
  const tasks = tasksOf(options);
  let round: Promise<void> | null = null;
  let session: Pool | null = null;
  let isStopped = false;

  async function runAll(): Promise<void> {
    session = database.openSession();
    try {
      if (await lock(session.sql)) {
        for (const task of tasks) await attempt(task, session.sql);
        await unlock(session.sql);
      }
    } catch (error) {
      fail('lock', error);
    } finally {
      await session.close();
    }
  }

  async function attempt(task: Task, sql: ISql): Promise<void> {
    if (isStopped) return;
    try {
      await task.run(sql, clock.nowMs());
    } catch (error) {
      fail(task.name, error);
    }
  }

  function fail(name: string, error: unknown): void {
    if (isStopped) return;
    metrics.counters.maintenanceFailed += 1;
    onNotice(`maintenance: ${name} failed and is tried again later (${messageOf(error)})`);
  }

  async function run(): Promise<void> {
    round ??= runAll().finally(() => {
      round = null;
    });
    await round;
  }

  const timer = every(clock, options.bounds.maintenanceIntervalMs, () => {
    run().catch((error: unknown) => fail('round', error));
  });

  return {
    run,
    async stop() {
      isStopped = true;
      timer.cancel();
      await session?.close();
      await round;
    },
  };
}

/** What this edition can do of what is configured; what it cannot is told once. */
function tasksOf(options: MaintenanceOptions): readonly Task[] {
  const { database, edition, bounds, retentionMs, compressAfterMs, onNotice } = options;
  const tasks: Task[] = [];
  const skip = (what: string): void =>
    onNotice(`${what} is skipped: the ${edition.license} edition of TimescaleDB has none`);
  if (retentionMs > 0) {
    tasks.push({ name: 'retention', run: (sql, nowMs) => dropChunks(sql, nowMs - retentionMs) });
  }
  if (compressAfterMs > 0 && !edition.hasCompression) skip('compression');
  else if (compressAfterMs > 0) {
    tasks.push({
      name: 'compression',
      run: (sql, nowMs) =>
        compressChunks(sql, nowMs - compressAfterMs, bounds.maintenanceChunksMax),
    });
  }
  if (!edition.hasAggregates) skip('the hourly aggregate');
  else tasks.push({ name: 'aggregate', run: (sql, nowMs) => aggregate(sql, nowMs, retentionMs) });
  if (database.kind === 'embedded') {
    tasks.push({ name: 'vacuum', run: (sql) => sql.unsafe('vacuum (analyze) vehicles') });
  }
  return tasks;
}

// Hours whose positions were dropped keep what was made of them: the refresh must not reach them.
async function aggregate(sql: ISql, nowMs: number, retentionMs: number): Promise<void> {
  await createHourlyAggregate(sql);
  await refreshHourlyAggregate(sql, retentionMs > 0 ? nowMs - retentionMs : null, nowMs);
}

async function lock(sql: ISql): Promise<boolean> {
  const [answer] = await sql<{ isLocked: boolean }[]>`
    select pg_try_advisory_lock(${maintenanceLock}) as "isLocked"`;
  return answer?.isLocked === true;
}

// The connection's end would do in a server, but the embedded database has one session for all.
async function unlock(sql: ISql): Promise<void> {
  await sql`select pg_advisory_unlock(${maintenanceLock})`;
}
