/**
 * The settings of what follows from positions: filters, and when something is a trip, a stop, too fast, too harsh.
 * Invariant: each is the bound of the same name in limits.ts, which has its default and its reason; the relations
 * between them are checked with all others.
 * Bound: 0 switches a filter off, and what is told of speeds and braking; times and distances have no such value.
 */
import { z } from 'zod';
import { limits } from './limits.ts';

const help = {
  filterZeroIslandM: 'm around 0/0 in which a fix knows no place; 0 for no such filter',
  filterJumpSpeedCms:
    'cm/s that no vehicle is faster than: a fix that needs more has jumped; 0: off',
  filterJumpFixesMax: 'jumps in a row after which the vehicle is where they say',
  filterAccuracyMaxDm: 'dm that a fix may be off; 0: any',
  filterDuplicateMs: 'ms in which the same place and attributes again are left out; 0: off',
  filterDriftM: 'm that a standing vehicle may wander without being shown; 0: off',
  filterDriftIntervalMs: 'ms after which a standing vehicle is shown all the same',
  filterIntervalMinMs: 'ms between two fixes at least; 0: off',
  filterOutdatedMs: 'ms after which a fix is too old when it comes; 0: never',
  standRadiusM: 'm within which a vehicle stands',
  tripStartDistanceM: 'm that a vehicle has to leave its stand by to begin a trip',
  tripStartMs: 'ms that it has to be so far away',
  tripStopMs: 'ms of a stand that ends a trip',
  tripIgnitionOffMs: 'the same with the ignition off',
  tripGapMs: 'ms of silence that end a trip',
  tripLapseMs: 'ms between two looks for trips that a silence has ended',
  stopMinMs: 'ms of a stand that is a stop of a trip',
  overspeedCms: 'cm/s above which a vehicle is too fast; 0: never',
  overspeedMinMs: 'ms that it has to be too fast',
  harshBrakingCms2: 'cm/s2 of harsh braking; 0: never',
  harshAccelerationCms2: 'cm/s2 of harsh acceleration; 0: never',
} as const;

type Threshold = keyof typeof help;

/** What may be 0: each is off then. */
const mayBeOff: ReadonlySet<Threshold> = new Set([
  'filterZeroIslandM',
  'filterJumpSpeedCms',
  'filterJumpFixesMax',
  'filterAccuracyMaxDm',
  'filterDuplicateMs',
  'filterDriftM',
  'filterDriftIntervalMs',
  'filterIntervalMinMs',
  'filterOutdatedMs',
  'tripStartMs',
  'overspeedCms',
  'overspeedMinMs',
  'harshBrakingCms2',
  'harshAccelerationCms2',
]);

export interface ThresholdSetting {
  readonly env: string;
  readonly fallback: string;
  readonly help: string;
}

const names = Object.keys(help) as Threshold[];

/** `filterDriftM` is `FLEETWIRE_FILTER_DRIFT_M`. */
function envOf(name: Threshold): string {
  return `FLEETWIRE_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function recordOf<Value>(valueOf: (name: Threshold) => Value): Record<Threshold, Value> {
  return Object.fromEntries(names.map((name) => [name, valueOf(name)])) as Record<Threshold, Value>;
}

/** For the settings of config.ts. */
export const thresholdSettings: Readonly<Record<Threshold, ThresholdSetting>> = recordOf(
  (name) => ({ env: envOf(name), fallback: String(limits[name]), help: help[name] }),
);

/** For its schema. */
export const thresholdSchema = recordOf((name) =>
  z.coerce
    .number()
    .int()
    .min(mayBeOff.has(name) ? 0 : 1)
    .max(2_147_483_647),
);
