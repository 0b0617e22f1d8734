/**
 * What a run of `fanout` has measured, as figures, and what its final state lacks.
 * Invariant: a goal is stated here and nowhere else. A frame counts as one message, also where the engine has put two
 * positions into it, for the bare server sends one frame for each.
 */
import type { FanResult } from './fanload.ts';
import type { Scene } from './fanscene.ts';
import { medianOf, noiseOf, ratioOf } from './rounds.ts';
import type { Figure, SuiteResult } from './suite.ts';

export interface FanRound extends FanResult {
  /** Of the server, over the round. */
  readonly cpuMs: number;
}

export interface SceneRounds {
  readonly scene: Scene;
  readonly engine: readonly FanRound[];
  readonly bare: readonly FanRound[];
}

const overBareGoal = 0.9;

export function fanoutFigures(
  rounds: readonly SceneRounds[],
  { dropped, lagging }: { readonly dropped: number; readonly lagging: number },
): SuiteResult {
  const arms = rounds.flatMap(({ engine, bare }) => [engine, bare]);
  return {
    figures: [
      ...rounds.flatMap(sceneFigures),
      { name: 'messages dropped', value: dropped, unit: 'messages', goal: 0, better: 'lower' },
    ],
    noise: noiseOf(...arms.map((arm) => arm.map(perS))),
    failures: [
      ...arms.flat().flatMap(roundFailures),
      ...(dropped === 0 ? [] : [`the engine dropped ${dropped} messages`]),
      ...(lagging === 0 ? [] : [`${lagging} subscriptions lagged`]),
    ],
  };
}

function sceneFigures({ scene, engine, bare }: SceneRounds): Figure[] {
  const figure = (
    name: string,
    value: number,
    unit: string,
    goal: number | null = null,
    better: Figure['better'] = 'higher',
  ): Figure => ({ name: `${name}, ${scene.title}`, value, unit, goal, better });
  return [
    figure('delivered over bare', ratioOf(engine.map(perS), bare.map(perS)), 'ratio', overBareGoal),
    figure('delivered', medianOf(engine.map(perS)), 'messages/s'),
    figure('delivered by bare', medianOf(bare.map(perS)), 'messages/s'),
    figure('CPU a delivery over bare', cpuRatio(engine, bare), 'ratio', null, 'lower'),
    figure('CPU a delivery', medianOf(engine.map(cpuUs)), 'us', null, 'lower'),
    figure('CPU a delivery by bare', medianOf(bare.map(cpuUs)), 'us', null, 'lower'),
  ];
}

function cpuRatio(engine: readonly FanRound[], bare: readonly FanRound[]): number {
  return ratioOf(engine.map(cpuUs), bare.map(cpuUs));
}

function perS({ frames, seconds }: FanRound): number {
  return frames / seconds;
}

function cpuUs({ frames, cpuMs }: FanRound): number {
  return (cpuMs * 1_000) / frames;
}

function roundFailures({ messages, expected, failures }: FanRound): string[] {
  if (messages === expected) return [...failures];
  return [...failures, `${expected} messages were due, but ${messages} were delivered`];
}
