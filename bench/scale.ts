/**
 * Does a fix cost more when the fleet is larger, or the table?
 * An engine for each size of fleet, then one for each size of table (native only, filled inside of the database), all
 * alive; the same fixes a second go to one after the other, round after round.
 * Invariant: every acked fix is a row at the end, else the run fails.
 * Bound: `--seconds` for each arm and round, and the rows of the largest table, `--rows`.
 */
import { randomBytes } from 'node:crypto';
import { benchStartMs } from './fixes.ts';
import { fillHistory, requireDisk } from './history.ts';
import { inRounds, medianOf, noiseOf, ratioOf } from './rounds.ts';
import { openArm, type ArmPlan, type ScaleArm, type ScaleTurn } from './scalearm.ts';
import type { Figure, Suite, SuiteContext, SuiteResult } from './suite.ts';

const full = {
  vehicles: [1_000, 4_000, 16_000],
  rows: 50_000_000,
  framesPerS: 8_000,
  seconds: 12,
  rounds: 4,
} as const;
const quick = {
  vehicles: [250, 1_000, 4_000],
  rows: 1_000_000,
  framesPerS: 2_000,
  seconds: 4,
  rounds: 2,
} as const;
/** Of the largest table: so much have the others. */
const tableShares = [0.02, 0.2, 1] as const;
const tableVehicles = 1_000;
const warmupFixes = 2;
const flatMax = 1.15;
const rowsMax = 200_000_000;
const dayMs = 86_400_000;

export const scaleSuite: Suite = {
  name: 'scale',
  summary: 'the processor time of a fix by the size of the fleet and of the table',
  options: {
    seconds: {
      type: 'string',
      value: 'N',
      help: `of each arm in each round (default: ${full.seconds}; quick: ${quick.seconds})`,
    },
    rows: {
      type: 'string',
      value: 'N',
      help: `of the largest table (default: ${full.rows}; quick: ${quick.rows}; native only)`,
    },
  },
  async run(context) {
    const fleets = await runArms(context, fleetPlans(context), 'vehicles');
    const isNative = (process.env['DATABASE_URL'] ?? '') !== '';
    if (!isNative) context.say('tables of millions of rows are for a server: --native');
    const tables = isNative ? await runArms(context, tablePlans(context), 'rows') : null;
    const parts = tables === null ? [fleets] : [fleets, tables];
    return {
      figures: parts.flatMap(({ figures }) => figures),
      noise: Math.max(...parts.map(({ noise }) => noise ?? 0)),
      failures: parts.flatMap(({ failures }) => failures),
    };
  },
};

/** An arm, and the size that it stands for. */
interface Sized extends ArmPlan {
  readonly size: number;
}

function fleetPlans({ isQuick }: SuiteContext): readonly Sized[] {
  return (isQuick ? quick : full).vehicles.map((vehicles) => ({
    name: `${vehicles.toLocaleString('en-US')} vehicles`,
    size: vehicles,
    vehicles,
    prefix: 'fleet-',
    startMs: benchStartMs,
    prepare: null,
  }));
}

function tablePlans({ input, isQuick, say }: SuiteContext): readonly Sized[] {
  const largest =
    input.number('rows', { min: 50_000, max: rowsMax, isInteger: true }) ??
    (isQuick ? quick : full).rows;
  requireDisk(tableShares.reduce((sum, share) => sum + share * largest, 0));
  const prefix = `table-${randomBytes(4).toString('hex')}-`;
  // The history fills half of the day that the load goes on in, and days before that.
  const startMs = benchStartMs + dayMs / 2;
  return tableShares.map((share) => {
    const rows = Math.round(share * largest);
    const name = `${rows.toLocaleString('en-US')} rows`;
    const history = { rows, vehicles: tableVehicles, prefix, endMs: startMs - 1_000 };
    const prepare = (url: string): Promise<void> => {
      say(`a table of ${name}`);
      return fillHistory({ url, ...history });
    };
    return { name, size: rows, vehicles: tableVehicles, prefix, startMs, prepare };
  });
}

async function runArms(
  context: SuiteContext,
  plans: readonly Sized[],
  of: 'vehicles' | 'rows',
): Promise<SuiteResult> {
  const { input, isQuick, databasePid, say } = context;
  const { framesPerS, rounds, ...sizes } = isQuick ? quick : full;
  const seconds = input.number('seconds', { min: 1, max: 600 }) ?? sizes.seconds;
  const arms: ScaleArm[] = [];
  try {
    for (const plan of plans) {
      say(`opening ${plan.name}`);
      const arm = await openArm(plan);
      arms.push(arm);
      await arm.measure(framesPerS, (warmupFixes * plan.vehicles) / framesPerS, databasePid);
    }
    const turns = await inRounds(arms, rounds, (arm, round) => {
      say(`round ${round + 1} of ${rounds}: ${arm.name}`);
      return arm.measure(framesPerS, seconds, databasePid);
    });
    const failures: string[] = [];
    for (const arm of arms) failures.push(...(await arm.check()));
    const cpu = turns.map((some) => some.map(({ cpuUsPerFix }) => cpuUsPerFix));
    return { figures: figuresOf(plans, turns, of), noise: noiseOf(...cpu), failures };
  } finally {
    for (const arm of arms) await arm.close();
  }
}

interface Part {
  readonly name: 'engine' | 'database';
  readonly of: (turn: ScaleTurn) => number;
}

const measuredParts: readonly Part[] = [
  { name: 'engine', of: ({ cpuUsPerFix }) => cpuUsPerFix },
  { name: 'database', of: ({ databaseCpuUsPerFix }) => databaseCpuUsPerFix },
];

/** First what is held against the goal. */
function figuresOf(
  plans: readonly Sized[],
  turns: readonly (readonly ScaleTurn[])[],
  of: 'vehicles' | 'rows',
): Figure[] {
  const known = measuredParts.filter((part) => !turns.flat().map(part.of).some(Number.isNaN));
  const valuesOf = (part: Part, arm: number): readonly number[] => (turns[arm] ?? []).map(part.of);
  const smallest = plans[0]?.size.toLocaleString('en-US');
  const ratios = known.flatMap((part) =>
    plans.slice(1).map(({ name }, index): Figure => ({
      name: `CPU of a fix, ${part.name}: ${name} over ${smallest}`,
      value: ratioOf(valuesOf(part, index + 1), valuesOf(part, 0)),
      unit: 'ratio',
      // A larger fleet has more rows to keep of where its vehicles are; the engine is what must not notice.
      goal: part.name === 'engine' || of === 'rows' ? flatMax : null,
      better: 'lower',
    })),
  );
  const values = known.flatMap((part) =>
    plans.map(({ name }, arm): Figure => ({
      name: `CPU of a fix, ${part.name}: ${name}`,
      value: medianOf(valuesOf(part, arm)),
      unit: 'us',
      goal: null,
      better: 'lower',
    })),
  );
  return [...ratios, ...values];
}
