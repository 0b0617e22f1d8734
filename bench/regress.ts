/**
 * Has a ratio fallen by more than a third since it was committed (ratios.json)? Runs the quick form of each suite that
 * has such ratios; `--record` adds what it measures to the file instead.
 * Invariant: a suite is run again before it fails, and the median of its runs counts: one bad moment of a shared machine
 * is no regression. A committed ratio that a suite no longer has is a failure.
 * Bound: `runsMax` runs of a suite, and none is begun after `lastStartS`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseInput } from '../src/cli/command.ts';
import {
  fallMax,
  hasFallen,
  ratiosOf,
  standing,
  withReading,
  type Ratios,
  type SuiteRatios,
} from './ratios.ts';
import { medianOf } from './rounds.ts';
import { rounded, type Figure, type Suite, type SuiteContext, type SuiteResult } from './suite.ts';

const committed = new URL('ratios.json', import.meta.url);
const runsMax = 3;
const lastStartS = 110;

export function createRegressSuite(suites: readonly Suite[], file: URL = committed): Suite {
  return {
    name: 'regress',
    summary: 'whether a ratio has fallen by more than a third since it was committed',
    options: {
      record: {
        type: 'string',
        value: 'SUITES',
        help: 'add what these (by commas) measure to bench/ratios.json, and compare nothing',
      },
      anew: { type: 'boolean', help: 'with --record: instead of what they measured before' },
    },
    async run(context) {
      const record = context.input.text('record');
      if (record !== null) return recordRatios(named(suites, record.split(',')), context, file);
      if (context.input.flag('anew')) throw new Error('--anew says nothing without --record');
      return compareAll(suites, context, file);
    },
  };
}

function readRatios(file: URL): Ratios {
  return JSON.parse(readFileSync(file, 'utf8')) as Ratios;
}

function named(suites: readonly Suite[], names: readonly string[]): readonly Suite[] {
  return names.map((name) => {
    const suite = suites.find((candidate) => candidate.name === name);
    if (suite === undefined) throw new Error(`there is no suite ${name}`);
    return suite;
  });
}

function runQuick(suite: Suite, context: SuiteContext): Promise<SuiteResult> {
  const command = { ...suite, operands: [], run: () => Promise.resolve(0) };
  return suite.run({ ...context, input: parseInput(command, []), isQuick: true });
}

async function recordRatios(
  suites: readonly Suite[],
  context: SuiteContext,
  file: URL,
): Promise<SuiteResult> {
  const ratios: Record<string, SuiteRatios> = { ...readRatios(file) };
  const isAnew = context.input.flag('anew');
  const failures: string[] = [];
  for (const suite of suites) {
    const runs: SuiteResult[] = [];
    while (runs.length < runsMax) runs.push(await runQuick(suite, context));
    failures.push(...runs.flatMap((run) => run.failures));
    const measured = ratiosOf(medianFigures(runs));
    // Which ones are kept is chosen by hand, once: those that a shared machine does not shake.
    const before = ratios[suite.name];
    const kept = Object.keys(before ?? measured).filter((name) => name in measured);
    ratios[suite.name] = Object.fromEntries(
      kept.map((name) => {
        const readings = isAnew ? [] : (before?.[name] ?? []);
        return [name, withReading(readings, rounded(measured[name] ?? NaN))];
      }),
    );
    writeFileSync(file, `${JSON.stringify(ratios, null, 2)}\n`);
  }
  return { figures: [], noise: null, failures };
}

async function compareAll(
  suites: readonly Suite[],
  context: SuiteContext,
  file: URL,
): Promise<SuiteResult> {
  const startedMs = performance.now();
  const isLate = (): boolean => performance.now() - startedMs > lastStartS * 1_000;
  const figures: Figure[] = [];
  const failures: string[] = [];
  for (const [name, before] of Object.entries(readRatios(file))) {
    const [suite] = named(suites, [name]);
    if (suite === undefined) continue;
    const compared = await compare(suite, before, context, isLate);
    figures.push(...compared.figures);
    failures.push(...compared.failures);
  }
  return { figures, noise: null, failures };
}

/** Of one suite: each ratio as a share of what it was. */
async function compare(
  suite: Suite,
  before: SuiteRatios,
  context: SuiteContext,
  isLate: () => boolean,
): Promise<Omit<SuiteResult, 'noise'>> {
  const runs: SuiteResult[] = [];
  let shares: readonly Share[] = [];
  do {
    runs.push(await runQuick(suite, context));
    shares = sharesOf(medianFigures(runs), before);
  } while (runs.length < runsMax && shares.some(({ now }) => hasFallen(now)) && !isLate());
  return {
    figures: shares.map(({ name, now }) => ({
      name: `${suite.name}: ${name}, of what it was`,
      value: now,
      unit: 'share',
      goal: rounded(1 - fallMax),
      better: 'higher',
    })),
    failures: [
      ...runs.flatMap(({ failures }) => failures),
      ...shares
        .filter(({ now }) => hasFallen(now))
        .map(({ name, now }) => `${suite.name}: ${name} is ${now.toFixed(2)} of what it was`),
    ],
  };
}

interface Share {
  readonly name: string;
  /** NaN where there is no such figure. */
  readonly now: number;
}

function sharesOf(figures: readonly Figure[], before: SuiteRatios): readonly Share[] {
  return Object.entries(before).map(([name, was]) => {
    const figure = figures.find((candidate) => candidate.name === name);
    return { name, now: figure === undefined ? NaN : standing(figure, was) };
  });
}

/** The figures of the first, each with the median of all. */
function medianFigures(runs: readonly SuiteResult[]): readonly Figure[] {
  const figures = runs.flatMap((run) => run.figures);
  const [first] = runs;
  return (first?.figures ?? []).map(({ name, unit, goal, better }) => {
    const values = figures.filter((figure) => figure.name === name).map(({ value }) => value);
    return { name, value: medianOf(values), unit, goal, better };
  });
}
