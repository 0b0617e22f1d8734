/**
 * What a vehicle's fixes say of a trip that somebody has started: how far, how long, how fast, where it stopped.
 * Invariant: the same fixes give the same totals, whether they came live or were read again. A leg is what was driven
 * without a pause; the way through a pause counts for nothing, nor does a leap of the position. Moving, idle and
 * paused time are together the duration.
 * Bound: constant work a fix but for the pauses, at most `tripPausesMax`; `tripStopsMax` stops of four numbers.
 */
import type { Limits } from '../limits.ts';
import type { Fix, PlainMap } from '../wire/types.ts';
import { isJump } from './filter.ts';
import type { TripStop } from './output.ts';
import {
  anchor,
  createTrack,
  departedMs,
  entryM,
  isStanding,
  isWithin,
  leave,
  neverMs,
  stay,
  stray,
  type Track,
  type TrackBounds,
} from './track.ts';

export type MeterBounds = TrackBounds &
  Pick<Limits, 'stopMinMs' | 'tripStopsMax' | 'filterJumpSpeedCms'>;

/** When a trip runs. */
export interface TripSpan {
  readonly startMs: number;
  /** Start and end of each pause, in turn; the last one has no end while it lasts. */
  readonly pauses: readonly number[];
  readonly endMs: number | null;
}

export interface TripTotals extends PlainMap {
  readonly distanceM: number;
  readonly durationMs: number;
  readonly movingMs: number;
  readonly idleMs: number;
  readonly pausedMs: number;
  readonly topSpeedCms: number;
  /** The distance over the time that was not paused. */
  readonly averageSpeedCms: number;
  /** The first of `stopsCount`. */
  readonly stops: readonly TripStop[];
  readonly stopsCount: number;
  /** They are those by then. */
  readonly untilMs: number;
}

/** What is driven without a pause. */
interface Leg {
  /** Pauses before it. */
  readonly index: number;
  readonly track: Track;
  topSpeedCms: number;
  isStopped: boolean;
}

export interface Meter {
  /** The last fix that was taken, in a pause or not. */
  lastMs: number;
  acceptedLatE7: number;
  acceptedLonE7: number;
  leg: Leg | null;
  /** Of the legs that are over. */
  distanceM: number;
  movingMs: number;
  topSpeedCms: number;
  stopsCount: number;
  /** `startMs, endMs, latE7, lonE7` of each, also of the leg. */
  readonly stops: number[];
}

export function createMeter(): Meter {
  return {
    lastMs: neverMs,
    acceptedLatE7: 0,
    acceptedLonE7: 0,
    leg: null,
    distanceM: 0,
    movingMs: 0,
    topSpeedCms: 0,
    stopsCount: 0,
    stops: [],
  };
}

/** Takes the next fix that counts; false where it is not of the trip, or not newer than the last. */
export function takeFix(meter: Meter, span: TripSpan, fix: Fix, bounds: MeterBounds): boolean {
  const { timeMs } = fix;
  if (timeMs < span.startMs || timeMs > (span.endMs ?? Infinity)) return false;
  if (timeMs <= meter.lastMs) return false;
  const index = legAt(span, timeMs);
  if (index !== null) drive(meter, span, index, fix, bounds);
  meter.lastMs = timeMs;
  meter.acceptedLatE7 = fix.latE7;
  meter.acceptedLonE7 = fix.lonE7;
  return true;
}

/** By the last fix or `span`'s end; by `sinceMs` at least, up to which it is known to have run. */
export function totalsOf(
  meter: Meter,
  span: TripSpan,
  sinceMs: number,
  bounds: MeterBounds,
): TripTotals {
  const { startMs, endMs } = span;
  const untilMs = endMs ?? Math.max(startMs, meter.lastMs, sinceMs);
  const all = withLeg(meter, span, bounds);
  const pausedMs = pausedUntil(span, untilMs);
  const activeMs = untilMs - startMs - pausedMs;
  return {
    distanceM: Math.round(all.distanceM),
    durationMs: untilMs - startMs,
    movingMs: all.movingMs,
    idleMs: activeMs - all.movingMs,
    pausedMs,
    topSpeedCms: all.topSpeedCms,
    averageSpeedCms: activeMs > 0 ? Math.round((all.distanceM * 100_000) / activeMs) : 0,
    stops: all.stops,
    stopsCount: all.stopsCount,
    untilMs,
  };
}

/** How many pauses are over at that time; null in a pause. Its edges belong to the legs beside it. */
function legAt({ pauses }: TripSpan, timeMs: number): number | null {
  for (let at = 0; at < pauses.length; at += 2) {
    if (timeMs <= (pauses[at] as number)) return at / 2;
    if (timeMs < (pauses[at + 1] ?? Infinity)) return null;
  }
  return Math.ceil(pauses.length / 2);
}

function pausedUntil({ pauses }: TripSpan, untilMs: number): number {
  let pausedMs = 0;
  for (let at = 0; at < pauses.length; at += 2) {
    const fromMs = pauses[at] as number;
    pausedMs += Math.max(0, Math.min(pauses[at + 1] ?? untilMs, untilMs) - fromMs);
  }
  return pausedMs;
}

