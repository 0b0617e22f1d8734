/**
 * What does a fix cost in the fold over a vehicle's fixes, and what does a vehicle's state weigh?
 * 100,000 vehicles among 5,000 geofences, their fixes in random order of vehicles, with attributes and without; then
 * the memory of the same fleet while it stands and on a trip. No engine and no sockets: sockets, journal and database
 * cost more than the fold and would hide it.
 * Invariant: each arm is run twice, in turn with the others, and both runs tell the same and end in the same states:
 * else it fails. A figure is the mean of both runs, and the noise is the largest difference between two.
 * Bound: a process for each run, one after the other, with a fixed number of fixes.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Input } from '../src/cli/command.ts';
import { limits } from '../src/limits.ts';
import { machineBusyMs } from './cpu.ts';
import type { Cost, FoldReport, FoldTask, Memory, Told, Weight } from './foldtask.ts';
import type { Figure, Suite, SuiteContext, SuiteResult } from './suite.ts';

/** What the goals are stated for. */
const vehiclesFull = 100_000;
const fencesFull = 5_000;
const vehiclesQuick = 20_000;
const roundsFull = { warmupRounds: 30, rounds: 10 } as const;
const roundsQuick = { warmupRounds: 30, rounds: 5 } as const;
const fixCostGoalUs = 3;
const stateGoalBytes = 1_000;
/** Of a core. */
const quietShare = 0.15;
/** Some vehicles turn back at once, and are on no trip. */
const phaseShareMin = 0.95;

const phases: readonly { readonly name: string; readonly of: (memory: Memory) => Weight }[] = [
  { name: 'standing', of: ({ stands }) => stands },
  { name: 'on a trip', of: ({ drives }) => drives },
  { name: 'on a trip with a stop', of: ({ hasStopped }) => hasStopped },
];

interface Pair<Result> {
  readonly first: Result;
  readonly second: Result;
}

/** One run of each arm. */
interface Arms {
  readonly plain: Cost;
  readonly attributes: Cost;
  readonly memory: Memory;
}

export const fleetSuite: Suite = {
  name: 'fleet',
  summary: 'what follows from fixes: the processor time of each, and the memory of a vehicle',
  options: {
    vehicles: {
      type: 'string',
      value: 'N',
      help: `states in memory (default: ${vehiclesFull}; quick: ${vehiclesQuick})`,
    },
    fences: { type: 'string', value: 'N', fallback: `${fencesFull}`, help: 'geofences' },
    regions: {
      type: 'string',
      value: 'PERCENT',
      fallback: '1',
      help: 'of them, that are counties: what a fix costs follows from their corners',
    },
  },
  async run(context) {
    const first = await runArms(context);
    const second = await runArms(context);
    const pairOf = <Name extends keyof Arms>(name: Name): Pair<Arms[Name]> => ({
      first: first[name],
      second: second[name],
    });
    return resultOf(pairOf('plain'), pairOf('attributes'), pairOf('memory'));
  },
};

async function runArms(context: SuiteContext): Promise<Arms> {
  const task = taskOf(context.input, context.isQuick);
  return {
    plain: await fold<Cost>(task, context),
    attributes: await fold<Cost>({ ...task, hasAttributes: true }, context),
    memory: await fold<Memory>({ ...task, measures: 'memory' }, context),
  };
}

function taskOf(input: Input, isQuick: boolean): FoldTask {
  const count = (name: string, max: number): number | null =>
    input.number(name, { min: 1_000, max, isInteger: true });
  return {
    measures: 'cost',
    vehicles: count('vehicles', limits.vehiclesMax) ?? (isQuick ? vehiclesQuick : vehiclesFull),
    fences: count('fences', limits.fencesMax) ?? fencesFull,
    regionsPercent: input.number('regions', { min: 0, max: 100 }) ?? 0,
    ...(isQuick ? roundsQuick : roundsFull),
    hasAttributes: false,
  };
}

