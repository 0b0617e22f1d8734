/**
 * Trips from positions: when a vehicle leaves where it stood, where it stops, when it has come to rest.
 * Invariant: trips follow each other and never overlap. A trip starts where the vehicle last stood and ends where it
 * began to stand, not where that became known; one who returns at once, or only moves a few metres, made no trip.
 * Bound: constant work a fix; a stop is listed up to `tripStopsMax`.
 */
import type { Limits } from '../limits.ts';
import type { Fix } from '../wire/types.ts';
import {
  addStop,
  beginJourney,
  firstLeg,
  tripStateOf,
  type Journey,
  type JourneyBounds,
  type StartBounds,
} from './journey.ts';
import type { Emit, TripOutputKind } from './output.ts';
import type { Signals } from './signals.ts';
import {
  anchor,
  departedMs,
  isWithin,
  leave,
  neverMs,
  restSince,
  returnTo,
  stay,
  stray,
  strayM,
  turnUp,
  type Track,
} from './track.ts';

export type TripBounds = JourneyBounds &
  StartBounds &
  Pick<Limits, 'tripStartMs' | 'tripStopMs' | 'tripIgnitionOffMs' | 'tripGapMs' | 'stopMinMs'>;

export interface Trips {
  readonly vehicle: string;
  readonly track: Track;
  /** `null` while the vehicle stands. */
  journey: Journey | null;
}

/** What the detector knows of the ignition: as it was before this fix. */
export type Ignition = Pick<Signals, 'ignition' | 'ignitionSinceMs'>;

export function detectTrips(
  trips: Trips,
  fix: Fix,
  ignition: Ignition,
  bounds: TripBounds,
  emit: Emit,
): void {
  const { track } = trips;
  if (track.sinceMs === neverMs) return anchor(track, fix);
  let isInside = isWithin(track, fix, bounds.standRadiusM);
  if (!isInside && track.strayMs !== neverMs) {
    depart(trips, ignition, bounds, emit);
    isInside = isWithin(track, fix, bounds.standRadiusM);
  }
  if (isInside) remain(trips, fix, ignition, bounds, emit);
  else stray(track, fix);
  const { journey } = trips;
  if (journey !== null && !journey.isStarted) confirm(trips, journey, fix, ignition, bounds, emit);
}

/** The vehicle was silent, or turned up elsewhere: what is under way ended with its last fix. */
export function breakOff(trips: Trips, ignition: Ignition, bounds: TripBounds, emit: Emit): void {
  const { track } = trips;
  if (trips.journey === null) return;
  // The last fix counts, though no other confirms it.
  if (track.strayMs !== neverMs) depart(trips, ignition, bounds, emit);
  const { journey } = trips;
  if (journey?.isStarted) {
    end(trips, journey, journey.isStopped ? track.sinceMs : track.lastMs, bounds, emit);
  }
  trips.journey = null;
}

/** `fix` is inside of the stand. */
function remain(trips: Trips, fix: Fix, ignition: Ignition, bounds: TripBounds, emit: Emit): void {
  const { track, journey } = trips;
  stay(track, fix, bounds);
  if (journey === null) return;
  if (!journey.isStarted) {
    if (fix.timeMs - track.sinceMs >= bounds.tripStopMs) trips.journey = null;
  } else if (isOver(track, fix.timeMs, ignition, bounds)) {
    end(trips, journey, track.sinceMs, bounds, emit);
  } else if (!journey.isStopped && fix.timeMs - track.sinceMs >= bounds.stopMinMs) {
    journey.isStopped = true;
    tell(trips, journey, 'tripStopped', bounds, emit);
  }
}

