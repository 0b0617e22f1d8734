import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDurationS, parseInput, UsageError, type Command } from '../../src/cli/command.ts';

const command: Command = {
  name: 'test',
  operands: ['FILE'],
  summary: 'do nothing',
  options: {
    speed: { type: 'string', value: 'X', fallback: '1', help: 'how fast' },
    now: { type: 'boolean', help: 'now' },
    token: { type: 'string', value: 'JWT', help: 'a token' },
  },
  run: () => Promise.resolve(0),
};
const range = { min: 0, max: 10 };

describe('parseInput', () => {
  it('gives what was typed, else the default, else nothing', () => {
    const input = parseInput(command, ['a.gpx', '--now', '--speed', '2.5']);
    expect(input.operands).toEqual(['a.gpx']);
    expect([input.flag('now'), input.number('speed', range)]).toEqual([true, 2.5]);
    const bare = parseInput(command, ['a.gpx']);
    expect([bare.flag('now'), bare.text('speed'), bare.text('token')]).toEqual([false, '1', null]);
    expect(bare.number('token', range)).toBeNull();
  });

  it.each([
    [['a', '--bogus'], "Unknown option '--bogus'"],
    [['a', '--speed'], "Option '--speed <value>' argument missing"],
    [['a', '--speed', '-1'], "Option '--speed' argument is ambiguous"],
    [['a', '--now=yes'], "Option '--now' does not take an argument"],
    [[], 'FILE is missing'],
    [['a', 'b'], "'b' is one argument too many"],
  ])('refuses %j with one sentence', (args, sentence) => {
    expect(() => parseInput(command, args)).toThrow(UsageError);
    expect(() => parseInput(command, args)).toThrow(sentence);
    expect(() => parseInput(command, args)).not.toThrow('\n');
  });

  it('needs no operand to show help', () => {
    expect(parseInput(command, ['--help']).flag('help')).toBe(true);
  });

  it('takes numbers within their range only', () => {
    const read = (text: string, isInteger = false) =>
      parseInput(command, ['a', `--speed=${text}`]).number('speed', { ...range, isInteger });
    expect([read('0'), read('10'), read('1e1')]).toEqual([0, 10, 10]);
    for (const text of ['', ' ', '-1', '10.1', 'x', '1x', 'NaN', 'Infinity']) {
      expect(() => read(text)).toThrow('--speed must be a number from 0 to 10');
    }
    expect(() => read('1.5', true)).toThrow('a whole number');
  });
});

describe('parseDurationS', () => {
  it('reads counts of seconds, minutes, hours and days', () => {
    const factors = { s: 1, m: 60, h: 3_600, d: 86_400 };
    const units = fc.constantFrom('s' as const, 'm' as const, 'h' as const, 'd' as const);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999 }), units, (count, unit) => {
        expect(parseDurationS('--ttl', `${count}${unit}`)).toBe(count * factors[unit]);
      }),
    );
  });

  it.each(['', '1', 'h', '0s', '-1h', '1.5h', '1 h', '1w', '9999999999d'])('refuses %j', (text) => {
    expect(() => parseDurationS('--ttl', text)).toThrow(UsageError);
  });
});
