/**
 * Where a vehicle stands or stood last, and how far it has come: its stand and its odometer.
 * Invariant: a fix outside of the stand is a stray until the next one is outside too, so that a single bad fix moves
 * nothing. What a vehicle wanders while it stands is no distance: then only the way from where it came to where it
 * left counts. Distance is never less than the displacement, moving time never more than the time.
 * Bound: numbers only, changed in place; no distance to compute while it stands, one to three while it moves.
 */
import type { Limits } from '../limits.ts';
import type { Fix } from '../wire/types.ts';
import { distanceAtLeastM, distanceAtMostM, distanceM } from './distance.ts';
import { wrapE7 } from './fencebox.ts';

export type TrackBounds = Pick<
  Limits,
  'standRadiusM' | 'standMinMs' | 'tripStepM' | 'movingSpeedCms'
>;

/** A time that has not come. */
export const neverMs = -1;
/** A speed that is not known. */
export const unknownCms = -1;

export interface Track {
  /** Of all ways up to where the stand was entered. */
  odometerM: number;
  movingMs: number;
  /** The stand: the centre of so many fixes, the first and the last of them, and where the first was. */
  latE7: number;
  lonE7: number;
  fixes: number;
  sinceMs: number;
  lastMs: number;
  entryLatE7: number;
  entryLonE7: number;
  /** The way inside of it, up to the last step. */
  pathM: number;
  pathMovingMs: number;
  pathTopCms: number;
  stepMs: number;
  stepLatE7: number;
  stepLonE7: number;
  /** A fix outside of it, by which it may have been left. */
  strayMs: number;
  strayLatE7: number;
  strayLonE7: number;
  strayCms: number;
}

/** Of a vehicle that has been nowhere. */
export function createTrack(): Track {
  return {
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
  };
}

/** True where `fix` may be within `radiusM` of the place, for as much as it may be off. */
export function isWithin(
  { latE7, lonE7 }: Pick<Track, 'latE7' | 'lonE7'>,
  fix: Fix,
  radiusM: number,
): boolean {
  const reachM = fix.accuracyDm === null ? radiusM : radiusM + fix.accuracyDm / 10;
  if (distanceAtMostM(latE7, lonE7, fix.latE7, fix.lonE7) <= reachM) return true;
  if (distanceAtLeastM(latE7, fix.latE7) > reachM) return false;
  return distanceM(latE7, lonE7, fix.latE7, fix.lonE7) <= reachM;
}

/** Begins a stand at `fix`, wherever it was before; the way there does not count. */
export function anchor(track: Track, fix: Fix): void {
  anchorAt(track, fix.timeMs, fix.latE7, fix.lonE7, fix.speedCms ?? unknownCms);
}

function anchorAt(
  track: Track,
  timeMs: number,
  latE7: number,
  lonE7: number,
  speedCms: number,
): void {
  track.latE7 = latE7;
  track.lonE7 = lonE7;
  track.fixes = 1;
  track.sinceMs = timeMs;
  track.lastMs = timeMs;
  track.entryLatE7 = latE7;
  track.entryLonE7 = lonE7;
  track.pathM = 0;
  track.pathMovingMs = 0;
  track.pathTopCms = Math.max(0, speedCms);
  track.stepMs = timeMs;
  track.stepLatE7 = latE7;
  track.stepLonE7 = lonE7;
  track.strayMs = neverMs;
}

/** The vehicle is at a stand again that it had left for a moment. */
export function returnTo(
  track: Track,
  stand: Pick<Track, 'latE7' | 'lonE7' | 'fixes' | 'sinceMs'>,
  fix: Fix,
): void {
  anchor(track, fix);
  track.latE7 = stand.latE7;
  track.lonE7 = stand.lonE7;
  track.entryLatE7 = stand.latE7;
  track.entryLonE7 = stand.lonE7;
  track.stepLatE7 = stand.latE7;
  track.stepLonE7 = stand.lonE7;
  track.fixes = stand.fixes;
  track.sinceMs = stand.sinceMs;
}

/** `fix` is inside of the stand. */
export function stay(track: Track, fix: Fix, bounds: TrackBounds): void {
  track.fixes += 1;
  track.latE7 += Math.round((fix.latE7 - track.latE7) / track.fixes);
  track.lonE7 = wrapE7(track.lonE7 + Math.round(wrapE7(fix.lonE7 - track.lonE7) / track.fixes));
  track.lastMs = fix.timeMs;
  track.strayMs = neverMs;
  const speedCms = fix.speedCms ?? unknownCms;
  const { stepLatE7, stepLonE7 } = track;
  const isSlow = speedCms < bounds.movingSpeedCms;
  if (isSlow && distanceAtMostM(stepLatE7, stepLonE7, fix.latE7, fix.lonE7) < bounds.tripStepM) {
    return;
  }
  const stepM = distanceM(stepLatE7, stepLonE7, fix.latE7, fix.lonE7);
  // A known speed tells motion from noise, and then each fix is a step.
  if (isSlow && stepM < bounds.tripStepM) return;
  addStep(track, stepM, fix.timeMs, speedCms, bounds);
  track.stepLatE7 = fix.latE7;
  track.stepLonE7 = fix.lonE7;
}

