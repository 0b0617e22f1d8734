#!/usr/bin/env node
/**
 * `fleetwire`: finds the command, runs it, turns what it throws into a sentence and an exit code.
 * Exit codes: 0 done, 1 it could not be done, 2 it was asked for wrongly, 130 interrupted twice.
 * Invariant: an expected failure is one sentence on stderr; only a defect of the program shows a stack.
 */
import { FleetwireError } from '../errors.ts';
import { parseInput, UsageError, type Command } from './command.ts';
import { demoCommand } from './demo.ts';
import { commandHelp, mainHelp } from './help.ts';
import { migrateCommand } from './migrate.ts';
import { replayCommand } from './replay.ts';
import { serveCommand } from './serve.ts';
import { simulateCommand } from './simulate.ts';
import { tokenCommand } from './token.ts';

const commands: readonly Command[] = [
  serveCommand,
  demoCommand,
  simulateCommand,
  replayCommand,
  tokenCommand,
  migrateCommand,
];

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') return print(mainHelp(commands));
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (name === undefined) throw new UsageError('a command is missing');
    if (command === undefined) throw new UsageError(`there is no command '${name}'`);
    const input = parseInput(command, rest);
    return input.flag('help') ? print(commandHelp(command)) : await command.run(input);
  } catch (error) {
    if (error instanceof UsageError) {
      const help = command === undefined ? 'fleetwire --help' : `fleetwire ${command.name} --help`;
      return complain(`${error.message} (see ${help})`, 2);
    }
    if (error instanceof FleetwireError) return complain(`${error.message} [${error.code}]`, 1);
    throw error;
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function complain(sentence: string, exitCode: number): number {
  process.stderr.write(`fleetwire: ${sentence}\n`);
  return exitCode;
}

// A reader that has seen enough (`fleetwire --help | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const exitCode = await main(process.argv.slice(2));
// What a command could not close in time must not keep the process; what it has printed must come out.
process.stdout.write('', () => process.exit(exitCode));
