/**
 * What does a fleet of this size take: cores, memory, network, journal, disk, nodes; and what runs out first? From a
 * short calibration with two small fleets on the machine at hand; with `--verify` the fleet itself is run (or the part of
 * it that one load process can be), and the error of the prediction is told.
 * Invariant: each fleet is measured twice, in turn with the other, alone and with subscribers; every acked fix is a row at
 * the end, else the run fails. The model is pure (capacitymodel.ts).
 * Bound: nine turns of `--seconds` at most, and connections as many as a process may have.
 */
import { statfsSync } from 'node:fs';
import { availableParallelism, homedir, totalmem } from 'node:os';
import type { Input, Option } from '../src/cli/command.ts';
import { calibrationOf, type FleetSamples } from './calibration.ts';
import { compareUsage, errorFigures, planFigures } from './capacityfigures.ts';
import { openCapacityLoad, type Fleet, type LoadSample } from './capacityload.ts';
import {
  predict,
  usageOf,
  type Calibration,
  type CapacityPlan,
  type Resources,
} from './capacitymodel.ts';
import { sampleDisk } from './disksample.ts';
import { noiseOf } from './rounds.ts';
import { rounded, type Suite, type SuiteContext, type SuiteResult } from './suite.ts';

const full = { seconds: 10, verifyS: 20 } as const;
const quick = { seconds: 3, verifyS: 6 } as const;
/** The larger fleet of the calibration: half of the plan's fixes a second, within these. */
const largeRate = { min: 800, max: 4_000 } as const;
const smallShare = 0.25;
/** `vehicles` is written every so many seconds: a vehicle that reports less often costs a row there for each fix. */
const flushS = 5;
const calibratedSubscribers = { min: 10, max: 50 } as const;
/** What one load process can be on the machine of the engine. */
const verified = { vehicles: 16_000, fixesPerS: 8_000, subscribers: 200 } as const;
const megabit = 125_000;

const options: Readonly<Record<string, Option>> = {
  vehicles: { type: 'string', value: 'N', fallback: '10000', help: 'of the fleet' },
  interval: {
    type: 'string',
    value: 'S',
    fallback: '10',
    help: 's between two fixes of a vehicle',
  },
  subscribers: { type: 'string', value: 'M', fallback: '50', help: 'that see the whole fleet' },
  retention: {
    type: 'string',
    value: 'DAYS',
    fallback: '365',
    help: 'days that positions are kept',
  },
  raw: {
    type: 'string',
    value: 'DAYS',
    fallback: '30',
    help: 'days after which they are compressed, where the edition of TimescaleDB can',
  },
  network: { type: 'string', value: 'MBIT', fallback: '1000', help: 'Mbit/s of a node' },
  cores: { type: 'string', value: 'N', help: 'of a machine (default: of this one)' },
  memory: { type: 'string', value: 'GB', help: 'of a machine (default: of this one)' },
  disk: { type: 'string', value: 'GB', help: 'of the database (default: what is free here)' },
  seconds: {
    type: 'string',
    value: 'N',
    help: `of each turn of the calibration (default: ${full.seconds}; quick: ${quick.seconds})`,
  },
  verify: { type: 'boolean', help: 'run the fleet, and tell the error of the prediction' },
};

export const capacitySuite: Suite = {
  name: 'capacity',
  summary: 'what a fleet of --vehicles takes, and what runs out first',
  options,
  async run(context) {
    const { input, say } = context;
    const plan = readPlan(input);
    const { calibration, noise, failures } = await calibrate(plan, context);
    const prediction = predict(calibration, plan, readResources(input));
    const [first] = prediction.demands;
    say(`runs out first: ${first?.resource ?? 'nothing'}`);
    const figures = planFigures(prediction);
    if (!input.flag('verify')) return { figures, noise, failures };
    const verification = await verify(calibration, plan, context);
    return {
      figures: [...verification.figures, ...figures],
      noise,
      failures: [...failures, ...verification.failures],
    };
  },
};

function readPlan(input: Input): CapacityPlan {
  const number = (name: string, min: number, max: number): number =>
    input.number(name, { min, max }) ?? NaN;
  return {
    vehicles: number('vehicles', 1, 10_000_000),
    intervalS: number('interval', 0.1, 86_400),
    subscribers: number('subscribers', 0, 1_000_000),
    retentionDays: number('retention', 1, 36_500),
    rawDays: number('raw', 0, 36_500),
  };
}

function readResources(input: Input): Resources {
  const of = (name: string, max: number): number | null => input.number(name, { min: 0.01, max });
  const { bavail, bsize } = statfsSync(homedir());
  return {
    cores: of('cores', 10_000) ?? availableParallelism(),
    memoryBytes: (of('memory', 100_000) ?? totalmem() / 1e9) * 1e9,
    networkBytesPerS: (of('network', 1_000_000) ?? NaN) * megabit,
    diskBytes: (of('disk', 10_000_000) ?? (bavail * bsize) / 1e9) * 1e9,
  };
}

