/**
 * What does the engine do with nothing but Node: how many fixes a second does the embedded database take, how soon is a
 * fix acked and stored at half of that, how soon is a question answered meanwhile, and does the database, a thread of the
 * engine, ever hold up the engine's own event loop?
 * Invariant: the embedded database whatever DATABASE_URL says; every acked fix is a row at the end, else the run fails.
 * Bound: two turns of `--seconds` as fast as it goes, and two in which frames are due (open loop).
 */
import { randomBytes } from 'node:crypto';
import type { EngineTest } from '../test/support/enginetest.ts';
import { startChild, type Child } from './child.ts';
import { cpuMs, mainThreadCpuMs, residentBytes } from './cpu.ts';
import type { CrewResult } from './crew.ts';
import { embeddedFigures } from './embeddedfigures.ts';
import { openBenchEngine, toggleProfile } from './engine.ts';
import { benchStartMs } from './fixes.ts';
import type { LoaderCalls } from './loader.ts';
import { readStallMs, watchOwnStalls } from './loopdelay.ts';
import { withoutServer } from './native.ts';
import { askTracks, type Asked } from './questions.ts';
import { noiseOf } from './rounds.ts';
import type { Suite, SuiteContext, SuiteResult } from './suite.ts';

const connections = 64;
const fixesPerFrame = 10;
const framesInFlight = 16;
const warmupS = 2;
const full = { seconds: 15 } as const;
const quick = { seconds: 4 } as const;
const arm = 'embedded';

export const embeddedSuite: Suite = {
  name: 'embedded',
  summary: 'rows a second and latency on the embedded database, and stalls of the event loop',
  options: {
    seconds: {
      type: 'string',
      value: 'N',
      help: `of each of four turns (default: ${full.seconds}; quick: ${quick.seconds})`,
    },
    profile: {
      type: 'string',
      value: 'DIR',
      help: "where to write the engine's CPU profile, of the turns as fast as it goes",
    },
  },
  run: (context) =>
    withoutServer(async () => {
      const test = await openBenchEngine({ profileDir: context.input.text('profile') });
      const loader = startChild<LoaderCalls>(new URL('loader.ts', import.meta.url));
      try {
        return await runEmbedded(context, test, loader);
      } finally {
        await loader.stop();
        await test.cleanup();
      }
    }),
};

/** What one turn has done, and what it took of the engine. */
export interface EmbeddedTurn {
  readonly result: CrewResult;
  readonly stallMs: number;
  readonly loopCpuMs: number;
  readonly threadsCpuMs: number;
}

export interface EmbeddedRun {
  readonly pressed: readonly EmbeddedTurn[];
  readonly paced: readonly EmbeddedTurn[];
  readonly asked: Asked;
  /** Of a process with nothing to do. */
  readonly idleStallMs: number;
  readonly residentBytes: number;
}

async function runEmbedded(
  { input, isQuick, say }: SuiteContext,
  test: EngineTest,
  loader: Child<LoaderCalls>,
): Promise<SuiteResult> {
  const { engine } = test;
  const seconds = input.number('seconds', { min: 2, max: 600 }) ?? (isQuick ? quick : full).seconds;
  const prefix = `embedded-${randomBytes(4).toString('hex')}-`;
  const crew = { speaks: 'engine', url: engine.wsUrl, prefix, vehicles: connections } as const;
  await loader.call('open', { arm, ...crew, fixesPerFrame, startMs: benchStartMs });

  async function turn(run: () => Promise<CrewResult>): Promise<EmbeddedTurn> {
    await readStallMs(engine);
    const before = { all: cpuMs(engine.pid), loop: mainThreadCpuMs(engine.pid) };
    const result = await run();
    const loopCpuMs = mainThreadCpuMs(engine.pid) - before.loop;
    const threadsCpuMs = cpuMs(engine.pid) - before.all - loopCpuMs;
    return { result, stallMs: await readStallMs(engine), loopCpuMs, threadsCpuMs };
  }

  const press = (): Promise<EmbeddedTurn> =>
    turn(() => loader.call('press', { arm, seconds, framesInFlight }));
  say('warming up');
  const warm = await loader.call('press', { arm, seconds: warmupS, framesInFlight });
  const ownStallMs = watchOwnStalls();
  say('as fast as it goes, twice');
  const isProfiled = input.text('profile') !== null;
  if (isProfiled) toggleProfile(test);
  const pressed = [await press(), await press()];
  if (isProfiled) toggleProfile(test);
  const rate = Math.min(...pressed.map(({ result }) => result.fixes / result.storedS)) / 2;
  const framesPerS = rate / fixesPerFrame;
  say(`${Math.round(rate)} fixes a second, twice, and a question now and then`);
  const pace = (): Promise<EmbeddedTurn> =>
    turn(() => loader.call('pace', { arm, seconds, framesPerS, warmupS: 1 }));
  const asking = askTracks(engine, `${prefix}0`, 2 * seconds);
  // It is awaited below; when it fails first, that is told there.
  asking.catch(() => undefined);
  const paced = [await pace(), await pace()];
  const asked = await asking;
  const idleStallMs = ownStallMs();
  const peakBytes = residentBytes(engine.pid);
  const sent = [warm, ...[...pressed, ...paced].map(({ result }) => result)];
  const fixes = sent.reduce((sum, result) => sum + result.fixes, 0);
  const [row] = await test.rows(
    (sql) => sql<{ count: string }[]>`
      select count(*) from positions where vehicle_id like ${`${prefix}%`}`,
  );
  const rows = Number(row?.count);
  const run: EmbeddedRun = { pressed, paced, asked, idleStallMs, residentBytes: peakBytes };
  return {
    figures: embeddedFigures(run),
    noise: noiseOf(pressed.map(({ result }) => result.fixes / result.storedS)),
    failures: [
      ...(rows === fixes ? [] : [`acked ${fixes} fixes, but ${rows} rows are stored`]),
      ...(asked.failed === 0 ? [] : [`${asked.failed} questions were not answered`]),
    ],
  };
}