/** Ends when the process has. */
async function fold<Result>(task: FoldTask, { say }: SuiteContext): Promise<Result> {
  const path = fileURLToPath(new URL('folding.ts', import.meta.url));
  const how = task.hasAttributes ? ' with attributes' : '';
  say(`${task.measures} of ${task.vehicles} vehicles, ${task.fences} geofences${how}`);
  const busyBeforeMs = machineBusyMs();
  const startedMs = performance.now();
  const child = fork(path, [JSON.stringify(task)], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const ended = exited.then(([code, signal]) => {
    throw new Error(`${path} ended with ${code ?? signal}`);
  });
  const [{ result, cpuMs }] = (await Promise.race([once(child, 'message'), ended])) as [
    FoldReport<Result>,
  ];
  const elapsedMs = performance.now() - startedMs;
  const others = (machineBusyMs() - busyBeforeMs - cpuMs) / elapsedMs;
  if (others > quietShare) {
    const percent = Math.round(others * 100);
    say(`not a quiet machine: others used ${percent} % of a core, and of its caches`);
  }
  await exited;
  return result;
}

function resultOf(plain: Pair<Cost>, attributes: Pair<Cost>, memory: Pair<Memory>): SuiteResult {
  return {
    figures: [
      ...costFigures('without attributes', plain),
      ...costFigures('with attributes', attributes),
      ...sceneFigures(plain),
      ...memoryFigures(memory),
    ],
    noise: Math.max(
      apart(plain, ({ medianUs }) => medianUs),
      apart(attributes, ({ medianUs }) => medianUs),
      ...phases.map(({ of }) => apart(memory, (one) => of(one).bytes)),
    ),
    failures: [
      ...toldFailures('without attributes', plain),
      ...toldFailures('with attributes', attributes),
      ...toldFailures('memory', memory),
      ...phaseFailures(memory),
    ],
  };
}

function figure(name: string, value: number, unit: string, goal: number | null = null): Figure {
  return { name, value, unit, goal, better: 'lower' };
}

function mean<Result>({ first, second }: Pair<Result>, of: (result: Result) => number): number {
  return (of(first) + of(second)) / 2;
}

/** How far the two are apart, as a share of the larger. */
function apart<Result>({ first, second }: Pair<Result>, of: (result: Result) => number): number {
  return Math.abs(of(first) - of(second)) / Math.max(of(first), of(second));
}

function costFigures(arm: string, pair: Pair<Cost>): Figure[] {
  const medianUs = mean(pair, (cost) => cost.medianUs);
  return [
    figure(`CPU of a fix ${arm}, median`, medianUs, 'us', fixCostGoalUs),
    figure(
      `CPU of a fix ${arm}, p90 of batches`,
      mean(pair, ({ p90Us }) => p90Us),
      'us',
    ),
  ];
}

/** What those fixes met. */
function sceneFigures({ first }: Pair<Cost>): Figure[] {
  return [
    figure('outputs of 1,000 fixes', first.outputsPerFix * 1_000, 'outputs'),
    figure('geofences in whose reach the cell of a fix is', first.fencesNear, 'geofences'),
    figure('edges that they have', first.edgesNear, 'edges'),
    figure('geofences that a vehicle is in', first.fencesIn, 'geofences'),
    figure('vehicles on a trip', first.onTripShare * 100, '%'),
  ];
}

function memoryFigures(pair: Pair<Memory>): Figure[] {
  return phases.map(({ name, of }) =>
    figure(
      `memory of a vehicle, ${name}`,
      mean(pair, (memory) => of(memory).bytes),
      'bytes',
      stateGoalBytes,
    ),
  );
}

function toldFailures(arm: string, { first, second }: Pair<{ readonly told: Told }>): string[] {
  const { told } = first;
  const failures: string[] = [];
  if (told.digest !== second.told.digest) failures.push('two runs told or ended differently');
  if (told.outputs !== second.told.outputs) {
    failures.push(`one run told ${told.outputs} outputs, the other ${second.told.outputs}`);
  }
  if (told.outputs === 0) failures.push('nothing was told');
  if (told.fencesEntered === 0) failures.push('no geofence was entered');
  if (told.tripsStarted === 0) failures.push('no trip was started');
  if (told.filtered > 0) failures.push(`${told.filtered} fixes were filtered`);
  if (told.fencesLeftOut > 0) failures.push(`${told.fencesLeftOut} geofences were left out`);
  return failures.map((failure) => `${arm}: ${failure}`);
}

function phaseFailures({ first }: Pair<Memory>): string[] {
  return phases
    .filter(({ of }) => of(first).share < phaseShareMin)
    .map(({ name, of }) => `memory: ${Math.round(of(first).share * 100)} % were ${name}`);
}