function drive(meter: Meter, span: TripSpan, index: number, fix: Fix, bounds: MeterBounds): void {
  const { leg } = meter;
  const hasLeapt =
    meter.lastMs !== neverMs && isJump(fix, fix.timeMs - meter.lastMs, meter, bounds);
  if (leg !== null && leg.index === index && !hasLeapt) return follow(meter, leg, fix, bounds);
  if (leg !== null) {
    const endMs = leg.index === index ? meter.lastMs : endOf(span, leg.index);
    closeLeg(meter, leg, endMs, bounds);
  }
  meter.leg = { index, track: createTrack(), topSpeedCms: 0, isStopped: false };
  anchor(meter.leg.track, fix);
}

function endOf({ pauses, endMs }: TripSpan, index: number): number | null {
  return pauses[index * 2] ?? endMs;
}

/** The same steps as those of a detected trip (tripdetect.ts), but nothing ends it. */
function follow(meter: Meter, leg: Leg, fix: Fix, bounds: MeterBounds): void {
  const { track } = leg;
  if (isWithin(track, fix, bounds.standRadiusM)) return remain(leg, fix, bounds);
  if (track.strayMs !== neverMs) {
    depart(meter, leg, bounds);
    if (isWithin(track, fix, bounds.standRadiusM)) return remain(leg, fix, bounds);
  }
  stray(track, fix);
}

function remain(leg: Leg, fix: Fix, bounds: MeterBounds): void {
  stay(leg.track, fix, bounds);
  leg.isStopped ||= fix.timeMs - leg.track.sinceMs >= bounds.stopMinMs;
}

function depart(stops: Pick<Meter, 'stops' | 'stopsCount'>, leg: Leg, bounds: MeterBounds): void {
  const { track } = leg;
  const leftMs = departedMs(track, bounds);
  if (leftMs - track.sinceMs >= bounds.stopMinMs) addStop(stops, track, leftMs, bounds);
  leg.isStopped = false;
  leg.topSpeedCms = Math.max(leg.topSpeedCms, leave(track, leftMs, bounds));
}

function addStop(
  meter: Pick<Meter, 'stops' | 'stopsCount'>,
  { sinceMs, latE7, lonE7 }: Track,
  endMs: number,
  bounds: MeterBounds,
): void {
  meter.stopsCount += 1;
  if (meter.stopsCount <= bounds.tripStopsMax) meter.stops.push(sinceMs, endMs, latE7, lonE7);
}

function closeLeg(meter: Meter, leg: Leg, endMs: number | null, bounds: MeterBounds): void {
  // The last fix counts, though no other confirms it.
  if (leg.track.strayMs !== neverMs) depart(meter, leg, bounds);
  if (leg.isStopped) addStop(meter, leg.track, endMs ?? leg.track.lastMs, bounds);
  const way = wayOf(leg, bounds);
  meter.distanceM += way.distanceM;
  meter.movingMs += way.movingMs;
  meter.topSpeedCms = Math.max(meter.topSpeedCms, way.topSpeedCms);
  meter.leg = null;
}

/** What a vehicle wanders where it stands is no way. */
function wayOf({ track, topSpeedCms }: Leg, bounds: MeterBounds) {
  const { odometerM, movingMs } = track;
  if (track.lastMs === track.sinceMs || isStanding(track, track.lastMs, bounds)) {
    return { distanceM: odometerM + entryM(track), movingMs, topSpeedCms };
  }
  return {
    distanceM: odometerM + track.pathM,
    movingMs: movingMs + track.pathMovingMs,
    topSpeedCms: Math.max(topSpeedCms, track.pathTopCms),
  };
}

/** With the leg as it is, or as it ended; the meter goes on as it was. */
function withLeg(meter: Meter, span: TripSpan, bounds: MeterBounds) {
  const all = { ...meter, stops: [...meter.stops] };
  const { leg } = meter;
  if (leg === null) return { ...all, stops: stopsOf(all.stops) };
  const endMs = endOf(span, leg.index);
  if (endMs !== null) {
    closeLeg(all, { ...leg, track: { ...leg.track } }, endMs, bounds);
    return { ...all, stops: stopsOf(all.stops) };
  }
  const way = wayOf(leg, bounds);
  const stops = stopsOf(all.stops);
  const { sinceMs: startMs, latE7, lonE7 } = leg.track;
  const isListed = leg.isStopped && meter.stopsCount < bounds.tripStopsMax;
  return {
    distanceM: meter.distanceM + way.distanceM,
    movingMs: meter.movingMs + way.movingMs,
    topSpeedCms: Math.max(meter.topSpeedCms, way.topSpeedCms),
    stops: isListed ? [...stops, { startMs, endMs: null, latE7, lonE7 }] : stops,
    stopsCount: meter.stopsCount + Number(leg.isStopped),
  };
}

function stopsOf(stops: readonly number[]): readonly TripStop[] {
  const list: TripStop[] = [];
  for (let at = 0; at < stops.length; at += 4) {
    const [startMs = 0, endMs = 0, latE7 = 0, lonE7 = 0] = stops.slice(at, at + 4);
    list.push({ startMs, endMs, latE7, lonE7 });
  }
  return list;
}
