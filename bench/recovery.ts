/**
 * How long does an engine take that was killed while its database was away: from its start to the first connection, and
 * until all that its journal holds is stored? And how near is that to a plain COPY of the same rows?
 * Invariant: each turn has a fresh database and a journal of the same rows; at its end every row is there once, else the
 * run fails. Replay and COPY take turns, each first once.
 * Bound: two turns of each, a journal of `--megabytes`, and as much again in the database.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { EngineTest } from '../test/support/enginetest.ts';
import { startChild } from './child.ts';
import type { CopierCalls } from './copier.ts';
import { cpuMs } from './cpu.ts';
import { openBenchEngine, toggleProfile } from './engine.ts';
import { roadSteps } from './fixes.ts';
import { makeJournal, type JournalPlan, type MadeJournal } from './journalmaker.ts';
import { inRounds, medianOf, noiseOf, ratioOf } from './rounds.ts';
import type { Figure, Suite, SuiteContext, SuiteResult } from './suite.ts';

const full = { megabytes: 1_000, vehicles: 2_000 } as const;
const quick = { megabytes: 48, vehicles: 200 } as const;
const fixesPerFrame = 50;
const rounds = 2;
const lookMs = 100;
/** In the memory of the process that copies. */
const preparedRowsMax = 1_000_000;
/** For a start with a full journal, also on a machine that has other things to do. */
const readyDeadlineMs = 600_000;
const replayGoal = 0.8;
const arms = ['replay', 'copy'] as const;

export const recoverySuite: Suite = {
  name: 'recovery',
  summary: 'from the start to ready with a full journal, and its replay against a plain COPY',
  options: {
    megabytes: {
      type: 'string',
      value: 'N',
      help: `of the journal (default: ${full.megabytes}; quick: ${quick.megabytes})`,
    },
    profile: { type: 'string', value: 'DIR', help: "where to write the engine's CPU profile" },
  },
  async run(context) {
    const { input, isQuick, say } = context;
    const size = isQuick ? quick : full;
    const megabytes = input.number('megabytes', { min: 1, max: 1_800 }) ?? size.megabytes;
    const run = `r${randomBytes(4).toString('hex')}`;
    const plan = { run, vehicles: size.vehicles, fixesPerFrame, bytes: megabytes * 1e6 };
    const failures: string[] = [];
    const replays: Replayed[] = [];
    const [, copies = []] = await inRounds(arms, rounds, async (arm, round) => {
      say(`round ${round + 1} of ${rounds}: ${arm}`);
      if (arm === 'copy') return copy(plan, replays[0]?.journal.frames ?? 0, failures);
      const replayed = await replay(plan, context, failures);
      replays.push(replayed);
      return replayed.journal.rows / (replayed.storedS - replayed.readyS);
    });
    return resultOf(replays, copies, failures);
  },
};

interface Replayed {
  readonly journal: MadeJournal;
  /** From the start of the process: with an empty journal; with the full one; until all is stored. */
  readonly emptyReadyS: number;
  readonly readyS: number;
  readonly storedS: number;
  readonly cpuMs: number;
}

async function replay(
  plan: JournalPlan,
  { say, input }: SuiteContext,
  failures: string[],
): Promise<Replayed> {
  const profileDir = input.text('profile');
  const test = await openBenchEngine({ profileDir });
  try {
    const { engine } = test;
    const emptyMs = performance.now();
    await engine.restart();
    const emptyReadyS = (performance.now() - emptyMs) / 1_000;
    await engine.stop();
    const journal = await makeJournal(join(engine.dataDir, 'journal'), plan);
    say(`a journal of ${Math.round(journal.bytes / 1e6)} MB, ${journal.rows} rows`);
    const startedMs = performance.now();
    await engine.restart(undefined, readyDeadlineMs);
    const readyS = (performance.now() - startedMs) / 1_000;
    if (profileDir !== null) toggleProfile(test);
    while ((await engine.counter('fleetwire_rows_stored_total')) < journal.rows) {
      await new Promise((resolve) => void setTimeout(resolve, lookMs));
    }
    const storedS = (performance.now() - startedMs) / 1_000;
    if (profileDir !== null) toggleProfile(test);
    const replayed = { journal, emptyReadyS, readyS, storedS, cpuMs: cpuMs(engine.pid) };
    failures.push(...missing('replay', journal.rows, await countRows(test)));
    return replayed;
  } finally {
    await test.cleanup();
  }
}

