/**
 * What does one fix cost in each of the functions that every fix goes through, without sockets, disk and database?
 * Invariant: each run is a process of its own, for the compiler decides anew in each; two runs of the same show the
 * noise. The rows that come out are those of the fixes that went in, else it fails.
 * Bound: `--ms` for each function in each run.
 */
import { startChild } from './child.ts';
import type { MicroCalls, MicroResult, TaskName } from './microtask.ts';
import { inRounds, medianOf, noiseOf } from './rounds.ts';
import type { Figure, Suite } from './suite.ts';

const goalUs = 0.3;
const msFull = 1_000;
const msQuick = 100;
const arms = [50, 1] as const;
const rounds = 2;

const titles: Readonly<Record<TaskName, string>> = {
  copy: 'copy of the bytes',
  unpack: 'msgpackr unpack alone',
  decode: 'decode',
  validate: 'validate',
  encode: 'encode',
  toCopy: 'decode to COPY bytes',
};

export const microSuite: Suite = {
  name: 'micro',
  summary: 'a fix in each function it goes through: decode, validate, encode',
  options: {
    ms: {
      type: 'string',
      value: 'N',
      help: `for each function in each run (default: ${msFull}; quick: ${msQuick})`,
    },
  },
  async run({ input, isQuick, say }) {
    const timeMs = input.number('ms', { min: 10, max: 60_000 }) ?? (isQuick ? msQuick : msFull);
    const results = await inRounds(arms, rounds, (fixesPerFrame) => {
      say(`frames of ${fixesPerFrame}`);
      return runOnce(fixesPerFrame, timeMs);
    });
    const [of50 = [], of1 = []] = results;
    return {
      figures: [...figuresOf(of50, 50), ...figuresOf(of1, 1)],
      noise: noiseOf(...results.map((runs) => runs.map(({ costsUs }) => costsUs.toCopy))),
      failures: [...of50, ...of1].flatMap(failuresOf),
    };
  },
};

async function runOnce(fixesPerFrame: number, timeMs: number): Promise<MicroResult> {
  const task = startChild<MicroCalls>(new URL('microtask.ts', import.meta.url));
  try {
    return await task.call('run', { fixesPerFrame, timeMs });
  } finally {
    await task.stop();
  }
}

function figuresOf(runs: readonly MicroResult[], fixesPerFrame: number): Figure[] {
  const costUs = (name: TaskName): number => medianOf(runs.map(({ costsUs }) => costsUs[name]));
  const arm = `frames of ${fixesPerFrame}`;
  const figures = (Object.keys(titles) as TaskName[]).map((name): Figure => {
    const goal = name === 'toCopy' && fixesPerFrame === 50 ? goalUs : null;
    return {
      name: `${titles[name]}, ${arm}`,
      value: costUs(name),
      unit: 'us/fix',
      goal,
      better: 'lower',
    };
  });
  const ratio: Figure = {
    name: `${titles.toCopy} over ${titles.unpack}, ${arm}`,
    value: medianOf(runs.map(({ costsUs }) => costsUs.toCopy / costsUs.unpack)),
    unit: 'ratio',
    goal: null,
    better: 'lower',
  };
  return [...figures, ratio];
}

function failuresOf({ rows, wrongRows }: MicroResult): string[] {
  if (rows === 0) return ['no row was encoded'];
  return wrongRows === 0 ? [] : [`${wrongRows} of ${rows} rows are not what was sent`];
}