interface Calibrated {
  readonly calibration: Calibration;
  readonly noise: number;
  readonly failures: readonly string[];
}

async function calibrate(plan: CapacityPlan, context: SuiteContext): Promise<Calibrated> {
  const { input, isQuick, databasePid, say } = context;
  const seconds = input.number('seconds', { min: 1, max: 120 }) ?? (isQuick ? quick : full).seconds;
  say('what a row takes on disk');
  const disk = await sampleDisk(plan.intervalS);
  const load = await openCapacityLoad(databasePid);
  try {
    const { small, large } = fleetsOf(plan);
    const turns = { small: createSamples(), large: createSamples() };
    const turn = async (fleet: Fleet, kind: keyof FleetSamples): Promise<void> => {
      say(`${Math.round(fleet.fixesPerS)} fixes a second of ${fleet.vehicles} vehicles, ${kind}`);
      const sample = await load.measure(fleet, seconds);
      turns[fleet === small ? 'small' : 'large'][kind].push(sample);
    };
    say('warming up');
    await load.warm();
    await load.open(small);
    await turn(small, 'alone');
    const smallBytes = load.memoryBytes();
    await load.open(large);
    await turn(large, 'alone');
    const largeBytes = load.memoryBytes();
    await turn(large, 'alone');
    await turn(small, 'alone');
    const subscribers = subscribersOf(plan);
    const aloneBytes = load.memoryBytes();
    if (subscribers > 0) {
      await load.watch(subscribers);
      for (const fleet of [small, large, large, small]) await turn(fleet, 'watched');
    }
    const watchedBytes = load.memoryBytes();
    const { failures } = await load.finish();
    const perVehicleBytes = Math.max(0, largeBytes - smallBytes) / large.vehicles;
    const memory = {
      baseBytes: Math.max(0, aloneBytes - perVehicleBytes * (small.vehicles + large.vehicles)),
      perVehicleBytes,
      perSubscriberBytes:
        subscribers === 0 ? 0 : Math.max(0, watchedBytes - aloneBytes) / subscribers,
    };
    const calibration = calibrationOf({ ...turns, subscribers, memory, disk });
    const cores = ({ alone }: FleetSamples): number[] =>
      alone.map(({ engineCores }) => engineCores);
    return { calibration, noise: noiseOf(cores(turns.small), cores(turns.large)), failures };
  } finally {
    await load.close();
  }
}

interface Samples {
  readonly alone: LoadSample[];
  readonly watched: LoadSample[];
}

function createSamples(): Samples {
  return { alone: [], watched: [] };
}

/** Two fleets that are to the plan's as a small one is to a large one. */
function fleetsOf({ vehicles, intervalS }: CapacityPlan): {
  readonly small: Fleet;
  readonly large: Fleet;
} {
  const planned = vehicles / intervalS / 2;
  const rate = Math.min(largeRate.max, Math.max(largeRate.min, planned));
  const fleet = (name: string, fixesPerS: number): Fleet => ({
    name,
    fixesPerS,
    vehicles: Math.max(1, Math.round(fixesPerS * Math.min(intervalS, flushS))),
  });
  return { small: fleet('small', rate * smallShare), large: fleet('large', rate) };
}

function subscribersOf({ subscribers }: CapacityPlan): number {
  const { min, max } = calibratedSubscribers;
  return subscribers === 0 ? 0 : Math.round(Math.min(max, Math.max(min, subscribers / 2)));
}

/** The part of the plan that can be run here, in proportion. */
export function verifiable(plan: CapacityPlan): CapacityPlan {
  const part = Math.min(
    1,
    verified.vehicles / plan.vehicles,
    (verified.fixesPerS * plan.intervalS) / plan.vehicles,
  );
  return {
    ...plan,
    vehicles: Math.max(1, Math.round(plan.vehicles * part)),
    subscribers: Math.min(verified.subscribers, plan.subscribers),
  };
}

async function verify(
  calibration: Calibration,
  plan: CapacityPlan,
  { isQuick, databasePid, say }: SuiteContext,
): Promise<SuiteResult> {
  const part = verifiable(plan);
  const { vehicles, subscribers, intervalS } = part;
  say(`to verify: ${vehicles} vehicles, ${subscribers} subscribers`);
  const load = await openCapacityLoad(databasePid);
  try {
    const fleet = { name: 'fleet', vehicles, fixesPerS: vehicles / intervalS };
    await load.warm();
    await load.open(fleet);
    if (subscribers > 0) await load.watch(subscribers);
    await load.measure(fleet, (isQuick ? quick : full).seconds);
    const sample = await load.measure(fleet, (isQuick ? quick : full).verifyS);
    const { rowBytes, failures } = await load.finish();
    const usage = usageOf(calibration, part);
    const compared = compareUsage(usage, calibration, { ...sample, rowBytes });
    for (const { name, predicted, measured } of compared) {
      say(`${name}: predicted ${rounded(predicted)}, took ${rounded(measured)}`);
    }
    return { figures: errorFigures(compared), noise: null, failures };
  } finally {
    await load.close();
  }
}
