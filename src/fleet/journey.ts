/**
 * A detected trip from the moment in which its vehicle leaves where it stood, and what can be told of it.
 * Invariant: its totals are the difference of two readings of the track's odometer, so nothing is counted twice;
 * its stops lie inside of it, one after the other.
 * Bound: one a vehicle, and none while it stands; `tripStopsMax` stops of four numbers.
 */
import { createHash } from 'node:crypto';
import { isVehicleId } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { TripState, TripStop } from './output.ts';
import {
  entryM,
  isStanding,
  movingTimeMs,
  neverMs,
  strayM,
  type Track,
  type TrackBounds,
} from './track.ts';

export type JourneyBounds = TrackBounds & Pick<Limits, 'tripStopsMax'>;

export interface Journey {
  /** False while it is not known whether the vehicle has only wandered: nobody has heard of it. */
  isStarted: boolean;
  /** It stands, as long as a stop takes. */
  isStopped: boolean;
  startMs: number;
  /** The stand that it left, to which it may turn out to have returned; the place is the start. */
  latE7: number;
  lonE7: number;
  sinceMs: number;
  fixes: number;
  /** Readings of the odometer at the start. */
  odometerM: number;
  movingMs: number;
  topSpeedCms: number;
  /** Since when it has been far away; never where it is not. */
  awaySinceMs: number;
  stopsCount: number;
  /** `startMs, endMs, latE7, lonE7` of each. */
  stops: readonly number[];
}

export const noStops: readonly number[] = [];

/** Of a vehicle that left its stand for the stray at `leftMs`; the caller then lets its track leave. */
export function beginJourney(
  track: Track,
  leftMs: number,
  bounds: TrackBounds & StartBounds,
): Journey {
  const hasStood = isStanding(track, leftMs, bounds);
  // One that has not stood came from somewhere: it is on its way since it was first seen.
  return {
    isStarted: false,
    isStopped: false,
    startMs: hasStood ? leftMs : track.sinceMs,
    latE7: hasStood ? track.latE7 : track.entryLatE7,
    lonE7: hasStood ? track.lonE7 : track.entryLonE7,
    sinceMs: track.sinceMs,
    fixes: track.fixes,
    odometerM: track.odometerM,
    movingMs: track.movingMs,
    topSpeedCms: 0,
    awaySinceMs: strayM(track) > bounds.tripStartDistanceM ? track.strayMs : neverMs,
    stopsCount: 0,
    stops: noStops,
  };
}

export type StartBounds = Pick<Limits, 'tripStartDistanceM'>;

/** What the way from the start to the stray adds, where it began at the centre of a stand. */
export interface FirstLeg {
  readonly lengthM: number;
  readonly movingMs: number;
}

export function firstLeg(track: Track, leftMs: number, bounds: TrackBounds): FirstLeg | null {
  if (!isStanding(track, leftMs, bounds)) return null;
  const lengthM = strayM(track);
  return {
    lengthM,
    movingMs: Math.min(track.strayMs - leftMs, movingTimeMs(lengthM, bounds)),
  };
}

export function addStop(
  journey: Journey,
  track: Track,
  endMs: number,
  bounds: JourneyBounds,
): void {
  journey.stopsCount += 1;
  if (journey.stopsCount > bounds.tripStopsMax) return;
  // Not pushed: room would be kept for four more.
  journey.stops = journey.stops.concat([track.sinceMs, endMs, track.latE7, track.lonE7]);
}

/** As it is now, or as it ended where its vehicle stands (`endMs`). */
export function tripStateOf(
  journey: Journey,
  track: Track & { readonly vehicle: string },
  endMs: number | null,
  bounds: JourneyBounds,
): TripState {
  const { vehicle } = track;
  const updatedMs = endMs ?? track.lastMs;
  const durationMs = updatedMs - journey.startMs;
  const way = wayOf(journey, track, updatedMs, bounds);
  const isRunning = journey.isStopped ? 'stopped' : 'running';
  return {
    id: tripId(vehicle, journey.startMs),
    vehicle,
    state: endMs === null ? isRunning : 'ended',
    startMs: journey.startMs,
    startLatE7: journey.latE7,
    startLonE7: journey.lonE7,
    endMs,
    endLatE7: endMs === null ? null : way.latE7,
    endLonE7: endMs === null ? null : way.lonE7,
    updatedMs,
    distanceM: Math.round(way.lengthM),
    durationMs,
    movingMs: way.movingMs,
    idleMs: durationMs - way.movingMs,
    topSpeedCms: way.topSpeedCms,
    averageSpeedCms: durationMs > 0 ? Math.round((way.lengthM * 100_000) / durationMs) : 0,
    stops: stopsOf(journey, track, endMs === null),
    stopsCount: journey.stopsCount + (journey.isStopped && endMs === null ? 1 : 0),
  };
}

interface Way {
  readonly lengthM: number;
  readonly movingMs: number;
  readonly topSpeedCms: number;
  /** Where it led to. */
  readonly latE7: number;
  readonly lonE7: number;
}

/** Up to the entry of the stand, and through it as far as the vehicle does not stand. */
function wayOf(journey: Journey, track: Track, untilMs: number, bounds: TrackBounds): Way {
  const lengthM = track.odometerM - journey.odometerM;
  const movingMs = track.movingMs - journey.movingMs;
  const { topSpeedCms } = journey;
  if (untilMs === track.sinceMs || isStanding(track, untilMs, bounds)) {
    const { latE7, lonE7 } = track;
    return { lengthM: lengthM + entryM(track), movingMs, topSpeedCms, latE7, lonE7 };
  }
  return {
    lengthM: lengthM + track.pathM,
    movingMs: movingMs + track.pathMovingMs,
    topSpeedCms: Math.max(topSpeedCms, track.pathTopCms),
    latE7: track.stepLatE7,
    lonE7: track.stepLonE7,
  };
}

function stopsOf(journey: Journey, track: Track, isOpen: boolean): readonly TripStop[] {
  const { stops } = journey;
  const list: TripStop[] = [];
  for (let at = 0; at < stops.length; at += 4) {
    list.push({
      startMs: stops[at] as number,
      endMs: stops[at + 1] as number,
      latE7: stops[at + 2] as number,
      lonE7: stops[at + 3] as number,
    });
  }
  if (isOpen && journey.isStopped) {
    const { sinceMs: startMs, latE7, lonE7 } = track;
    list.push({ startMs, endMs: null, latE7, lonE7 });
  }
  return list;
}

/**
 * The id of a detected trip, by which the same fixes find it again: `<vehicle>-<start in base 36>`. Of a long
 * vehicle id the end is a hash.
 */
export function tripId(vehicle: string, startMs: number): string {
  const suffix = `-${startMs.toString(36)}`;
  const id = vehicle + suffix;
  if (isVehicleId(id)) return id;
  const hash = createHash('sha256').update(vehicle).digest('hex').slice(0, 16);
  return `${vehicle.slice(0, 64 - suffix.length - 17)}.${hash}${suffix}`;
}
