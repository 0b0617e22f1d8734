/**
 * What a run of `baseline` has measured, as figures.
 * Invariant: a goal is stated here and nowhere else, and is one of a ratio: both sides were measured in the same run. The
 * engine's frames of 50 are held against the goals, for a system of one JSON event a fix has no other form. What a
 * connection weighs is measured by `connections`.
 */
import { medianOf, noiseOf, ratioOf } from './rounds.ts';
import type { Figure, SuiteResult } from './suite.ts';

/** One arm in one round. */
export interface Turn {
  readonly fixesPerS: number;
  readonly cpuUsPerFix: number;
  /** `null` where the database is no process that this run knows; embedded it is in the server's own time. */
  readonly databaseCpuUsPerFix: number | null;
  /** Both ways. */
  readonly bytesPerFix: number;
}

export interface BaselineRun {
  readonly frames: readonly Turn[];
  readonly fixes: readonly Turn[];
  readonly single: readonly Turn[];
  readonly batched: readonly Turn[];
  readonly failures: readonly string[];
}

const goals = { overSingle: 30, overBatched: 5, bytes: 1 / 5 } as const;

const arms = {
  frames: 'engine, frames of 50',
  fixes: 'engine, frames of 1',
  single: 'Socket.IO, single INSERTs',
  batched: 'Socket.IO, batched INSERTs',
} as const;
type ArmName = keyof typeof arms;
const armNames = Object.keys(arms) as ArmName[];

export function baselineResult(run: BaselineRun): SuiteResult {
  return {
    figures: [...ratioFigures(run), ...armNames.flatMap((arm) => armFigures(arms[arm], run[arm]))],
    noise: noiseOf(...armNames.map((arm) => run[arm].map(speed))),
    failures: run.failures,
  };
}

const speed = ({ fixesPerS }: Turn): number => fixesPerS;
const cpu = ({ cpuUsPerFix }: Turn): number => cpuUsPerFix;
const wire = ({ bytesPerFix }: Turn): number => bytesPerFix;

function ratioFigures(run: BaselineRun): Figure[] {
  const { frames, fixes, single, batched } = run;
  const of = (ours: readonly Turn[], theirs: readonly Turn[], value: typeof speed): number =>
    ratioOf(ours.map(value), theirs.map(value));
  return [
    higher('fixes/s over single INSERTs', of(frames, single, speed), goals.overSingle),
    higher('fixes/s over batched INSERTs', of(frames, batched, speed), goals.overBatched),
    higher('fixes/s over single INSERTs, frames of 1', of(fixes, single, speed), null),
    higher('fixes/s over batched INSERTs, frames of 1', of(fixes, batched, speed), null),
    lower('bytes of a fix to those of JSON', of(frames, single, wire), goals.bytes),
    lower('bytes of a fix to those of JSON, frames of 1', of(fixes, single, wire), null),
    lower('CPU of a fix to that of single INSERTs', of(frames, single, cpu), null),
    lower('CPU of a fix to that of batched INSERTs', of(frames, batched, cpu), null),
    lower('CPU of a fix to that of batched INSERTs, frames of 1', of(fixes, batched, cpu), null),
  ];
}

function armFigures(name: string, turns: readonly Turn[]): Figure[] {
  const databases = turns.flatMap(({ databaseCpuUsPerFix }) => databaseCpuUsPerFix ?? []);
  const median = (value: typeof speed): number => medianOf(turns.map(value));
  return [
    { ...higher(`acked and stored, ${name}`, median(speed), null), unit: 'fixes/s' },
    { ...lower(`CPU of a fix, ${name}`, median(cpu), null), unit: 'us' },
    ...(databases.length === 0
      ? []
      : [
          {
            ...lower(`CPU of a fix in the database, ${name}`, medianOf(databases), null),
            unit: 'us',
          },
        ]),
    { ...lower(`on the wire, ${name}`, median(wire), null), unit: 'bytes/fix' },
  ];
}

function higher(name: string, value: number, goal: number | null): Figure {
  return { name, value, unit: 'ratio', goal, better: 'higher' };
}

function lower(name: string, value: number, goal: number | null): Figure {
  return { name, value, unit: 'ratio', goal, better: 'lower' };
}