/** The rows of so many frames of each vehicle, in a fresh table; rows a second. */
async function copy(plan: JournalPlan, frames: number, failures: string[]): Promise<number> {
  const test = await openBenchEngine();
  const copier = startChild<CopierCalls>(new URL('copier.ts', import.meta.url));
  try {
    await test.engine.stop();
    const { run, vehicles } = plan;
    const options = { url: test.databaseUrl, run, vehicles, fixesPerFrame, lapSteps: roadSteps };
    await copier.call('open', options);
    const framesAtOnce = Math.max(1, Math.floor(preparedRowsMax / (vehicles * fixesPerFrame)));
    const sum = { rows: 0, seconds: 0 };
    for (let done = 0; done < frames; done += framesAtOnce) {
      await copier.call('prepare', Math.min(framesAtOnce, frames - done));
      const { rows, seconds } = await copier.call('run', null);
      sum.rows += rows;
      sum.seconds += seconds;
    }
    failures.push(...missing('copy', sum.rows, await copier.call('countRows', null)));
    await copier.call('close', null);
    return sum.rows / sum.seconds;
  } finally {
    await copier.stop();
    await test.cleanup();
  }
}

function resultOf(
  replays: readonly Replayed[],
  copies: readonly number[],
  failures: readonly string[],
): SuiteResult {
  const median = (of: (replayed: Replayed) => number): number => medianOf(replays.map(of));
  const emptyReadyS = median((one) => one.emptyReadyS);
  const replayed = replays.map(({ journal, storedS, readyS }) => journal.rows / (storedS - readyS));
  // The scan of the journal and the folds of its fixes are part of it, whichever comes before the first connection.
  const whole = replays.map(({ journal, storedS }) => journal.rows / (storedS - emptyReadyS));
  const higher = (
    name: string,
    value: number,
    unit: string,
    goal: number | null = null,
  ): Figure => ({
    name,
    value,
    unit,
    goal,
    better: 'higher',
  });
  const lower = (name: string, value: number, unit: string): Figure => ({
    ...higher(name, value, unit),
    better: 'lower',
  });
  return {
    figures: [
      higher('replay over COPY', ratioOf(replayed, copies), 'ratio', replayGoal),
      higher('scan and replay over COPY', ratioOf(whole, copies), 'ratio'),
      lower('start to ready, empty journal', emptyReadyS, 's'),
      lower(
        'start to ready, full journal',
        median(({ readyS }) => readyS),
        's',
      ),
      lower(
        'start to all stored',
        median(({ storedS }) => storedS),
        's',
      ),
      higher('replayed, once ready', medianOf(replayed), 'rows/s'),
      higher('COPY of the same rows', medianOf(copies), 'rows/s'),
      lower(
        'CPU of a row, scan and replay',
        median(({ cpuMs, journal }) => (cpuMs * 1_000) / journal.rows),
        'us',
      ),
      higher(
        'journal',
        median(({ journal }) => journal.bytes / 1e6),
        'MB',
      ),
      higher(
        'rows',
        median(({ journal }) => journal.rows),
        'rows',
      ),
    ],
    noise: noiseOf(whole, copies),
    failures,
  };
}

function missing(arm: string, expected: number, rows: number): readonly string[] {
  return rows === expected ? [] : [`${arm}: ${expected} rows were due, but ${rows} are stored`];
}

/** Stops the engine. */
async function countRows(test: EngineTest): Promise<number> {
  const [row] = await test.rows((sql) => sql<{ count: string }[]>`select count(*) from positions`);
  return Number(row?.count);
}
