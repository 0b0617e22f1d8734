/**
 * The text of `--help`: commands, options and environment variables, each with its default.
 * Invariant: it is made from what the parser and the configuration read, so it cannot leave one out.
 */
import { settings } from '../config.ts';
import { helpOption, type Command, type Option } from './command.ts';

const columnsMax = 100;
const headColumns = 38;

export function mainHelp(commands: readonly Command[]): string {
  return [
    'Usage: fleetwire COMMAND [OPTIONS]',
    '',
    'Takes GPS positions from vehicles over WebSocket, keeps every one in TimescaleDB, shows them live.',
    '',
    'Commands:',
    ...commands.flatMap((command) => entry(usage(command), command.summary)),
    '',
    'fleetwire COMMAND --help lists the options of a command.',
    '',
    ...environmentHelp(),
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, help: helpOption });
  return [
    `Usage: fleetwire ${usage(command)} [OPTIONS]`,
    '',
    ...wrap(sentence(command.summary), 0),
    '',
    'Options:',
    ...options.flatMap(([name, option]) => entry(head(name, option), withDefault(option))),
    '',
    ...environmentHelp(),
  ].join('\n');
}

function environmentHelp(): string[] {
  return [
    'Environment:',
    ...Object.values(settings).flatMap(({ env, fallback, help }) =>
      entry(env, `${help} (default: ${fallback === '' ? 'not set' : fallback})`),
    ),
  ];
}

function usage(command: Command): string {
  return [command.name, ...command.operands].join(' ');
}

function head(name: string, option: Option): string {
  return option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
}

function withDefault(option: Option): string {
  return option.fallback === undefined
    ? option.help
    : `${option.help} (default: ${option.fallback})`;
}

function entry(name: string, text: string): string[] {
  const [first = '', ...rest] = wrap(text, headColumns);
  const label = `  ${name}`.padEnd(headColumns);
  if (label.length > headColumns) return [label, first, ...rest];
  return [label + first.slice(headColumns), ...rest];
}

/** Lines of at most `columnsMax` columns, each indented. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = ' '.repeat(indent);
  for (const word of text.split(' ')) {
    if (line.length + word.length > columnsMax && line.trim() !== '') {
      lines.push(line.trimEnd());
      line = ' '.repeat(indent);
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
