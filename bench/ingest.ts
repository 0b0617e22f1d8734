/**
 * How many fixes a second does the engine take, keep and commit, at what processor time each, and how near is that to
 * a plain COPY of the same rows? Frames of 50, frames of 1 and COPY take turns on one database.
 * Invariant: a round ends when its last row is committed, which the acks of level 2 say; every fix that was sent and
 * every row that was copied is a row at the end, else the run fails.
 * Bound: a number of rows for each arm in each round, after a warm-up round that does not count.
 */
import { randomBytes } from 'node:crypto';
import type { EngineTest } from '../test/support/enginetest.ts';
import { startChild, type Child } from './child.ts';
import type { CopierCalls } from './copier.ts';
import { cpuMs, machineBusyMs, mainThreadCpuMs, residentBytes, treeCpuMs } from './cpu.ts';
import { openBenchEngine, toggleProfile } from './engine.ts';
import { roadSteps } from './fixes.ts';
import {
  ingestFigures,
  type CopiedRound,
  type IngestRun,
  type SentRound,
  type Used,
} from './ingestfigures.ts';
import { inRounds } from './rounds.ts';
import type { SendersCalls } from './senders.ts';
import type { Suite, SuiteContext, SuiteResult } from './suite.ts';

const connections = 64;
const framesInFlight = 64;
const sizes = { full: { rows: 500_000, rounds: 4 }, quick: { rows: 64_000, rounds: 2 } } as const;
/** Frames of 1 take longer: so much fewer rows. */
const singleShare = 0.2;
const arms = ['frames of 50', 'copy', 'frames of 1'] as const;
type Arm = (typeof arms)[number];

export const ingestSuite: Suite = {
  name: 'ingest',
  summary:
    'fixes a second that are taken, kept and committed, against a plain COPY of the same rows',
  options: {
    rows: {
      type: 'string',
      value: 'N',
      help: `of each arm in a round (default: ${sizes.full.rows}; quick: ${sizes.quick.rows})`,
    },
    profile: { type: 'string', value: 'DIR', help: "where to write the engine's CPU profile" },
    'profile-arm': { type: 'string', value: 'ARM', fallback: arms[0], help: 'what it is of' },
  },
  async run(context) {
    const test = await openBenchEngine({ profileDir: context.input.text('profile') });
    const parts = { test, ...startChildren() };
    try {
      return await runIngest(context, parts);
    } finally {
      await Promise.all([parts.many.stop(), parts.single.stop(), parts.copier.stop()]);
      await test.cleanup();
    }
  },
};

interface Parts {
  readonly test: EngineTest;
  readonly many: Child<SendersCalls>;
  readonly single: Child<SendersCalls>;
  readonly copier: Child<CopierCalls>;
}

function startChildren(): Omit<Parts, 'test'> {
  const senders = new URL('senders.ts', import.meta.url);
  return {
    many: startChild<SendersCalls>(senders),
    single: startChild<SendersCalls>(senders),
    copier: startChild<CopierCalls>(new URL('copier.ts', import.meta.url)),
  };
}

async function runIngest(context: SuiteContext, parts: Parts): Promise<SuiteResult> {
  const { input, isQuick, say } = context;
  const { test, copier } = parts;
  const size = isQuick ? sizes.quick : sizes.full;
  const rows = input.number('rows', { min: 3_200, max: 10_000_000, isInteger: true }) ?? size.rows;
  const run = randomBytes(4).toString('hex');
  await open(parts, run);
  const use = useOf(context.databasePid);

  async function measure(arm: Arm, round: number): Promise<SentRound | CopiedRound> {
    say(`round ${round}: ${arm}`);
    if (arm === 'copy') return copyRows(parts, rows, use);
    const isProfiled = arm === input.text('profile-arm') && input.text('profile') !== null;
    if (isProfiled) toggleProfile(test);
    const sent = await sendRows(parts, arm, rows, use);
    if (isProfiled) toggleProfile(test);
    return sent;
  }

  const warm = await inRounds(arms, 1, (arm) => measure(arm, 0));
  const results = await inRounds(arms, size.rounds, (arm, round) => measure(arm, round + 1));
  const [of50 = [], copied = [], of1 = []] = results;
  const all = [...warm, ...results].flat();
  const copiedRows = await copier.call('countRows', null);
  await copier.call('close', null);
  const engineBytes = residentBytes(test.engine.pid);
  const counted = await countRows(test, run);
  const measured: IngestRun = {
    of50: of50.filter(isSent),
    of1: of1.filter(isSent),
    copied: copied.filter(isCopied),
    sentRows: all.filter(isSent).reduce((sum, { fixes }) => sum + fixes, 0),
    countedRows: counted,
    copiedRows: all.filter(isCopied).reduce((sum, one) => sum + one.rows, 0),
    countedCopiedRows: copiedRows,
    engineBytes,
    isEmbedded: test.databaseUrl === null,
  };
  return ingestFigures(measured);
}

function isSent(result: SentRound | CopiedRound): result is SentRound {
  return 'storedSeconds' in result;
}

function isCopied(result: SentRound | CopiedRound): result is CopiedRound {
  return !isSent(result);
}

async function open({ test, many, single, copier }: Parts, run: string): Promise<void> {
  const url = `${test.engine.wsUrl}/v1/ingest`;
  const load = { url, connections, framesInFlight };
  await many.call('open', { ...load, fixesPerFrame: 50, run: `many${run}` });
  await single.call('open', { ...load, fixesPerFrame: 1, run: `one${run}` });
  await copier.call('open', {
    url: test.databaseUrl,
    run: `copy${run}`,
    vehicles: connections,
    fixesPerFrame: 50,
    lapSteps: roadSteps,
  });
}

/** Does the work, and says what of the machine was used meanwhile. */
type Use = <Result>(work: () => Promise<Result>) => Promise<Result & Used>;

function useOf(databasePid: number | null): Use {
  const databaseMs = (): number => treeCpuMs(databasePid);
  return async (work) => {
    const before = { databaseMs: databaseMs(), busyMs: machineBusyMs(), atMs: performance.now() };
    const result = await work();
    return {
      ...result,
      databaseMs: databaseMs() - before.databaseMs,
      cores: (machineBusyMs() - before.busyMs) / (performance.now() - before.atMs),
    };
  };
}

async function sendRows(
  { test, many, single }: Parts,
  arm: Arm,
  rows: number,
  use: Use,
): Promise<SentRound> {
  const isSingle = arm === 'frames of 1';
  const frames = isSingle ? (rows * singleShare) / connections : rows / (connections * 50);
  const { pid } = test.engine;
  const before = { cpuMs: cpuMs(pid), loopMs: mainThreadCpuMs(pid) };
  const senders = isSingle ? single : many;
  const sent = await use(() => senders.call('send', Math.ceil(frames)));
  return {
    ...sent,
    cpuMs: cpuMs(pid) - before.cpuMs,
    loopMs: mainThreadCpuMs(pid) - before.loopMs,
  };
}

async function copyRows({ copier }: Parts, rows: number, use: Use): Promise<CopiedRound> {
  await copier.call('prepare', Math.ceil(rows / (connections * 50)));
  return use(() => copier.call('run', null));
}

/** Of devices; stops the engine. */
async function countRows(test: EngineTest, run: string): Promise<number> {
  const [row] = await test.rows(
    (sql) => sql<{ count: string }[]>`
      select count(*) from positions
      where vehicle_id like ${`many${run}-%`} or vehicle_id like ${`one${run}-%`}`,
  );
  return Number(row?.count);
}
