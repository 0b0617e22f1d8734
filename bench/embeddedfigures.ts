/**
 * What a run of `embedded` has measured, as figures.
 * Invariant: the one goal is that the database's thread does not hold up the event loop; all else is stated.
 */
import type { EmbeddedRun, EmbeddedTurn } from './embedded.ts';
import { medianOf } from './rounds.ts';
import type { Figure } from './suite.ts';

const stallGoalMs = 20;

export function embeddedFigures(run: EmbeddedRun): Figure[] {
  const { pressed, paced, asked } = run;
  const median = (turns: readonly EmbeddedTurn[], of: (turn: EmbeddedTurn) => number): number =>
    medianOf(turns.map(of));
  const perFixUs = (ms: (turn: EmbeddedTurn) => number) => (turn: EmbeddedTurn) =>
    (ms(turn) * 1_000) / turn.result.fixes;
  const longest = (turns: readonly EmbeddedTurn[]): number =>
    Math.max(...turns.map(({ stallMs }) => stallMs));
  return [
    figure('longest stall of the event loop', longest([...pressed, ...paced]), 'ms', stallGoalMs),
    figure('longest stall of the event loop, at half the peak', longest(paced), 'ms'),
    // The machine's own, over all turns: what is near it is not the engine's.
    figure('longest stall of a process with nothing to do', run.idleStallMs, 'ms'),
    {
      ...figure(
        'stored',
        median(pressed, ({ result }) => result.fixes / result.storedS),
        'rows/s',
      ),
      better: 'higher',
    },
    {
      ...figure(
        'at half the peak',
        median(paced, ({ result }) => result.fixes / result.sentS),
        'fixes/s',
      ),
      better: 'higher',
    },
    figure(
      'due to acked, p50',
      median(paced, ({ result }) => result.ack.p50Ms),
      'ms',
    ),
    figure(
      'due to acked, p99',
      median(paced, ({ result }) => result.ack.p99Ms),
      'ms',
    ),
    figure(
      'due to stored, p50',
      median(paced, ({ result }) => result.stored.p50Ms),
      'ms',
    ),
    figure(
      'due to stored, p99',
      median(paced, ({ result }) => result.stored.p99Ms),
      'ms',
    ),
    figure(
      'due to sent, p99',
      median(paced, ({ result }) => result.late.p99Ms),
      'ms',
    ),
    figure('track of 1,000 fixes meanwhile, p50', asked.latency.p50Ms, 'ms'),
    figure('track of 1,000 fixes meanwhile, p99', asked.latency.p99Ms, 'ms'),
    figure(
      'CPU of a fix, event loop',
      median(
        pressed,
        perFixUs(({ loopCpuMs }) => loopCpuMs),
      ),
      'us',
    ),
    figure(
      'CPU of a fix, other threads',
      median(
        pressed,
        perFixUs(({ threadsCpuMs }) => threadsCpuMs),
      ),
      'us',
    ),
    figure('memory of the engine with its database', run.residentBytes / 1e6, 'MB'),
  ];
}

function figure(name: string, value: number, unit: string, goal: number | null = null): Figure {
  return { name, value, unit, goal, better: 'lower' };
}
