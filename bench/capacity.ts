/**
 * What does a fleet of this size take: cores, memory, network, journal, disk, nodes; and what runs out first? From a
 * short calibration with two small fleets on the machine at hand; with `--verify` the fleet itself is run (or the part of
 * it that one load process can be), and the error of the prediction is told.
 * Invariant: each fleet is measured twice, in turn with the other, alone and with subscribers, and what verifies it in the
 * middle of both; every acked fix is a row at the end, else the run fails. The model is pure (capacitymodel.ts).
 * Bound: eight turns of `--seconds`, three of `verifyS`, and connections as many as a process may have.
 */
import { statfsSync } from 'node:fs';
import { availableParallelism, homedir, totalmem } from 'node:os';
import type { Input, Option } from '../src/cli/command.ts';
import { calibrationOf } from './calibration.ts';
import { planFigures } from './capacityfigures.ts';
import {
  openCapacityLoad,
  type CapacityLoad,
  type Fleet,
  type LoadSample,
} from './capacityload.ts';
import { predict, type Calibration, type CapacityPlan, type Resources } from './capacitymodel.ts';
import { sampleDisk } from './disksample.ts';
import { noiseOf } from './rounds.ts';
import type { Suite, SuiteContext } from './suite.ts';
import { openVerification } from './verification.ts';

const full = { seconds: 10, verifyS: 20 } as const;
const quick = { seconds: 3, verifyS: 6 } as const;
/** The larger fleet of the calibration: half of the plan's fixes a second, within these. */
const largeRate = { min: 800, max: 4_000 } as const;
const smallShare = 0.25;
/** `vehicles` is written every so many seconds: a vehicle that reports less often costs a row there for each fix. */
const flushS = 5;
const calibratedSubscribers = { min: 10, max: 50 } as const;
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
    const { input, say, isQuick } = context;
    const plan = readPlan(input);
    const { verifyS } = isQuick ? quick : full;
    const verification = input.flag('verify')
      ? await openVerification(plan, context, verifyS)
      : null;
    try {
      const calibrated = await calibrate(plan, context, async () => verification?.turn());
      const { calibration, noise, failures } = calibrated;
      const prediction = predict(calibration, plan, readResources(input));
      const [first] = prediction.demands;
      say(`runs out first: ${first?.resource ?? 'nothing'}`);
      const verified = await verification?.finish(calibration);
      return {
        figures: [...(verified?.figures ?? []), ...planFigures(prediction)],
        noise,
        failures: [...failures, ...(verified?.failures ?? [])],
      };
    } finally {
      await verification?.close();
    }
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

/** `between` is called twice, in the middle of the turns of each kind. */
async function calibrate(
  plan: CapacityPlan,
  context: SuiteContext,
  between: () => Promise<void>,
): Promise<Calibrated> {
  const { input, isQuick, databasePid, say } = context;
  const seconds = input.number('seconds', { min: 1, max: 120 }) ?? (isQuick ? quick : full).seconds;
  say('what a row takes on disk');
  const disk = await sampleDisk(plan.intervalS);
  const load = await openCapacityLoad(databasePid);
  try {
    const fleets = fleetsOf(plan);
    const samples = { small: createSamples(), large: createSamples() };
    const turn = async (size: keyof typeof fleets, kind: keyof Samples): Promise<void> => {
      const fleet = fleets[size];
      say(`${Math.round(fleet.fixesPerS)} fixes a second of ${fleet.vehicles} vehicles, ${kind}`);
      samples[size][kind].push(await load.measure(fleet, seconds));
    };
    const { memory, subscribers } = await takeTurns({ load, plan, fleets, turn, between, say });
    const { failures } = await load.finish();
    const calibration = calibrationOf({ ...samples, subscribers, memory, disk });
    const cores = ({ alone }: Samples): number[] => alone.map(({ engineCores }) => engineCores);
    return { calibration, noise: noiseOf(cores(samples.small), cores(samples.large)), failures };
  } finally {
    await load.close();
  }
}

interface Turns {
  readonly load: CapacityLoad;
  readonly plan: CapacityPlan;
  readonly fleets: Fleets;
  readonly turn: (size: keyof Fleets, kind: keyof Samples) => Promise<void>;
  readonly between: () => Promise<void>;
  readonly say: (line: string) => void;
}

async function takeTurns({ load, plan, fleets, turn, between, say }: Turns): Promise<{
  readonly memory: Calibration['memory'];
  readonly subscribers: number;
}> {
  const { small, large } = fleets;
  say('warming up');
  await load.warm();
  await load.open(small);
  await turn('small', 'alone');
  const smallBytes = load.memoryBytes();
  await load.open(large);
  await turn('large', 'alone');
  const largeBytes = load.memoryBytes();
  await between();
  await turn('large', 'alone');
  await turn('small', 'alone');
  const subscribers = subscribersOf(plan);
  const aloneBytes = load.memoryBytes();
  if (subscribers > 0) {
    await load.watch(subscribers);
    await turn('small', 'watched');
    await turn('large', 'watched');
    await between();
    await turn('large', 'watched');
    await turn('small', 'watched');
  }
  const watchedBytes = load.memoryBytes();
  const perVehicleBytes = Math.max(0, largeBytes - smallBytes) / large.vehicles;
  const memory = {
    baseBytes: Math.max(0, aloneBytes - perVehicleBytes * (small.vehicles + large.vehicles)),
    perVehicleBytes,
    perSubscriberBytes:
      subscribers === 0 ? 0 : Math.max(0, watchedBytes - aloneBytes) / subscribers,
  };
  return { memory, subscribers };
}

interface Samples {
  readonly alone: LoadSample[];
  readonly watched: LoadSample[];
}

function createSamples(): Samples {
  return { alone: [], watched: [] };
}

interface Fleets {
  readonly small: Fleet;
  readonly large: Fleet;
}

/** Two fleets that are to the plan's as a small one is to a large one. */
function fleetsOf({ vehicles, intervalS }: CapacityPlan): Fleets {
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
  return subscribers === 0 ? 0 : Math.min(max, Math.max(min, subscribers));
}
