/**
 * What the fold keeps of one vehicle: all that its next fix is judged by.
 * Invariant: nothing else decides, so that a state that was stored and read back goes on as if it had stayed; the
 * order of the fields is that of the stored bytes (src/fleet/statecodec.ts). All of it is one object, for a fix needs
 * most of it, and to fetch one object after the other from memory takes longer than all else. What is rare is null
 * most of the time, because there is one of these for each vehicle that was ever heard of.
 * Bound: some 600 bytes while it stands, 800 on a trip, 30 for each stop of it, and 150 for each fence that it is in.
 */
import { noFences, type Fenced } from './fences.ts';
import type { Filter } from './filter.ts';
import type { Motion } from './motion.ts';
import type { Overspeed } from './overspeed.ts';
import type { Signals } from './signals.ts';
import { neverMs, unknownCms } from './track.ts';
import type { Trips } from './tripdetect.ts';

export interface VehicleState extends Filter, Trips, Signals, Motion, Fenced {
  /** How far the fold has come; what is not newer is late, and has to be folded from an earlier state. */
  timeMs: number;
  /** `null` while it is not too fast. */
  over: Overspeed | null;
}

/** Of a vehicle without a fix; `vehicle` is its id. */
export function createVehicleState(vehicle: string): VehicleState {
  return {
    vehicle,
    journey: null,
    over: null,
    fences: noFences,
    timeMs: neverMs,
    acceptedMs: neverMs,
    acceptedLatE7: 0,
    acceptedLonE7: 0,
    acceptedDigest: 0,
    jumps: 0,
    odometerM: 0,
    movingMs: 0,
    latE7: 0,
    lonE7: 0,
    fixes: 0,
    sinceMs: neverMs,
    lastMs: neverMs,
    entryLatE7: 0,
    entryLonE7: 0,
    pathM: 0,
    pathMovingMs: 0,
    pathTopCms: 0,
    stepMs: neverMs,
    stepLatE7: 0,
    stepLonE7: 0,
    strayMs: neverMs,
    strayLatE7: 0,
    strayLonE7: 0,
    strayCms: unknownCms,
    ignition: 'unknown',
    ignitionSinceMs: neverMs,
    power: 'unknown',
    isBatteryLow: false,
    isTampered: false,
    signalsAtMs: neverMs,
    signalsChangedMs: neverMs,
    speedCms: 0,
    speedMs: neverMs,
    isBraking: false,
    isAccelerating: false,
  };
}
