/** Ratios against those that were committed: what counts as fallen, and what a run of the comparison says. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasFallen, ratiosOf, readingsMax, standing, withReading } from '../../bench/ratios.ts';
import { createRegressSuite } from '../../bench/regress.ts';
import type { Figure, Suite, SuiteResult } from '../../bench/suite.ts';
import { parseInput } from '../../src/cli/command.ts';

const figure = (name: string, value: number, better: Figure['better'], unit = 'ratio'): Figure => ({
  name,
  value,
  unit,
  goal: null,
  better,
});

describe('a ratio', () => {
  it.each([
    ['higher', 30, [30], false],
    ['higher', 21, [30], false],
    ['higher', 19, [30], true],
    ['higher', 90, [30], false],
    ['higher', 21, [90, 30, 60], false],
    ['higher', 19, [90, 30, 60], true],
    ['lower', 0.2, [0.2], false],
    ['lower', 0.29, [0.2], false],
    ['lower', 0.31, [0.2], true],
    ['lower', 0.05, [0.2], false],
    ['lower', 0.29, [0.1, 0.2], false],
    ['lower', 0.31, [0.1, 0.2], true],
    ['higher', 30, [], true],
  ] as const)(
    'of which %s is better, now %d and %j before, has fallen: %s',
    (better, now, before, fallen) => {
      expect(hasFallen(standing(figure('one', now, better), before))).toBe(fallen);
    },
  );

  it('has fallen where it is no number', () => {
    expect(hasFallen(NaN)).toBe(true);
  });

  it('is remembered for so many readings', () => {
    const full = Array.from({ length: readingsMax }, (_, index) => index);
    expect(withReading(full.slice(1), 9)).toEqual([...full.slice(1), 9]);
    expect(withReading(full, 9)).toEqual([...full.slice(1), 9]);
  });

  it('is told from a time by its unit', () => {
    const figures = [figure('one', 3, 'higher'), figure('two', 4, 'lower', 'us')];
    expect(ratiosOf(figures)).toEqual({ one: 3 });
  });
});

describe('the comparison', () => {
  let dir: string;
  let file: URL;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'fleetwire-ratios-'));
    file = pathToFileURL(join(dir, 'ratios.json'));
  });

  afterEach(async () => {
    await rm(dir, { recursive: true });
  });

  /** Runs of a suite that measures these, one after the other. */
  function suiteOf(...values: readonly number[]): Suite & { runs: number } {
    const suite = {
      name: 'fake',
      summary: '',
      options: {},
      runs: 0,
      run: async () => {
        const value = values[suite.runs] ?? NaN;
        suite.runs += 1;
        return { figures: [figure('one', value, 'higher')], noise: null, failures: [] };
      },
    };
    return suite;
  }

  async function run(
    suite: Suite,
    ratios: object,
    args: readonly string[] = [],
  ): Promise<SuiteResult> {
    await writeFile(file, JSON.stringify(ratios));
    const regress = createRegressSuite([suite], file);
    const command = { ...regress, operands: [], run: () => Promise.resolve(0) };
    const input = parseInput(command, args);
    return regress.run({ input, isQuick: true, databasePid: null, say: () => undefined });
  }

  it('is content with one run that has not fallen', async () => {
    const suite = suiteOf(25);
    const { failures, figures } = await run(suite, { fake: { one: [30] } });
    expect(failures).toEqual([]);
    expect(suite.runs).toBe(1);
    expect(figures).toMatchObject([{ name: 'fake: one, of what it was', value: 25 / 30 }]);
  });

  it('runs a suite again that has fallen, and takes the median', async () => {
    const recovered = suiteOf(3, 40, 28);
    expect((await run(recovered, { fake: { one: [30] } })).failures).toEqual([]);
    expect(recovered.runs).toBe(2);
    const fallen = suiteOf(3, 5, 29);
    const { failures } = await run(fallen, { fake: { one: [30] } });
    expect(fallen.runs).toBe(3);
    expect(failures).toEqual(['fake: one is 0.17 of what it was']);
  });

  it('fails where a committed ratio is there no more', async () => {
    const { failures } = await run(suiteOf(30, 30, 30), { fake: { other: [30] } });
    expect(failures).toEqual(['fake: other is NaN of what it was']);
  });

  const recorded = { fake: { one: [30, 20], gone: [4] }, elsewhere: { two: [2] } };

  it('adds the medians of three runs to the readings of the ratios that are there', async () => {
    await run(suiteOf(1, 9, 2), recorded, ['--record', 'fake']);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      fake: { one: [30, 20, 2] },
      elsewhere: { two: [2] },
    });
  });

  it('begins the readings of a suite anew', async () => {
    await run(suiteOf(1, 9, 2), recorded, ['--record', 'fake', '--anew']);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      fake: { one: [2] },
      elsewhere: { two: [2] },
    });
  });

  it('records whatever a suite has that is not there yet', async () => {
    await run(suiteOf(1, 9, 2), {}, ['--record', 'fake']);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ fake: { one: [2] } });
  });

  it('does not begin anew what it does not record', async () => {
    await expect(run(suiteOf(1), {}, ['--anew'])).rejects.toThrow('--record');
  });
});
