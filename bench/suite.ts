/**
 * What a suite of `npm run bench` is: a name, options, and a run that yields figures.
 * Invariant: a figure without a goal is stated and cannot be missed; a failure is a final state that is not
 * what it must be (a row too few, a message dropped), and no goal mends it.
 * Bound: a suite ends by itself; what it starts it also ends.
 */
import type { Input, Option } from '../src/cli/command.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `null` where there is none. */
  readonly goal: number | null;
  readonly better: 'higher' | 'lower';
}

export interface SuiteResult {
  readonly figures: readonly Figure[];
  /** How far two measurements of the same thing are apart, as a share of the larger; `null` if not known. */
  readonly noise: number | null;
  /** What the run did not end with; empty where all is as it must be. */
  readonly failures: readonly string[];
}

export interface SuiteContext {
  readonly input: Input;
  /** A short run, for a look or for CI. */
  readonly isQuick: boolean;
  /** Of the database server, where it was started for this run; `null` where it is another's or embedded. */
  readonly databasePid: number | null;
  /** A line for whoever watches; figures do not go here. */
  say(line: string): void;
}

export interface Suite {
  readonly name: string;
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  run(context: SuiteContext): Promise<SuiteResult>;
}

/** Whether the goal is met; `null` where there is none. */
export function isMet({ value, goal, better }: Figure): boolean | null {
  if (goal === null) return null;
  return better === 'lower' ? value <= goal : value >= goal;
}

/** A number with as many digits as it deserves: three that mean something. */
export function rounded(value: number): number {
  if (Number.isInteger(value)) return value;
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
