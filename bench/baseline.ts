/**
 * How does the engine do beside the kind of system that it replaces: Socket.IO, JSON, one INSERT a fix, or batched ones?
 * Three servers at once, each with a database of its own of the same kind and schema, and one loader; the load goes from
 * one to the next, round after round.
 * Invariant: a fix counts when it is acked and stored; every acked fix is a row of its server's table at the end, else the
 * run fails. Nobody listens, so that no arm pays for showing what it stores.
 * Bound: `--seconds` for each arm and round, and what its database needs to catch up.
 */
import { randomBytes } from 'node:crypto';
import type { EngineTest } from '../test/support/enginetest.ts';
import { baselineResult, type BaselineRun, type Turn } from './baselinefigures.ts';
import { startChild, type Child } from './child.ts';
import { cpuMs, treeCpuMs } from './cpu.ts';
import type { CrewOptions } from './crew.ts';
import { openBenchEngine } from './engine.ts';
import { benchStartMs } from './fixes.ts';
import type { JsonProcessCalls } from './jsonprocess.ts';
import type { LoaderCalls } from './loader.ts';
import { inRounds } from './rounds.ts';
import type { Suite, SuiteContext } from './suite.ts';

const connections = 64;
const framesInFlight = 16;
const warmupS = 1;
const full = { seconds: 5, rounds: 4 } as const;
const quick = { seconds: 1.5, rounds: 3 } as const;

export const baselineSuite: Suite = {
  name: 'baseline',
  summary: 'the system that is replaced (Socket.IO, JSON, INSERT) beside the engine',
  options: {
    seconds: {
      type: 'string',
      value: 'N',
      help: `of each arm in each round (default: ${full.seconds}; quick: ${quick.seconds})`,
    },
  },
  async run(context) {
    const engine = await openBenchEngine();
    const jsonProcess = new URL('jsonprocess.ts', import.meta.url);
    const single = startChild<JsonProcessCalls>(jsonProcess);
    const batched = startChild<JsonProcessCalls>(jsonProcess);
    const loader = startChild<LoaderCalls>(new URL('loader.ts', import.meta.url));
    try {
      const parts = { context, engine, single, batched, loader };
      return baselineResult(await runBaseline(parts));
    } finally {
      await loader.stop();
      await Promise.all([single.stop(), batched.stop()]);
      await engine.cleanup();
    }
  },
};

interface Parts {
  readonly context: SuiteContext;
  readonly engine: EngineTest;
  readonly single: Child<JsonProcessCalls>;
  readonly batched: Child<JsonProcessCalls>;
  readonly loader: Child<LoaderCalls>;
}

interface Arm extends Pick<CrewOptions, 'speaks' | 'url' | 'fixesPerFrame' | 'prefix'> {
  readonly name: string;
  readonly pid: number;
  fixes: number;
}

async function runBaseline(parts: Parts): Promise<BaselineRun> {
  const { context, engine, single, batched, loader } = parts;
  const { rounds } = context.isQuick ? quick : full;
  const seconds =
    context.input.number('seconds', { min: 1, max: 600 }) ??
    (context.isQuick ? quick : full).seconds;
  const run = randomBytes(4).toString('hex');
  const engineUrl = engine.engine.wsUrl;
  const engineArm = { speaks: 'engine', url: engineUrl, pid: engine.engine.pid, fixes: 0 } as const;
  const jsonArm = async (server: Child<JsonProcessCalls>, inserts: 'single' | 'batched') => {
    const port = await server.call('open', inserts);
    const url = `ws://127.0.0.1:${port}`;
    return { speaks: 'socketio', url, pid: server.pid, fixesPerFrame: 1, fixes: 0 } as const;
  };
  const arms: readonly [Arm, Arm, Arm, Arm] = [
    { ...engineArm, name: 'frames', prefix: `frames-${run}-`, fixesPerFrame: 50 },
    { ...engineArm, name: 'fixes', prefix: `fixes-${run}-`, fixesPerFrame: 1 },
    { ...(await jsonArm(single, 'single')), name: 'single', prefix: `single-${run}-` },
    { ...(await jsonArm(batched, 'batched')), name: 'batched', prefix: `batched-${run}-` },
  ];
  for (const arm of arms) {
    const { name, speaks, url, prefix, fixesPerFrame } = arm;
    const crew = {
      speaks,
      url,
      prefix,
      fixesPerFrame,
      vehicles: connections,
      startMs: benchStartMs,
    };
    await loader.call('open', { arm: name, ...crew });
    await measureTurn(parts, arm, warmupS);
  }
  const [frames, fixes, singles, batches] = await inRounds(arms, rounds, (arm, round) => {
    context.say(`round ${round + 1} of ${rounds}: ${arm.name}`);
    return measureTurn(parts, arm, seconds);
  });
  return {
    frames: frames ?? [],
    fixes: fixes ?? [],
    single: singles ?? [],
    batched: batches ?? [],
    failures: await rowFailures(parts, arms),
  };
}

async function measureTurn(parts: Parts, arm: Arm, seconds: number): Promise<Turn> {
  const { context, loader } = parts;
  const { databasePid } = context;
  const databaseMs = (): number => treeCpuMs(databasePid);
  const before = { server: cpuMs(arm.pid), database: databaseMs() };
  const result = await loader.call('press', { arm: arm.name, seconds, framesInFlight });
  const { fixes, storedS, bytesSent, bytesRead } = result;
  arm.fixes += fixes;
  return {
    fixesPerS: fixes / storedS,
    cpuUsPerFix: ((cpuMs(arm.pid) - before.server) * 1_000) / fixes,
    databaseCpuUsPerFix:
      databasePid === null ? null : ((databaseMs() - before.database) * 1_000) / fixes,
    bytesPerFix: (bytesSent + bytesRead) / fixes,
  };
}

/** What was acked and is not in a table, or is there twice. Ends the servers. */
async function rowFailures(
  { engine, single, batched }: Parts,
  [frames, fixes, singleArm, batchedArm]: readonly [Arm, Arm, Arm, Arm],
): Promise<string[]> {
  const counts: { readonly arm: Arm; readonly rows: number }[] = [
    { arm: singleArm, rows: await single.call('rows', singleArm.prefix) },
    { arm: batchedArm, rows: await batched.call('rows', batchedArm.prefix) },
  ];
  await Promise.all([single.call('close', null), batched.call('close', null)]);
  const engineRows = await engine.rows(
    (sql) => sql<{ prefix: string; rows: string }[]>`
      select split_part(vehicle_id, '-', 1) as prefix, count(*) as rows from positions group by 1`,
  );
  for (const arm of [frames, fixes]) {
    const found = engineRows.find(({ prefix }) => prefix === arm.name);
    counts.push({ arm, rows: Number(found?.rows ?? 0) });
  }
  return counts
    .filter(({ arm, rows }) => rows !== arm.fixes)
    .map(({ arm, rows }) => `${arm.name}: acked ${arm.fixes} fixes, but ${rows} rows are stored`);
}
