/**
 * Every suite of the bench, one after the other, each in a process of its own as if it had been asked for alone.
 * Invariant: a suite that fails does not keep the others from being run; it ends with the worst of their exit codes.
 * Bound: what the suites take together: some half an hour, 7 minutes with `--quick`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command, Option } from '../src/cli/command.ts';
import type { Suite } from './suite.ts';

/** A prediction that nobody has held against anything is no figure. */
const extraOf: Readonly<Record<string, readonly string[]>> = { capacity: ['--verify'] };
const flags = ['json', 'quick', 'native'] as const;

export function createAllCommand(
  suites: readonly Suite[],
  common: Readonly<Record<(typeof flags)[number], Option>>,
): Command {
  const { json, quick, native } = common;
  return {
    name: 'all',
    summary: 'every one of them but regress, one after the other',
    operands: [],
    options: { json, quick, native },
    async run(input) {
      const asked = flags.filter((flag) => input.flag(flag)).map((flag) => `--${flag}`);
      let worst = 0;
      for (const { name } of suites) {
        process.stderr.write(`== ${name}\n`);
        worst = Math.max(worst, await runSuite([name, ...(extraOf[name] ?? []), ...asked]));
      }
      return worst;
    },
  };
}

async function runSuite(args: readonly string[]): Promise<number> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
