/**
 * One arm of `scale`: an engine with a database and a load of its own, alive as long as the others.
 * Invariant: every arm gets the same frames a second, one fix each, so that what differs is the fleet or the table.
 * Bound: one loader process an arm, for a process may hold some 20,000 sockets.
 */
import { startChild, type Child } from './child.ts';
import { cpuMs, treeCpuMs } from './cpu.ts';
import { openBenchEngine } from './engine.ts';
import type { LoaderCalls } from './loader.ts';

export interface ArmPlan {
  readonly name: string;
  readonly vehicles: number;
  readonly prefix: string;
  readonly startMs: number;
  /** Runs before the load, on the database's URL. */
  readonly prepare: ((url: string) => Promise<void>) | null;
}

export interface ScaleTurn {
  readonly cpuUsPerFix: number;
  /** NaN where the database is not a process that this run knows. */
  readonly databaseCpuUsPerFix: number;
}

export interface ScaleArm extends ArmPlan {
  measure(framesPerS: number, seconds: number, databasePid: number | null): Promise<ScaleTurn>;
  /** Why not all that was acked is a row; stops the engine. */
  check(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const arm = 'load';

export async function openArm(plan: ArmPlan): Promise<ScaleArm> {
  const { name, vehicles, prefix, startMs } = plan;
  // A history of years ago would be compressed while it is measured.
  const test = await openBenchEngine({ env: { FLEETWIRE_COMPRESS_AFTER_DAYS: '0' } });
  const loader: Child<LoaderCalls> = startChild<LoaderCalls>(new URL('loader.ts', import.meta.url));
  let fixes = 0;

  async function close(): Promise<void> {
    await loader.stop();
    await test.cleanup();
  }

  try {
    if (test.databaseUrl !== null) await plan.prepare?.(test.databaseUrl);
    const { wsUrl: url } = test.engine;
    const crew = { speaks: 'engine', url, prefix, vehicles, fixesPerFrame: 1, startMs } as const;
    await loader.call('open', { arm, ...crew });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    ...plan,
    async measure(framesPerS, seconds, databasePid) {
      const databaseMs = (): number => treeCpuMs(databasePid);
      const before = { engine: cpuMs(test.engine.pid), database: databaseMs() };
      const paced = await loader.call('pace', { arm, framesPerS, seconds, warmupS: 0 });
      fixes += paced.fixes;
      return {
        cpuUsPerFix: ((cpuMs(test.engine.pid) - before.engine) * 1_000) / paced.fixes,
        databaseCpuUsPerFix: ((databaseMs() - before.database) * 1_000) / paced.fixes,
      };
    },
    async check() {
      const [row] = await test.rows(
        (sql) => sql<{ count: string }[]>`
          select count(*) from positions where time >= ${new Date(startMs)}`,
      );
      const rows = Number(row?.count);
      return rows === fixes ? [] : [`${name}: acked ${fixes} fixes, but ${rows} rows are stored`];
    },
    close,
  };
}
