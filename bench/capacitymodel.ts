/**
 * What a fleet takes, from what a small one took on the same machine: pure functions of numbers.
 * Invariant: all that is used is a line: so much without a fix, and so much for each fix a second; for each subscriber
 * likewise, for a fleet's fixes go to all of them. What a line cannot be (groups that grow with the rate cost less a fix)
 * makes the prediction too high, never too low.
 * Bound: as good as the calibration; `--verify` tells how good.
 */
import { limits } from '../src/limits.ts';

/** Of something, by the fixes a second. */
export interface Line {
  readonly base: number;
  readonly perFix: number;
}

export interface Calibration {
  /** Cores: of the event loop, of all threads of the engine (an embedded database is one), of the database elsewhere. */
  readonly loop: Line;
  readonly engine: Line;
  readonly database: Line | null;
  /** Cores of the event loop, and bytes a second, for one subscriber of the fleet. */
  readonly subscriberLoop: Line;
  readonly subscriberBytes: Line;
  /** Bytes from and to devices. */
  readonly inBytesPerFix: number;
  readonly outBytesPerFix: number;
  readonly memory: {
    readonly baseBytes: number;
    readonly perVehicleBytes: number;
    readonly perSubscriberBytes: number;
  };
  readonly journalBytesPerFix: number;
  readonly rowBytes: number;
  readonly compressedRowBytes: number;
}

export interface CapacityPlan {
  readonly vehicles: number;
  /** Between two fixes of a vehicle. */
  readonly intervalS: number;
  /** Of the whole fleet. */
  readonly subscribers: number;
  /** Days that rows are kept; after `rawDays` they are compressed. */
  readonly retentionDays: number;
  readonly rawDays: number;
}

/** What a node of this kind has. */
export interface Resources {
  readonly cores: number;
  readonly memoryBytes: number;
  readonly networkBytesPerS: number;
  readonly diskBytes: number;
}

export interface Usage {
  readonly fixesPerS: number;
  readonly loopCores: number;
  readonly engineCores: number;
  /** `null` where the database is in the engine, or not to be seen. */
  readonly databaseCores: number | null;
  readonly memoryBytes: number;
  readonly inBytesPerS: number;
  readonly outBytesPerS: number;
  readonly journalBytesPerDay: number;
  readonly rowBytesPerDay: number;
  readonly compressedRowBytesPerDay: number;
}

export interface Demand {
  readonly resource: string;
  /** Of one machine of this kind: 1 is all of it. */
  readonly share: number;
}

export interface Prediction {
  /** Of the whole fleet on one node, were it large enough. */
  readonly usage: Usage;
  readonly diskBytes: number;
  /** The one that runs out first is first. */
  readonly demands: readonly Demand[];
  /** Engines, each one process on a machine of this kind, with a database that has one of its own. */
  readonly nodes: number;
  /** Cores that the database needs, and machines of this kind for it: at most one can be written to. */
  readonly databaseShare: number | null;
}

const dayS = 86_400;
/** A node that is used more than this has no room for a peak, or for the vehicles of one that is gone. */
export const usableShare = 0.7;

export function at({ base, perFix }: Line, fixesPerS: number): number {
  return base + perFix * fixesPerS;
}

/** The line through two measurements. */
export function lineOf(
  small: { readonly fixesPerS: number; readonly value: number },
  large: { readonly fixesPerS: number; readonly value: number },
): Line {
  const slope = (large.value - small.value) / (large.fixesPerS - small.fixesPerS);
  // Noise may turn a line round; nothing gets cheaper by being done more.
  const perFix = Math.max(0, slope);
  return { base: Math.max(0, large.value - perFix * large.fixesPerS), perFix };
}

export function usageOf(calibration: Calibration, plan: CapacityPlan): Usage {
  const { vehicles, subscribers } = plan;
  const fixesPerS = vehicles / plan.intervalS;
  const { memory } = calibration;
  const showing = subscribers * at(calibration.subscriberLoop, fixesPerS);
  return {
    fixesPerS,
    loopCores: at(calibration.loop, fixesPerS) + showing,
    engineCores: at(calibration.engine, fixesPerS) + showing,
    databaseCores: calibration.database === null ? null : at(calibration.database, fixesPerS),
    memoryBytes:
      memory.baseBytes +
      memory.perVehicleBytes * vehicles +
      memory.perSubscriberBytes * subscribers,
    inBytesPerS: calibration.inBytesPerFix * fixesPerS,
    outBytesPerS:
      calibration.outBytesPerFix * fixesPerS +
      subscribers * at(calibration.subscriberBytes, fixesPerS),
    journalBytesPerDay: calibration.journalBytesPerFix * fixesPerS * dayS,
    rowBytesPerDay: calibration.rowBytes * fixesPerS * dayS,
    compressedRowBytesPerDay: calibration.compressedRowBytes * fixesPerS * dayS,
  };
}

export function predict(
  calibration: Calibration,
  plan: CapacityPlan,
  resources: Resources,
): Prediction {
  const usage = usageOf(calibration, plan);
  const rawDays = Math.min(plan.rawDays, plan.retentionDays);
  const diskBytes =
    usage.rowBytesPerDay * rawDays +
    usage.compressedRowBytesPerDay * (plan.retentionDays - rawDays);
  const { base } = calibration.loop;
  const ofNode: readonly Demand[] = [
    { resource: 'event loop', share: usage.loopCores },
    { resource: 'cores of the engine', share: usage.engineCores / resources.cores },
    { resource: 'memory', share: usage.memoryBytes / resources.memoryBytes },
    {
      resource: 'network',
      share: Math.max(usage.inBytesPerS, usage.outBytesPerS) / resources.networkBytesPerS,
    },
    {
      resource: 'connections',
      share: (plan.vehicles + plan.subscribers) / limits.connectionsMax,
    },
  ];
  const databaseShare = usage.databaseCores === null ? null : usage.databaseCores / resources.cores;
  const ofDatabase: readonly Demand[] = [
    ...(databaseShare === null
      ? []
      : [{ resource: 'cores of the database', share: databaseShare }]),
    { resource: 'disk of the database', share: diskBytes / resources.diskBytes },
  ];
  const demands = [...ofNode, ...ofDatabase].toSorted((one, other) => other.share - one.share);
  return { usage, diskBytes, demands, nodes: nodesFor(ofNode, base), databaseShare };
}

/** What each node has of its own, `base`, does not get less by having more of them. */
function nodesFor(demands: readonly Demand[], base: number): number {
  const counts = demands.map(({ resource, share }) => {
    const own = resource === 'event loop' ? base : 0;
    return Math.ceil((share - own) / (usableShare - Math.min(own, usableShare / 2)));
  });
  return Math.max(1, ...counts);
}

/** How far a prediction is from what was measured, as a share of that. */
export function errorOf(predicted: number, measured: number): number {
  return Math.abs(predicted - measured) / measured;
}
