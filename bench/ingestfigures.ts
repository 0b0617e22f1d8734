/**
 * What a run of `ingest` has measured, as figures, and what its final state lacks.
 * Invariant: a goal is stated here and nowhere else. The processor time has a goal with a server only, for the embedded
 * database is a thread of the engine.
 */
import type { CopiedResult } from './copier.ts';
import { medianOf, noiseOf, ratioOf } from './rounds.ts';
import type { SentResult } from './senders.ts';
import type { Figure, SuiteResult } from './suite.ts';

/** What of the machine a round used. */
export interface Used {
  /** Of all processes of the database; NaN where it is not known. */
  readonly databaseMs: number;
  readonly cores: number;
}

export type CopiedRound = CopiedResult & Used;

export interface SentRound extends SentResult, Used {
  /** Of the engine, over the round: all its threads, and the one with the event loop. */
  readonly cpuMs: number;
  readonly loopMs: number;
}

export interface IngestRun {
  readonly of50: readonly SentRound[];
  readonly of1: readonly SentRound[];
  readonly copied: readonly CopiedRound[];
  /** By the devices, warm-up and all; and the rows that there are of them. */
  readonly sentRows: number;
  readonly countedRows: number;
  readonly copiedRows: number;
  readonly countedCopiedRows: number;
  readonly engineBytes: number;
  readonly isEmbedded: boolean;
}

const overCopyGoal = 0.9;
const cpuGoalUs = { of50: 1, of1: 3 } as const;

export function ingestFigures(run: IngestRun): SuiteResult {
  const stored = run.of50.map(storedPerS);
  const copied = run.copied.map(({ rows, seconds }) => rows / seconds);
  return {
    figures: [
      figure(
        'committed over COPY of the same rows',
        ratioOf(stored, copied),
        'ratio',
        overCopyGoal,
      ),
      figure('COPY of the same rows', medianOf(copied), 'rows/s'),
      ...usedFigures('COPY', run.copied),
      ...usedFigures('frames of 50', run.of50),
      ...armFigures('frames of 50', run.of50, run.isEmbedded ? null : cpuGoalUs.of50),
      ...armFigures('frames of 1', run.of1, run.isEmbedded ? null : cpuGoalUs.of1),
      figure('engine CPU a fix, frames of 1 over 50', cpuRatio(run), 'ratio', null, 'lower'),
      figure('engine memory', run.engineBytes / 1e6, 'MB', null, 'lower'),
      figure('rows', run.countedRows, 'rows'),
    ],
    noise: noiseOf(stored, copied),
    failures: ingestFailures(run),
  };
}

function figure(
  name: string,
  value: number,
  unit: string,
  goal: number | null = null,
  better: Figure['better'] = 'higher',
): Figure {
  return { name, value, unit, goal, better };
}

function armFigures(arm: string, rounds: readonly SentRound[], goalUs: number | null): Figure[] {
  const journaled = rounds.map(({ fixes, journaledSeconds }) => fixes / journaledSeconds);
  return [
    figure(`acked, ${arm}`, medianOf(journaled), 'fixes/s'),
    figure(`committed, ${arm}`, medianOf(rounds.map(storedPerS)), 'rows/s'),
    figure(`engine CPU a fix, ${arm}`, medianOf(rounds.map(cpuUs)), 'us', goalUs, 'lower'),
    figure(`its event loop, ${arm}`, medianOf(rounds.map(loopUs)), 'us', null, 'lower'),
    figure(`on the wire, ${arm}`, medianOf(rounds.map(wireBytes)), 'bytes/fix', null, 'lower'),
  ];
}

/** Where both sides use all cores there are, each microsecond of the engine is one that the database lacks. */
function usedFigures(arm: string, rounds: readonly (SentRound | CopiedRound)[]): Figure[] {
  const databaseUs = rounds.map((round) => (round.databaseMs * 1_000) / rowsOf(round));
  const cores = figure(
    `cores in use, ${arm}`,
    medianOf(rounds.map((round) => round.cores)),
    'cores',
    null,
    'lower',
  );
  if (databaseUs.some(Number.isNaN)) return [cores];
  return [figure(`database CPU a row, ${arm}`, medianOf(databaseUs), 'us', null, 'lower'), cores];
}

function rowsOf(round: SentRound | CopiedRound): number {
  return 'rows' in round ? round.rows : round.fixes;
}

function cpuRatio({ of50, of1 }: IngestRun): number {
  return ratioOf(of1.map(cpuUs), of50.map(cpuUs));
}

function storedPerS({ fixes, storedSeconds }: SentRound): number {
  return fixes / storedSeconds;
}

function cpuUs({ fixes, cpuMs }: SentRound): number {
  return (cpuMs * 1_000) / fixes;
}

function loopUs({ fixes, loopMs }: SentRound): number {
  return (loopMs * 1_000) / fixes;
}

function wireBytes({ fixes, bytes }: SentRound): number {
  return bytes / fixes;
}

function ingestFailures(run: IngestRun): string[] {
  const { sentRows, countedRows, copiedRows, countedCopiedRows } = run;
  const failures = [...run.of50, ...run.of1].flatMap((round) => round.failures);
  if (countedRows !== sentRows) {
    failures.push(`sent ${sentRows} fixes, but ${countedRows} rows are stored`);
  }
  if (countedCopiedRows !== copiedRows) {
    failures.push(`copied ${copiedRows} rows, but ${countedCopiedRows} are there`);
  }
  return failures;
}
