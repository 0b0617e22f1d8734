/**
 * Ratios of this run against those that were committed: has one fallen?
 * Invariant: pure; ratios only, never times, for both sides of a ratio were measured in one run on one machine. Even so a
 * ratio is not the same on every machine and in every hour (one has the slower disk, another the slower cores), so several
 * readings of the same code are committed, and the worst of them is what counts.
 * Bound: `fallMax`, far beyond what noise does to a median of runs in turns; `readingsMax` of a ratio.
 */
import type { Figure } from './suite.ts';

/** Of suites, of their figures: what unchanged code had on several machines, the oldest first. */
export type Ratios = Readonly<Record<string, SuiteRatios>>;
export type SuiteRatios = Readonly<Record<string, readonly number[]>>;

export const ratioUnit = 'ratio';

/** A ratio may lose so much of what it was. */
export const fallMax = 1 / 3;

/** Of one ratio. The oldest goes first: machines are replaced, and code gets better. */
export const readingsMax = 8;

/** How good it is against the worst that it was: 1 the same, less is worse; `readings` has one at least. */
export function standing({ value, better }: Figure, readings: readonly number[]): number {
  return Math.max(
    ...readings.map((before) => (better === 'higher' ? value / before : before / value)),
  );
}

export function withReading(readings: readonly number[], reading: number): readonly number[] {
  return [...readings, reading].slice(-readingsMax);
}

export function hasFallen(standingNow: number): boolean {
  return !(standingNow >= 1 - fallMax);
}

export function ratiosOf(figures: readonly Figure[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    figures.filter(({ unit }) => unit === ratioUnit).map(({ name, value }) => [name, value]),
  );
}
