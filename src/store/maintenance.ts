/**
 * What a TimescaleDB with policies and background workers would do by itself: retention, compression and
 * aggregates, from one timer, because neither the Apache edition nor the embedded one has those.
 * Invariant: of all nodes on one database one is at it at a time; a failure is counted and told, and the
 * next round tries again. What was dropped is counted, told and recorded, also of a task that failed midway.
 * Bound: `maintenanceChunksMax` chunks compressed a round, one round every `maintenanceIntervalMs`; rows as
 * retention.ts says.
 */
import type { ISql } from 'postgres';
import { every, type Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { RetentionAges } from '../retention.ts';
import { saveMaintenanceRun, type DroppedUnit } from './maintenanceruns.ts';
import type { Connected } from './native.ts';
import type { Pool } from './pool.ts';
import { createSweeps, type RetentionBounds, type Round } from './retention.ts';
import {
  compressChunks,
  createHourlyAggregate,
  dropChunks,
  refreshHourlyAggregate,
  type Chunked,
  type Edition,
} from './timescale.ts';

export interface MaintenanceOptions {
  readonly database: Pick<Connected, 'kind' | 'openSession'>;
  readonly edition: Edition;
  readonly bounds: RetentionBounds &
    Pick<
      Limits,
      | 'maintenanceIntervalMs'
      | 'maintenanceChunksMax'
      | 'maintenanceRunsMax'
      | 'embeddedVacuumRowsMin'
    >;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly onNotice: (text: string) => void;
  readonly retention: RetentionAges;
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
  /** What it drops, and of what; null where it only works. */
  readonly drops: { readonly source: string; readonly unit: DroppedUnit } | null;
  run(round: Round): Promise<unknown>;
}

const maintenanceLock = 7_070_002;

export function createMaintenance(options: MaintenanceOptions): Maintenance {
  const { database, clock, metrics, onNotice, bounds } = options;
  const { counters } = metrics;
  /** Rows that each table has lost since it was vacuumed. */
  const lost = new Map<string, number>();
  const tasks = tasksOf(options, lost);
  let round: Promise<void> | null = null;
  let session: Pool | null = null;
  let isStopped = false;

  async function runAll(): Promise<void> {
    const startedMs = clock.monotonicMs();
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
      counters.maintenanceRuns += 1;
      counters.maintenanceMs += Math.round(clock.monotonicMs() - startedMs);
    }
  }

  async function attempt(task: Task, sql: ISql): Promise<void> {
    if (isStopped) return;
    const startedAtMs = clock.nowMs();
    const startedMs = clock.monotonicMs();
    let dropped = 0;
    const onDropped = (count: number): void => {
      dropped += count;
      if (task.drops?.unit === 'chunks') counters.retentionChunksDropped += count;
      else counters.retentionRowsDropped += count;
    };
    try {
      await task.run({ sql, nowMs: startedAtMs, onDropped, isStopped: () => isStopped });
    } catch (error) {
      fail(task.name, error);
    }
    if (task.drops === null || dropped === 0) return;
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    const { source, unit } = task.drops;
    onNotice(`maintenance: ${task.name} dropped ${dropped} ${unit} in ${tookMs} ms`);
    if (unit === 'rows') lost.set(source, (lost.get(source) ?? 0) + dropped);
    if (isStopped) return;
    const run = { source, unit, dropped, startedAtMs, tookMs };
    await saveMaintenanceRun(sql, run, bounds.maintenanceRunsMax).catch((error: unknown) =>
      fail('the record of it', error),
    );
  }

  function fail(name: string, error: unknown): void {
    if (isStopped) return;
    counters.maintenanceFailed += 1;
    onNotice(`maintenance: ${name} failed and is tried again later (${messageOf(error)})`);
  }

  async function run(): Promise<void> {
    round ??= runAll().finally(() => {
      round = null;
    });
    await round;
  }

  const timer = every(clock, bounds.maintenanceIntervalMs, () => {
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
function tasksOf(options: MaintenanceOptions, lost: Map<string, number>): readonly Task[] {
  const { database, edition, bounds, retention, compressAfterMs, onNotice } = options;
  const tasks: Task[] = [];
  const skip = (what: string): void =>
    onNotice(`${what} is skipped: the ${edition.license} edition of TimescaleDB has none`);
  if (retention.positionsMs > 0) tasks.push(dropping('positions', retention.positionsMs));
  if (compressAfterMs > 0 && !edition.hasCompression) skip('compression');
  else if (compressAfterMs > 0) {
    tasks.push({
      name: 'compression',
      drops: null,
      run: ({ sql, nowMs }) =>
        compressChunks(sql, nowMs - compressAfterMs, bounds.maintenanceChunksMax),
    });
  }
  if (!edition.hasAggregates) skip('the hourly aggregate');
  else {
    tasks.push({ name: 'aggregate', drops: null, run: (round) => aggregate(round, retention) });
    if (retention.aggregatesMs > 0) {
      tasks.push(dropping('positions_hourly', retention.aggregatesMs));
    }
  }
  for (const { table, run } of createSweeps(retention, bounds)) {
    tasks.push({
      name: `retention of ${table}`,
      drops: { source: table, unit: 'rows' },
      run,
    });
  }
  if (database.kind === 'embedded') {
    tasks.push({
      name: 'vacuum',
      drops: null,
      run: (round) => vacuum(round, lost, bounds.embeddedVacuumRowsMin),
    });
  }
  return tasks;
}

function dropping(source: Chunked, ageMs: number): Task {
  return {
    name: `retention of ${source}`,
    drops: { source, unit: 'chunks' },
    async run({ sql, nowMs, onDropped }) {
      onDropped(await dropChunks(sql, nowMs - ageMs, source));
    },
  };
}

// Hours whose positions were dropped keep what was made of them, and hours that were dropped are not made
// again: the refresh must not reach them.
async function aggregate(
  { sql, nowMs }: Round,
  { positionsMs, aggregatesMs }: RetentionAges,
): Promise<void> {
  await createHourlyAggregate(sql);
  const ages = [positionsMs, aggregatesMs].filter((ageMs) => ageMs > 0);
  const fromMs = ages.length === 0 ? null : nowMs - Math.min(...ages);
  await refreshHourlyAggregate(sql, fromMs, nowMs);
}

async function vacuum(
  { sql, isStopped }: Round,
  lost: Map<string, number>,
  rowsMin: number,
): Promise<void> {
  const due = [...lost].filter(([, rows]) => rows >= rowsMin).map(([table]) => table);
  for (const table of ['vehicles', ...due]) {
    if (isStopped()) return;
    await sql.unsafe(`vacuum (analyze) ${table}`);
    lost.delete(table);
  }
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