function addStep(
  track: Track,
  stepM: number,
  timeMs: number,
  speedCms: number,
  bounds: TrackBounds,
): void {
  const elapsedMs = timeMs - track.stepMs;
  track.pathM += stepM;
  track.pathMovingMs += Math.min(elapsedMs, movingTimeMs(stepM, bounds));
  const topCms = speedCms === unknownCms ? impliedCms(stepM, elapsedMs) : speedCms;
  if (topCms > track.pathTopCms) track.pathTopCms = topCms;
  track.stepMs = timeMs;
}

/** Over less than a second noise is most of it. */
function impliedCms(stepM: number, elapsedMs: number): number {
  return elapsedMs < 1_000 ? 0 : Math.round((stepM * 100_000) / elapsedMs);
}

/** How long one who just counts as moving takes for it; who took longer stood in between. */
export function movingTimeMs(lengthM: number, bounds: TrackBounds): number {
  return Math.floor((lengthM * 100_000) / bounds.movingSpeedCms);
}

export function stray(track: Track, fix: Fix): void {
  track.strayMs = fix.timeMs;
  track.strayLatE7 = fix.latE7;
  track.strayLonE7 = fix.lonE7;
  track.strayCms = fix.speedCms ?? unknownCms;
}

/** From the centre of the stand to the stray. */
export function strayM(track: Track): number {
  return distanceM(track.latE7, track.lonE7, track.strayLatE7, track.strayLonE7);
}

/** True where it has stood long enough that what it wanders is drift. */
export function isStanding(track: Track, untilMs: number, bounds: TrackBounds): boolean {
  return untilMs - track.sinceMs >= bounds.standMinMs;
}

/**
 * When it left for the stray: after its last fix in the stand, and where it was silent then, as late as it can have
 * been. Many devices say nothing while they stand.
 */
export function departedMs(track: Track, bounds: TrackBounds): number {
  const { lastMs, strayMs } = track;
  const leastM = distanceAtLeastM(track.latE7, track.strayLatE7);
  // Of one that is no slower it is known without the whole way.
  if (strayMs - movingTimeMs(leastM, bounds) <= lastMs) return lastMs;
  return Math.max(lastMs, strayMs - movingTimeMs(strayM(track), bounds));
}

/**
 * It has left at `leftMs`: the way through the stand counts, and a new stand begins at the stray. The top speed of
 * that way, 0 where it has stood.
 */
export function leave(track: Track, leftMs: number, bounds: TrackBounds): number {
  const { strayMs, strayLatE7, strayLonE7, strayCms } = track;
  const hasStood = isStanding(track, leftMs, bounds);
  const stepM = distanceM(track.stepLatE7, track.stepLonE7, strayLatE7, strayLonE7);
  addStep(track, stepM, strayMs, strayCms, bounds);
  const wayM = hasStood ? Math.min(track.pathM, straightM(track, bounds)) : track.pathM;
  track.odometerM += wayM;
  track.movingMs += Math.min(track.pathMovingMs, movingTimeMs(wayM, bounds));
  const topCms = hasStood ? 0 : track.pathTopCms;
  anchorAt(track, strayMs, strayLatE7, strayLonE7, strayCms);
  return topCms;
}

/** From the entry to the stray. It may have turned a corner, but no more: what is longer has wandered. */
function straightM(track: Track, bounds: TrackBounds): number {
  const { entryLatE7, entryLonE7, strayLatE7, strayLonE7 } = track;
  return distanceM(entryLatE7, entryLonE7, strayLatE7, strayLonE7) + bounds.standRadiusM;
}

/** It turned up at the stray; the way there does not count. */
export function turnUp(track: Track): void {
  anchorAt(track, track.strayMs, track.strayLatE7, track.strayLonE7, track.strayCms);
}

/** What it has wandered up to `untilMs` is over: it stands since then. */
export function restSince(track: Track, untilMs: number): void {
  if (untilMs === track.sinceMs) return;
  track.sinceMs = untilMs;
  track.entryLatE7 = track.stepLatE7;
  track.entryLonE7 = track.stepLonE7;
  track.pathM = 0;
  track.pathMovingMs = 0;
  track.pathTopCms = 0;
}

/** From where the stand was entered to its centre. */
export function entryM(track: Track): number {
  return distanceM(track.entryLatE7, track.entryLonE7, track.latE7, track.lonE7);
}
