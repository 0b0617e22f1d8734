/**
 * Where each vehicle of the bench is at each step, and when: the same in the process that sends and in the
 * one that looks on, so that what must arrive is known without asking.
 * Invariant: a function of the vehicle's number and the step alone. Step -1 is the fix that puts a vehicle
 * on the map before anybody looks; step 0 and on are due every `intervalMs`, the fleet spread evenly over it.
 * Bound: vehicles drive up and down a street of their own within `sideDegrees` of the centre and a few km.
 */
import { createRandom } from '../src/cli/random.ts';

export interface Place {
  readonly latE7: number;
  readonly lonE7: number;
  readonly speedCms: number;
  readonly courseCdeg: number;
}

export interface FleetPlanOptions {
  readonly vehicles: number;
  readonly intervalMs: number;
  /** The time of every vehicle's first fix. */
  readonly placedMs: number;
}

export interface FleetPlan extends FleetPlanOptions {
  /** Step 0 of the first vehicle is due at `startMs`, and there are `steps` of each. */
  begin(startMs: number, steps: number): void;
  readonly steps: number;
  dueMs(vehicle: number, step: number): number;
  /** The step of a vehicle's fix; not an integer for a fix that is not of the plan. */
  stepOf(vehicle: number, timeMs: number): number;
  place(vehicle: number, step: number): Place;
}

/** Limerick, where the journey of the demo is. */
export const centre = { latitude: 52.66, longitude: -8.63 } as const;
export const sideDegrees = 0.3;
const metresPerDegree = 111_320;
const speedMinMps = 3;
const speedMaxMps = 25;
const streetMinM = 100;
const streetMaxM = 2_000;
const namePrefix = 'bench-';

export function vehicleName(vehicle: number): string {
  return `${namePrefix}${vehicle}`;
}

/** NaN for a name that is not of this fleet. */
export function vehicleNumber(name: string): number {
  return name.startsWith(namePrefix) ? Number(name.slice(namePrefix.length)) : NaN;
}

interface Street {
  readonly latitude: number;
  readonly longitude: number;
  readonly courseDegrees: number;
  readonly latitudePerM: number;
  readonly longitudePerM: number;
  readonly lengthM: number;
  readonly speedMps: number;
}

export function createFleetPlan(options: FleetPlanOptions): FleetPlan {
  const { vehicles, intervalMs, placedMs } = options;
  const streets = Array.from({ length: vehicles }, (_, vehicle) => streetOf(vehicle));
  let startMs = Infinity;
  let steps = 0;

  function phaseMs(vehicle: number): number {
    return Math.floor((vehicle * intervalMs) / vehicles);
  }

  return {
    ...options,
    begin(at, count) {
      startMs = at;
      steps = count;
    },
    get steps() {
      return steps;
    },
    dueMs: (vehicle, step) =>
      step === -1 ? placedMs : startMs + phaseMs(vehicle) + step * intervalMs,
    stepOf: (vehicle, timeMs) =>
      timeMs === placedMs ? -1 : (timeMs - startMs - phaseMs(vehicle)) / intervalMs,
    place(vehicle, step) {
      const street = streets[vehicle];
      if (street === undefined) throw new RangeError(`there is no vehicle ${vehicle}`);
      return placeOn(street, (step + 1) * (intervalMs / 1_000));
    },
  };
}

function streetOf(vehicle: number): Street {
  const random = createRandom(Math.imul(vehicle + 1, 0x9e3779b1));
  const between = (min: number, max: number): number => min + random() * (max - min);
  const latitude = centre.latitude + (random() - 0.5) * sideDegrees;
  const courseDegrees = between(0, 180);
  const radians = (courseDegrees * Math.PI) / 180;
  return {
    latitude,
    longitude: centre.longitude + (random() - 0.5) * sideDegrees,
    courseDegrees,
    latitudePerM: Math.cos(radians) / metresPerDegree,
    longitudePerM: Math.sin(radians) / (metresPerDegree * Math.cos((latitude * Math.PI) / 180)),
    lengthM: between(streetMinM, streetMaxM),
    speedMps: between(speedMinMps, speedMaxMps),
  };
}

function placeOn(street: Street, seconds: number): Place {
  const driven = (street.speedMps * seconds) % (2 * street.lengthM);
  const isBack = driven > street.lengthM;
  const alongM = isBack ? 2 * street.lengthM - driven : driven;
  const course = street.courseDegrees + (isBack ? 180 : 0);
  return {
    latE7: Math.round((street.latitude + alongM * street.latitudePerM) * 1e7),
    lonE7: Math.round((street.longitude + alongM * street.longitudePerM) * 1e7),
    speedCms: Math.round(street.speedMps * 100),
    courseCdeg: Math.round(course * 100),
  };
}
