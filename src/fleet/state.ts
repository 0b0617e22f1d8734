/**
 * What the fold keeps of one vehicle: all that its next fix is judged by.
 * Invariant: nothing else decides, so that a state that was stored and read back goes on as if it had stayed; the
 * order of the fields is that of the stored bytes (src/fleet/statecodec.ts). Its numbers lie side by side, those of one
 * vehicle after those of another, for to fetch one number after the other from all over the memory takes longer than
 * all else that a fix needs. What is rare is null most of the time, because there is one of these for each vehicle that
 * was ever heard of.
 * Bound: some 450 bytes while it stands, 650 on a trip, 30 for each stop of it, and 150 for each fence that it is in.
 */
import { noFences, type Fenced, type FenceState } from './fences.ts';
import type { Filter } from './filter.ts';
import type { Journey } from './journey.ts';
import type { Motion } from './motion.ts';
import type { Overspeed } from './overspeed.ts';
import type { Signals, Switch } from './signals.ts';
import { createTrack, neverMs } from './track.ts';
import type { Trips } from './tripdetect.ts';

export interface VehicleState extends Filter, Trips, Signals, Motion, Fenced {
  /** How far the fold has come; what is not newer is late, and has to be folded from an earlier state. */
  timeMs: number;
  /** `null` while it is not too fast. */
  over: Overspeed | null;
}

/** Of a vehicle without a fix. */
const blank = {
  timeMs: neverMs,
  acceptedMs: neverMs,
  acceptedLatE7: 0,
  acceptedLonE7: 0,
  acceptedDigest: 0,
  jumps: 0,
  ...createTrack(),
  ignition: 'unknown' as Switch,
  ignitionSinceMs: neverMs,
  power: 'unknown' as Switch,
  isBatteryLow: false,
  isTampered: false,
  signalsAtMs: neverMs,
  signalsChangedMs: neverMs,
  speedCms: 0,
  speedMs: neverMs,
  isBraking: false,
  isAccelerating: false,
};

type Blank = typeof blank;
type NumberName = { [Name in keyof Blank]: Blank[Name] extends number ? Name : never }[keyof Blank];

/** All but the vehicle, and the parts that have fields of their own. */
export const stateFields = Object.keys(blank) as readonly (keyof Blank)[];
const numberNames = stateFields.filter(
  (name): name is NumberName => typeof blank[name] === 'number',
);
const blankNumbers = Float64Array.from(numberNames, (name) => blank[name]);
const statesPerBlock = 1_024;

/** Where the numbers of a state are. */
export interface Place {
  readonly numbers: Float64Array;
  readonly offset: number;
}

/** Places for states that stay: none is given back. */
export function createPlaces(): () => Place {
  let numbers = new Float64Array(0);
  let used = 0;
  return () => {
    if (used === numbers.length) {
      numbers = new Float64Array(statesPerBlock * blankNumbers.length);
      used = 0;
    }
    const offset = used;
    used += blankNumbers.length;
    return { numbers, offset };
  };
}

class State {
  readonly vehicle: string;
  readonly numbers: Float64Array;
  readonly offset: number;
  journey: Journey | null = null;
  over: Overspeed | null = null;
  fences: readonly FenceState[] = noFences;
  ignition = blank.ignition;
  power = blank.power;
  isBatteryLow = blank.isBatteryLow;
  isTampered = blank.isTampered;
  isBraking = blank.isBraking;
  isAccelerating = blank.isAccelerating;

  constructor(vehicle: string, { numbers, offset }: Place) {
    this.vehicle = vehicle;
    this.numbers = numbers;
    this.offset = offset;
    numbers.set(blankNumbers, offset);
  }
}

numberNames.forEach((name, index) => {
  Object.defineProperty(State.prototype, name, {
    get(this: State) {
      return this.numbers[this.offset + index];
    },
    set(this: State, value: number) {
      this.numbers[this.offset + index] = value;
    },
  });
});

/** Of a vehicle without a fix; `vehicle` is its id. Without a place it has memory of its own, and goes with it. */
export function createVehicleState(vehicle: string, place?: Place): VehicleState {
  const { length } = blankNumbers;
  const own = place ?? { numbers: new Float64Array(length), offset: 0 };
  return new State(vehicle, own) as State & Record<NumberName, number>;
}

/** Makes `into` what `from` is, which is done with: its journey and what else it holds go on in the other. */
export function copyState(from: VehicleState, into: VehicleState): void {
  for (const name of stateFields) Reflect.set(into, name, from[name]);
  into.journey = from.journey;
  into.over = from.over;
  into.fences = from.fences;
}
