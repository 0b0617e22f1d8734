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

/** Of the ignition it is known how it was before this fix. */
export interface Trips extends Track, Pick<Signals, 'ignition' | 'ignitionSinceMs'> {
  readonly vehicle: string;
  /** `null` while the vehicle stands. */
  journey: Journey | null;
}

export function detectTrips(trips: Trips, fix: Fix, bounds: TripBounds, emit: Emit): void {
  if (trips.sinceMs === neverMs) return anchor(trips, fix);
  let isInside = isWithin(trips, fix, bounds.standRadiusM);
  if (!isInside && trips.strayMs !== neverMs) {
    depart(trips, bounds, emit);
    isInside = isWithin(trips, fix, bounds.standRadiusM);
  }
  if (isInside) remain(trips, fix, bounds, emit);
  else stray(trips, fix);
  const { journey } = trips;
  if (journey !== null && !journey.isStarted) confirm(trips, journey, fix, bounds, emit);
}

/** The vehicle was silent, or turned up elsewhere: what is under way ended with its last fix. */
export function breakOff(trips: Trips, bounds: TripBounds, emit: Emit): void {
  if (trips.journey === null) return;
  // The last fix counts, though no other confirms it.
  if (trips.strayMs !== neverMs) depart(trips, bounds, emit);
  const { journey } = trips;
  if (journey?.isStarted) {
    end(trips, journey, journey.isStopped ? trips.sinceMs : trips.lastMs, bounds, emit);
  }
  trips.journey = null;
}

/** `fix` is inside of the stand. */
function remain(trips: Trips, fix: Fix, bounds: TripBounds, emit: Emit): void {
  const { journey } = trips;
  stay(trips, fix, bounds);
  if (journey === null) return;
  if (!journey.isStarted) {
    if (fix.timeMs - trips.sinceMs >= bounds.tripStopMs) trips.journey = null;
  } else if (isOver(trips, fix.timeMs, bounds)) {
    end(trips, journey, trips.sinceMs, bounds, emit);
  } else if (!journey.isStopped && fix.timeMs - trips.sinceMs >= bounds.stopMinMs) {
    journey.isStopped = true;
    tell(trips, journey, 'tripStopped', bounds, emit);
  }
}

/** Two fixes were outside of the stand: the vehicle has left it. */
function depart(trips: Trips, bounds: TripBounds, emit: Emit): void {
  const leftMs = departedMs(trips, bounds);
  if (trips.journey?.isStarted === true) {
    if (isOver(trips, leftMs, bounds)) {
      end(trips, trips.journey, trips.sinceMs, bounds, emit);
    } else {
      return goOn(trips, trips.journey, leftMs, bounds, emit);
    }
  } else if (leftMs - trips.sinceMs >= bounds.tripStopMs) {
    trips.journey = null;
  }
  if (trips.journey !== null) return pass(trips.journey, trips, leftMs, bounds);
  if (isUnseen(trips, bounds)) return turnUp(trips);
  const journey = beginJourney(trips, leftMs, bounds);
  const leg = firstLeg(trips, leftMs, bounds);
  pass(journey, trips, leftMs, bounds);
  if (leg !== null) {
    journey.odometerM = trips.odometerM - leg.lengthM;
    journey.movingMs = trips.movingMs - leg.movingMs;
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
  const hasStopped = leftMs - trips.sinceMs >= bounds.stopMinMs;
  if (hasStopped && !journey.isStopped) {
    journey.isStopped = true;
    tell(trips, journey, 'tripStopped', bounds, emit);
  }
  if (hasStopped) addStop(journey, trips, leftMs, bounds);
  journey.isStopped = false;
  pass(journey, trips, leftMs, bounds);
  if (hasStopped) tell(trips, journey, 'tripResumed', bounds, emit);
}

function pass(journey: Journey, track: Track, leftMs: number, bounds: TripBounds): void {
  journey.topSpeedCms = Math.max(journey.topSpeedCms, leave(track, leftMs, bounds));
}

/** It was silent so long that nobody knows how it came so far: on a ferry, or switched off. */
function isUnseen(track: Track, bounds: TripBounds): boolean {
  return (
    track.strayMs - track.lastMs >= bounds.tripGapMs && strayM(track) > bounds.tripStartDistanceM
  );
}

function isOver(trips: Trips, untilMs: number, bounds: TripBounds): boolean {
  if (untilMs - trips.sinceMs >= bounds.tripStopMs) return true;
  if (trips.ignition !== 'off') return false;
  const restsSinceMs = Math.max(trips.sinceMs, trips.ignitionSinceMs);
  return untilMs - restsSinceMs >= bounds.tripIgnitionOffMs;
}

/** Whether what has left its stand is on a trip, has returned, or is not far enough yet. */
function confirm(trips: Trips, journey: Journey, fix: Fix, bounds: TripBounds, emit: Emit): void {
  const { timeMs } = fix;
  if (isWithin(journey, fix, bounds.standRadiusM)) {
    returnTo(trips, journey, fix);
    trips.journey = null;
    return;
  }
  const isDriven =
    trips.ignition === 'on' && fix.speedCms !== null && fix.speedCms >= bounds.movingSpeedCms;
  if (isWithin(journey, fix, bounds.tripStartDistanceM)) journey.awaySinceMs = neverMs;
  else if (journey.awaySinceMs === neverMs) journey.awaySinceMs = timeMs;
  const isAway =
    journey.awaySinceMs !== neverMs && timeMs - journey.awaySinceMs >= bounds.tripStartMs;
  if (!isDriven && !isAway) return;
  journey.isStarted = true;
  tell(trips, journey, 'tripStarted', bounds, emit);
}

function end(trips: Trips, journey: Journey, endMs: number, bounds: TripBounds, emit: Emit): void {
  const trip = tripStateOf(journey, trips, endMs, bounds);
  trips.journey = null;
  restSince(trips, endMs);
  emit({ kind: 'tripEnded', trip });
}

function tell(
  trips: Trips,
  journey: Journey,
  kind: TripOutputKind,
  bounds: TripBounds,
  emit: Emit,
): void {
  emit({ kind, trip: tripStateOf(journey, trips, null, bounds) });
}
