/**
 * What a command of `fleetwire` is, and how its arguments are read.
 * Invariant: an option is stated once, with its default and its sentence; `--help` and the parser both
 * read that. What was typed wrongly is a `UsageError`: one sentence and exit code 2.
 * Bound: every number has a least and a most.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../errors.ts';

export interface Option {
  readonly type: 'string' | 'boolean';
  /** What stands for the value in `--help`, such as `SECONDS`. */
  readonly value?: string;
  /** The default as it would be typed; an option without one may be missing. */
  readonly fallback?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** What follows the name apart from options, such as `FILE.gpx`. */
  readonly operands: readonly string[];
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Runs to the end and returns the exit code; throws `UsageError` and `FleetwireError`. */
  run(input: Input): Promise<number>;
}

/** The arguments of one run. */
export interface Input {
  readonly operands: readonly string[];
  flag(name: string): boolean;
  /** The text of an option, its default, or `null`. */
  text(name: string): string | null;
  number(name: string, range: NumberRange): number | null;
}

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly isInteger?: boolean;
}

/** What was typed cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const helpOption: Option = { type: 'boolean', help: 'print this and exit' };

export function parseInput(command: Command, args: readonly string[]): Input {
  const options = { ...command.options, help: helpOption };
  const { values, positionals } = parse(options, args);
  const input: Input = {
    operands: positionals,
    flag: (name) => values[name] === true,
    text(name) {
      const value = values[name];
      if (typeof value === 'string') return value;
      return command.options[name]?.fallback ?? null;
    },
    number(name, range) {
      const text = input.text(name);
      return text === null ? null : parseNumber(`--${name}`, text, range);
    },
  };
  if (!input.flag('help')) checkOperands(command, positionals);
  return input;
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function parse(
  options: Readonly<Record<string, Option>>,
  args: readonly string[],
): { readonly values: Values; readonly positionals: readonly string[] } {
  const types = Object.fromEntries(
    Object.entries(options).map(([name, { type }]) => [name, { type }]),
  );
  try {
    const parsed = parseArgs({ args: [...args], options: types, allowPositionals: true });
    return { values: parsed.values, positionals: parsed.positionals };
  } catch (error) {
    // Its first sentence says what is wrong; the rest is about how to pass what starts with a dash.
    throw new UsageError(messageOf(error).split(/\.\s/)[0] ?? '');
  }
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const missing = command.operands[operands.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`);
  const extra = operands[command.operands.length];
  if (extra !== undefined) throw new UsageError(`'${extra}' is one argument too many`);
}

function parseNumber(name: string, text: string, range: NumberRange): number {
  const { min, max, isInteger = false } = range;
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= min && value <= max && (!isInteger || Number.isInteger(value))) return value;
  const kind = isInteger ? 'a whole number' : 'a number';
  throw new UsageError(`${name} must be ${kind} from ${min} to ${max}, not '${text}'`);
}

const durationPattern = /^(\d{1,9})(s|m|h|d)$/;
const unitS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `30m`, `1h`, `7d` in seconds. */
export function parseDurationS(name: string, text: string): number {
  const [, count, unit] = durationPattern.exec(text) ?? [];
  const seconds = Number(count) * (unitS[unit ?? ''] ?? NaN);
  if (seconds > 0) return seconds;
  throw new UsageError(`${name} must be like 90s, 30m, 1h or 7d, not '${text}'`);
}
