/**
 * What runs have measured, kept for `report`: one line of JSON for each run, in a file for each suite.
 * Invariant: a line is written once, after its run, with the machine and the versions that it was measured on; nobody
 * changes it. The files are not part of the repository: a figure counts where it was measured.
 * Bound: a few KB a run, until somebody removes them.
 */
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainFigures, type PlainFigure } from './report.ts';
import { rounded, type SuiteResult } from './suite.ts';

export const resultsDir = fileURLToPath(new URL('results/', import.meta.url));

export type DatabaseKind = 'embedded' | 'native' | 'server';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
}

/** One run. */
export interface ResultRecord {
  readonly suite: string;
  /** ISO 8601. */
  readonly at: string;
  readonly isQuick: boolean;
  readonly database: DatabaseKind;
  readonly machine: Machine;
  readonly figures: readonly PlainFigure[];
  readonly noise: number | null;
  readonly failures: readonly string[];
}

export interface RunKind {
  readonly isQuick: boolean;
  readonly database: DatabaseKind;
}

export function recordOf(
  suite: string,
  result: SuiteResult,
  kind: RunKind,
  at: Date,
): ResultRecord {
  const { noise, failures } = result;
  return {
    suite,
    at: at.toISOString(),
    ...kind,
    machine: thisMachine(),
    figures: plainFigures(result),
    noise: noise === null ? null : rounded(noise),
    failures,
  };
}

export function appendRecord(file: string, record: ResultRecord): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(record)}\n`);
}

export function fileOf(suite: string): string {
  return join(resultsDir, `${suite}.jsonl`);
}

/** Every run in the directory, in no order. */
export function readRecords(dir: string): readonly ResultRecord[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ResultRecord);
}

/** The newest whole run of each suite on each kind of database; a quick one only where there is no other. */
export function newestOf(records: readonly ResultRecord[]): readonly ResultRecord[] {
  const newest = new Map<string, ResultRecord>();
  const rankOf = ({ isQuick, at }: ResultRecord): string => `${isQuick ? 0 : 1} ${at}`;
  for (const record of records) {
    const key = `${record.suite} ${record.database}`;
    const before = newest.get(key);
    if (before === undefined || rankOf(before) < rankOf(record)) newest.set(key, record);
  }
  return [...newest.entries()]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, record]) => record);
}

function thisMachine(): Machine {
  const [first] = cpus();
  return {
    processor: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}
