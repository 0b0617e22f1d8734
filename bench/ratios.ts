/**
 * Ratios of this run against those that were committed: has one fallen?
 * Invariant: pure; ratios only, never times, for both sides of a ratio were measured in one run on one machine.
 * Bound: `fallMax`, far beyond what noise does to a median of runs in turns.
 */
import type { Figure } from './suite.ts';

/** Of suites, of their figures. */
export type Ratios = Readonly<Record<string, Readonly<Record<string, number>>>>;

export const ratioUnit = 'ratio';

/** A ratio may lose so much of what it was. */
export const fallMax = 1 / 3;

/** How good it is against what it was: 1 the same, less is worse. */
export function standing({ value, better }: Figure, before: number): number {
  return better === 'higher' ? value / before : before / value;
}

export function hasFallen(standingNow: number): boolean {
  return !(standingNow >= 1 - fallMax);
}

export function ratiosOf(figures: readonly Figure[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    figures.filter(({ unit }) => unit === ratioUnit).map(({ name, value }) => [name, value]),
  );
}
