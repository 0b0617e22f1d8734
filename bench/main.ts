/**
 * `npm run bench -- SUITE [--json] [--quick] [--native]`: runs a suite, prints its table and, last, one line
 * of JSON; without a suite it prints which there are.
 * Exit codes: 0 measured, whether or not goals are met; 1 the final state is not what it must be; 2 asked for
 * wrongly.
 * Invariant: figures go to stdout; what a suite says while it runs goes to stderr.
 */
import {
  helpOption,
  parseInput,
  UsageError,
  type Command,
  type Option,
} from '../src/cli/command.ts';
import { createAllCommand } from './all.ts';
import { baselineSuite } from './baseline.ts';
import { capacitySuite } from './capacity.ts';
import { machineBusyMs } from './cpu.ts';
import { embeddedSuite } from './embedded.ts';
import { connectionsSuite } from './connections.ts';
import { fanoutSuite } from './fanout.ts';
import { flameCommand } from './flame.ts';
import { fleetSuite } from './fleet.ts';
import { ingestSuite } from './ingest.ts';
import { latencySuite } from './latencysuite.ts';
import { liveSuite } from './live.ts';
import { microSuite } from './micro.ts';
import { withNative } from './native.ts';
import { recoverySuite } from './recovery.ts';
import { createRegressSuite } from './regress.ts';
import { resultLine, resultTable } from './report.ts';
import { reportCommand } from './reportcommand.ts';
import { appendRecord, fileOf, recordOf, type DatabaseKind } from './results.ts';
import { scaleSuite } from './scale.ts';
import type { Suite, SuiteResult } from './suite.ts';

const measuring: readonly Suite[] = [
  microSuite,
  ingestSuite,
  baselineSuite,
  fanoutSuite,
  connectionsSuite,
  latencySuite,
  liveSuite,
  fleetSuite,
  embeddedSuite,
  recoverySuite,
  scaleSuite,
  capacitySuite,
];

const suites: readonly Suite[] = [...measuring, createRegressSuite(measuring)];

const commonOptions = {
  json: { type: 'boolean', help: 'print the line of JSON alone' },
  quick: { type: 'boolean', help: 'a short run' },
  native: { type: 'boolean', help: 'on a native TimescaleDB that is made for this run' },
  out: {
    type: 'string',
    value: 'FILE',
    help: 'add the run to this file of JSON lines (default: bench/results/SUITE.jsonl)',
  },
} satisfies Readonly<Record<string, Option>>;

/** What measures nothing itself. */
const commands: readonly Command[] = [
  createAllCommand(measuring, commonOptions),
  reportCommand,
  flameCommand,
];

const lookMs = 1_000;
/** Of a core. */
const quietShare = 0.15;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) {
    const input = parseInput(command, rest);
    return input.flag('help') ? printHelp(command) : command.run(input);
  }
  const suite = suites.find((candidate) => candidate.name === name);
  if (suite === undefined) {
    process.stdout.write(`${overview()}\n`);
    return name === undefined || name === '--help' ? 0 : 2;
  }
  const options = { ...suite.options, ...commonOptions };
  const asked = { ...suite, options, operands: [], run: () => Promise.resolve(0) };
  const input = parseInput(asked, rest);
  if (input.flag('help')) return printHelp(asked);
  await sayIfBusy();
  const result = await withNative(input.flag('native'), (databasePid) =>
    suite.run({
      input,
      isQuick: input.flag('quick'),
      databasePid,
      say: (line) => void process.stderr.write(`${line}\n`),
    }),
  );
  const kind = { isQuick: input.flag('quick'), database: databaseKind(input.flag('native')) };
  appendRecord(
    input.text('out') ?? fileOf(suite.name),
    recordOf(suite.name, result, kind, new Date()),
  );
  return print(suite, result, input.flag('json'));
}

/** Times of a machine that has other things to do are no figures. */
async function sayIfBusy(): Promise<void> {
  const before = machineBusyMs();
  const startedMs = performance.now();
  await new Promise((resolve) => void setTimeout(resolve, lookMs));
  const share = (machineBusyMs() - before) / (performance.now() - startedMs);
  if (share <= quietShare) return;
  const percent = Math.round(share * 100);
  process.stderr.write(`not a quiet machine: ${percent} % of a core is in use before the run\n`);
}

function databaseKind(isNative: boolean): DatabaseKind {
  if (isNative) return 'native';
  return (process.env['DATABASE_URL'] ?? '') === '' ? 'embedded' : 'server';
}

function print(suite: Suite, result: SuiteResult, isJson: boolean): number {
  for (const failure of result.failures) process.stderr.write(`FAILED: ${failure}\n`);
  if (!isJson) process.stdout.write(`${resultTable(result)}\n\n`);
  process.stdout.write(`${resultLine(suite.name, result)}\n`);
  return result.failures.length === 0 ? 0 : 1;
}

function overview(): string {
  return [
    'Usage: npm run bench -- SUITE [OPTIONS]',
    '',
    'Suites:',
    ...[...suites, ...commands].map(({ name, summary }) => `  ${name.padEnd(11)} ${summary}`),
    '',
    'npm run bench -- SUITE --help lists the options of a suite.',
  ].join('\n');
}

function printHelp(command: Command): number {
  process.stdout.write(`${helpOf(command)}\n`);
  return 0;
}

function helpOf({ name, summary, options }: Command): string {
  const all = Object.entries({ ...options, help: helpOption });
  return [
    `${name}: ${summary}`,
    '',
    'Options:',
    ...all.map(([option, { value, fallback, help }]) => {
      const head = value === undefined ? `--${option}` : `--${option} ${value}`;
      return `  ${head.padEnd(24)} ${help}${fallback === undefined ? '' : ` (default: ${fallback})`}`;
    }),
  ].join('\n');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
