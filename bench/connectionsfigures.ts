/**
 * What a run of `connections` has measured, as figures, and what its final state lacks.
 * Invariant: a goal is stated here and nowhere else.
 */
import type { IdleTarget } from './idlers.ts';
import { medianOf, noiseOf } from './rounds.ts';
import type { Figure, SuiteResult } from './suite.ts';

export const idleTargets: readonly IdleTarget[] = ['engine', 'uws', 'ws', 'socketio'];

/** Resident bytes of a server, without its garbage and with it. */
export interface Held {
  readonly collected: number;
  readonly asItIs: number;
}

/** Of one round. */
export interface Weights {
  /** Connections at which memory was read; those before the first do not count. */
  readonly counts: readonly number[];
  /** For each of `idleTargets`, at each of `counts`. */
  readonly held: readonly (readonly Held[])[];
  readonly failures: readonly string[];
}

const goalBytes = 2_500;
/** Of what a connection of the system that is replaced weighs. */
const goalShare = 1 / 8;
/** Fewer of bare uWebSockets.js weigh less than the heap beside them wavers by. */
const bareMin = 10_000;

const titles: Readonly<Record<IdleTarget, string>> = {
  engine: 'an idle device',
  uws: 'a connection of bare uWebSockets.js',
  ws: 'one of ws',
  socketio: 'one of Socket.IO',
};

export function connectionsFigures(rounds: readonly Weights[]): SuiteResult {
  const counts = rounds[0]?.counts.slice(1) ?? [];
  return {
    figures: counts.flatMap((count, index) => figuresAt(rounds, count, index + 1)),
    noise: noiseOf(
      ...idleTargets.map((target) => weights(rounds, target, counts.length, 'collected')),
    ),
    failures: rounds.flatMap(({ failures }) => failures),
  };
}

function figuresAt(rounds: readonly Weights[], count: number, index: number): Figure[] {
  const at = `${count.toLocaleString('en-US')} of them`;
  const of = (target: IdleTarget, kind: keyof Held = 'collected'): number =>
    medianOf(weights(rounds, target, index, kind));
  const figure = (name: string, value: number, goal: number | null = null): Figure => ({
    name: `${name}, ${at}`,
    value,
    unit: 'bytes',
    goal,
    better: 'lower',
  });
  return [
    ...idleTargets.map((target) =>
      figure(titles[target], of(target), target === 'engine' ? goalBytes : null),
    ),
    figure(`${titles.engine}, with garbage`, of('engine', 'asItIs')),
    {
      ...figure('a device over Socket.IO', of('engine') / of('socketio'), goalShare),
      unit: 'ratio',
    },
    ...(count < bareMin
      ? []
      : [{ ...figure('a device over bare', of('engine') / of('uws')), unit: 'ratio' }]),
  ];
}

/** Bytes of one connection in each round. */
function weights(
  rounds: readonly Weights[],
  target: IdleTarget,
  index: number,
  kind: keyof Held,
): number[] {
  return rounds.map(({ counts, held }) => {
    const own = held[idleTargets.indexOf(target)] ?? [];
    const grown = (own[index]?.[kind] ?? NaN) - (own[0]?.[kind] ?? NaN);
    return grown / ((counts[index] ?? NaN) - (counts[0] ?? NaN));
  });
}
