/**
 * What a run of `latency` has measured, as figures, and what its final state lacks.
 * Invariant: a goal is stated here and nowhere else.
 */
import type { EchoResult } from './echoers.ts';
import type { LatencySummary } from './latency.ts';
import { loadFailures } from './livefailures.ts';
import type { LiveLoad } from './livefigures.ts';
import { medianOf, noiseOf, ratioOf } from './rounds.ts';
import type { Figure, SuiteResult } from './suite.ts';

export interface LatencyRun {
  readonly loads: readonly LiveLoad[];
  readonly echoes: readonly EchoResult[];
  /** Of all loads, in the end. */
  readonly rows: number;
}

const overEchoGoal = 3;

export function latencyFigures({ loads, echoes, rows }: LatencyRun): SuiteResult {
  const ways = loads.map(({ crowd }) => crowd.latency);
  const echo = echoes.map(({ latency }) => latency);
  const dropped = Math.max(...loads.map(({ counters }) => counters.messagesDropped));
  const acked = loads.reduce((sum, { devices }) => sum + devices.acked, 0);
  return {
    figures: [
      figure('p99 over that of the echo', ratioOf(p99(ways), p99(echo)), 'ratio', overEchoGoal),
      ...tail('fix due to dashboard', ways),
      ...tail('echo', echo),
      figure('p50 over that of the echo', ratioOf(p50(ways), p50(echo)), 'ratio'),
      figure('fix due to ack, p99', medianOf(p99(loads.map(({ devices }) => devices.ack))), 'ms'),
      figure('fix due to sent, p99', medianOf(p99(loads.map(({ devices }) => devices.late))), 'ms'),
      figure("engine's event loop", medianOf(loads.map(loopPercent)), '% of a core'),
      figure('messages dropped', dropped, 'messages', 0),
      { ...figure('rows', rows, 'rows'), better: 'higher' },
    ],
    noise: noiseOf(p99(ways), p99(echo)),
    failures: [
      ...loads.flatMap(loadFailures),
      ...echoes.flatMap(({ failures }) => failures),
      ...(rows === acked ? [] : [`acked ${acked} fixes, but ${rows} rows are stored`]),
    ],
  };
}

function figure(name: string, value: number, unit: string, goal: number | null = null): Figure {
  return { name, value, unit, goal, better: 'lower' };
}

function tail(name: string, rounds: readonly LatencySummary[]): Figure[] {
  return [
    figure(`${name}, p50`, medianOf(p50(rounds)), 'ms'),
    figure(`${name}, p99`, medianOf(p99(rounds)), 'ms'),
    figure(`${name}, p99.9`, medianOf(rounds.map(({ p999Ms }) => p999Ms)), 'ms'),
  ];
}

function p50(rounds: readonly LatencySummary[]): number[] {
  return rounds.map(({ p50Ms }) => p50Ms);
}

function p99(rounds: readonly LatencySummary[]): number[] {
  return rounds.map(({ p99Ms }) => p99Ms);
}

function loopPercent({ usage }: LiveLoad): number {
  return usage.engineLoop * 100;
}
