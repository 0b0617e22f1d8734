/**
 * Fleets of several sizes at one engine, and what each takes of it: for calibration, and to hold a prediction against.
 * Invariant: what is told was measured while nothing else was sent; every acked fix is a row at the end.
 * Bound: `connectionsMax` vehicles of all fleets together; `settleDeadlineMs` for what is left to write after a turn.
 */
import type { EngineTest } from '../test/support/enginetest.ts';
import { startChild } from './child.ts';
import { cpuMs, mainThreadCpuMs, residentBytes, treeCpuMs } from './cpu.ts';
import { tableBytes } from './disksample.ts';
import { openBenchEngine } from './engine.ts';
import { benchStartMs } from './fixes.ts';
import type { LoaderCalls } from './loader.ts';
import type { WatchersCalls } from './watchers.ts';

/** What one fleet took in one turn. */
export interface LoadSample {
  readonly fixesPerS: number;
  readonly loopCores: number;
  readonly engineCores: number;
  /** `null` where the database is no process that this run knows. */
  readonly databaseCores: number | null;
  /** Of all subscribers together. */
  readonly subscriberBytesPerS: number;
  readonly inBytesPerFix: number;
  readonly outBytesPerFix: number;
  readonly journalBytesPerFix: number;
  readonly memoryBytes: number;
}

export interface Fleet {
  readonly name: string;
  readonly vehicles: number;
  readonly fixesPerS: number;
}

export interface CapacityLoad {
  /** Until its code is compiled, and its journal keeps as much in memory as it ever does. */
  warm(): Promise<void>;
  open(fleet: Fleet): Promise<void>;
  watch(subscribers: number): Promise<void>;
  memoryBytes(): number;
  measure(fleet: Fleet, seconds: number): Promise<LoadSample>;
  /** Ends the engine. */
  finish(): Promise<{ readonly rowBytes: number; readonly failures: readonly string[] }>;
  close(): Promise<void>;
}

/** One frame of each at a time: rows of a fleet lie mixed in the table, and take more of its index than rows in order. */
const warmVehicles = 128;
const warmS = 5;
/** A look takes as long as some dozens of fixes. */
const lookMs = 500;
const settleDeadlineMs = 60_000;

export async function openCapacityLoad(databasePid: number | null): Promise<CapacityLoad> {
  const test: EngineTest = await openBenchEngine();
  const { engine } = test;
  const loader = startChild<LoaderCalls>(new URL('loader.ts', import.meta.url));
  const watchers = startChild<WatchersCalls>(new URL('watchers.ts', import.meta.url));
  const { pid } = engine;
  let fixes = 0;

  const spent = () => ({
    loopMs: mainThreadCpuMs(pid),
    engineMs: cpuMs(pid),
    databaseMs: treeCpuMs(databasePid),
  });

  /** `vehicles` is written behind the rows: what a turn leaves to be written is of that turn, and not of the next. */
  async function settled(): Promise<void> {
    const untilMs = performance.now() + settleDeadlineMs;
    while ((await engine.counter('fleetwire_journal_uncommitted_bytes')) > 0) {
      if (performance.now() > untilMs) throw new Error('capacity: what was sent is not written');
      await new Promise((resolve) => void setTimeout(resolve, lookMs));
    }
  }

  async function open(name: string, vehicles: number): Promise<void> {
    const crew = { speaks: 'engine', url: engine.wsUrl, vehicles, fixesPerFrame: 1 } as const;
    await loader.call('open', { arm: name, prefix: `${name}-`, startMs: benchStartMs, ...crew });
  }

  return {
    async warm() {
      const arm = 'warm';
      await open(arm, warmVehicles);
      const sent = await loader.call('press', { arm, seconds: warmS, framesInFlight: 1 });
      fixes += sent.fixes;
      await loader.call('close', { arm });
    },
    open: ({ name, vehicles }) => open(name, vehicles),
    watch: (count) => watchers.call('open', { url: engine.wsUrl, count }),
    memoryBytes: () => residentBytes(pid),
    async measure({ name, fixesPerS }, seconds) {
      const journalName = 'fleetwire_journal_bytes_total';
      const journalBefore = await engine.counter(journalName);
      const readBefore = await watchers.call('bytesRead', null);
      const before = spent();
      const arm = { arm: name, framesPerS: fixesPerS, seconds, warmupS: 0 };
      const sent = await loader.call('pace', arm);
      // What the last fixes took after they were sent is of the time in which they were.
      const elapsedMs = sent.sentS * 1_000;
      await settled();
      const after = spent();
      const read = (await watchers.call('bytesRead', null)) - readBefore;
      const journalBytes = (await engine.counter(journalName)) - journalBefore;
      fixes += sent.fixes;
      const share = (name: keyof typeof before): number => (after[name] - before[name]) / elapsedMs;
      return {
        fixesPerS: sent.fixes / (elapsedMs / 1_000),
        loopCores: share('loopMs'),
        engineCores: share('engineMs'),
        databaseCores: databasePid === null ? null : share('databaseMs'),
        subscriberBytesPerS: read / (elapsedMs / 1_000),
        inBytesPerFix: sent.bytesSent / sent.fixes,
        outBytesPerFix: sent.bytesRead / sent.fixes,
        journalBytesPerFix: journalBytes / sent.fixes,
        memoryBytes: residentBytes(pid),
      };
    },
    async finish() {
      const dropped = await engine.counter('fleetwire_messages_dropped_total');
      const lagging = await engine.counter('fleetwire_feeds_lagging_total');
      const { rows, bytes } = await test.rows(async (sql) => {
        const [row] = await sql<{ count: string }[]>`select count(*) from positions`;
        return { rows: Number(row?.count), bytes: await tableBytes(sql) };
      });
      return {
        rowBytes: bytes / rows,
        failures: [
          ...(rows === fixes ? [] : [`acked ${fixes} fixes, but ${rows} rows are stored`]),
          ...(dropped === 0 ? [] : [`the engine dropped ${dropped} messages`]),
          ...(lagging === 0 ? [] : [`${lagging} subscriptions lagged, and were not sent all`]),
        ],
      };
    },
    async close() {
      await Promise.all([loader.stop(), watchers.stop()]);
      await test.cleanup();
    },
  };
}