/** Two fixes were outside of the stand: the vehicle has left it. */
function depart(trips: Trips, ignition: Ignition, bounds: TripBounds, emit: Emit): void {
  const { track } = trips;
  const leftMs = departedMs(track, bounds);
  if (trips.journey?.isStarted === true) {
    if (isOver(track, leftMs, ignition, bounds)) {
      end(trips, trips.journey, track.sinceMs, bounds, emit);
    } else {
      return goOn(trips, trips.journey, leftMs, bounds, emit);
    }
  } else if (leftMs - track.sinceMs >= bounds.tripStopMs) {
    trips.journey = null;
  }
  if (trips.journey !== null) return pass(trips.journey, track, bounds);
  if (isUnseen(track, bounds)) return turnUp(track);
  const journey = beginJourney(track, bounds);
  const leg = firstLeg(track, bounds);
  pass(journey, track, bounds);
  if (leg !== null) {
    journey.odometerM = track.odometerM - leg.lengthM;
    journey.movingMs = track.movingMs - leg.movingMs;
  }
  trips.journey = journey;
}

function goOn(
  trips: Trips,
  journey: Journey,
  leftMs: number,
  bounds: TripBounds,
  emit: Emit,
): void {
  const { track } = trips;
  const hasStopped = leftMs - track.sinceMs >= bounds.stopMinMs;
  if (hasStopped && !journey.isStopped) {
    journey.isStopped = true;
    tell(trips, journey, 'tripStopped', bounds, emit);
  }
  if (hasStopped) addStop(journey, track, leftMs, bounds);
  journey.isStopped = false;
  pass(journey, track, bounds);
  if (hasStopped) tell(trips, journey, 'tripResumed', bounds, emit);
}

function pass(journey: Journey, track: Track, bounds: TripBounds): void {
  journey.topSpeedCms = Math.max(journey.topSpeedCms, leave(track, bounds));
}

/** It was silent so long that nobody knows how it came so far: on a ferry, or switched off. */
function isUnseen(track: Track, bounds: TripBounds): boolean {
  return (
    track.strayMs - track.lastMs >= bounds.tripGapMs && strayM(track) > bounds.tripStartDistanceM
  );
}

function isOver(track: Track, untilMs: number, ignition: Ignition, bounds: TripBounds): boolean {
  if (untilMs - track.sinceMs >= bounds.tripStopMs) return true;
  if (ignition.ignition !== 'off') return false;
  const restsSinceMs = Math.max(track.sinceMs, ignition.ignitionSinceMs);
  return untilMs - restsSinceMs >= bounds.tripIgnitionOffMs;
}

/** Whether what has left its stand is on a trip, has returned, or is not far enough yet. */
function confirm(
  trips: Trips,
  journey: Journey,
  fix: Fix,
  ignition: Ignition,
  bounds: TripBounds,
  emit: Emit,
): void {
  const { timeMs } = fix;
  if (isWithin(journey, fix, bounds.standRadiusM)) {
    returnTo(trips.track, journey, fix);
    trips.journey = null;
    return;
  }
  const isDriven =
    ignition.ignition === 'on' && fix.speedCms !== null && fix.speedCms >= bounds.movingSpeedCms;
  if (isWithin(journey, fix, bounds.tripStartDistanceM)) journey.awaySinceMs = neverMs;
  else if (journey.awaySinceMs === neverMs) journey.awaySinceMs = timeMs;
  const isAway =
    journey.awaySinceMs !== neverMs && timeMs - journey.awaySinceMs >= bounds.tripStartMs;
  if (!isDriven && !isAway) return;
  journey.isStarted = true;
  tell(trips, journey, 'tripStarted', bounds, emit);
}

function end(trips: Trips, journey: Journey, endMs: number, bounds: TripBounds, emit: Emit): void {
  const { vehicle, track } = trips;
  const trip = tripStateOf(vehicle, journey, track, endMs, bounds);
  trips.journey = null;
  restSince(track, endMs);
  emit({ kind: 'tripEnded', trip });
}

function tell(
  { vehicle, track }: Trips,
  journey: Journey,
  kind: TripOutputKind,
  bounds: TripBounds,
  emit: Emit,
): void {
  emit({ kind, trip: tripStateOf(vehicle, journey, track, null, bounds) });
}
