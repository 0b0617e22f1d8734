/**
 * Which fixes of a vehicle are not to be believed, or say nothing: they are stored with a flag, and nothing
 * follows from them.
 * Invariant: a filtered fix changes nothing but the filter itself. A vehicle cannot be locked out by a wrong fix that
 * was accepted: after `filterJumpFixesMax` jumps in a row the newest is accepted (a leap).
 * Bound: constant work; a fix has at most one of the flags, so that counters add up. A bound of 0 is a filter that is off.
 */
import type { Limits } from '../limits.ts';
import type { CounterName, Metrics } from '../metrics.ts';
import { fixFlags, type Fix } from '../wire/types.ts';
import { attributesDigest } from './digest.ts';
import { distanceAtMostM, distanceM } from './distance.ts';
import { isStanding, isWithin, neverMs, type Track, type TrackBounds } from './track.ts';

export type FilterBounds = TrackBounds &
  Pick<
    Limits,
    | 'filterZeroIslandM'
    | 'filterJumpSpeedCms'
    | 'filterJumpFixesMax'
    | 'filterAccuracyMaxDm'
    | 'filterDuplicateMs'
    | 'filterDriftM'
    | 'filterDriftIntervalMs'
    | 'filterIntervalMinMs'
  >;

export interface Filter {
  /** The last accepted fix. */
  acceptedMs: number;
  acceptedLatE7: number;
  acceptedLonE7: number;
  acceptedDigest: number;
  /** Jumps since then. */
  jumps: number;
}

const { zeroIsland, duplicate, jump, inaccurate, drift, frequent, outdated } = fixFlags;

/** Those that follow from the fixes before; the others follow from when a fix came. */
export const judgedFlags = zeroIsland | duplicate | jump | inaccurate | drift | frequent;
/** A fix with one of these takes part in nothing. */
export const excludedFlags = judgedFlags | outdated | fixFlags.clockSkew;

/** True for a fix that was too old when it came. */
export function isOutdated(
  timeMs: number,
  receivedAtMs: number,
  bounds: Pick<Limits, 'filterOutdatedMs'>,
): boolean {
  return bounds.filterOutdatedMs > 0 && timeMs < receivedAtMs - bounds.filterOutdatedMs;
}

/** The flag for which `fix` is filtered; 0 where it is good. */
export function judgeFix(fix: Fix, filter: Filter & Track, bounds: FilterBounds): number {
  if (isZeroIsland(fix, bounds)) return zeroIsland;
  if (bounds.filterAccuracyMaxDm > 0 && (fix.accuracyDm ?? 0) > bounds.filterAccuracyMaxDm) {
    return inaccurate;
  }
  if (filter.acceptedMs === neverMs) return 0;
  const sinceMs = fix.timeMs - filter.acceptedMs;
  if (sinceMs < bounds.filterIntervalMinMs) return frequent;
  if (isJump(fix, sinceMs, filter, bounds)) {
    filter.jumps += 1;
    return filter.jumps > bounds.filterJumpFixesMax ? 0 : jump;
  }
  filter.jumps = 0;
  if (isDuplicate(fix, sinceMs, filter, bounds)) return duplicate;
  return isDrift(fix, sinceMs, filter, bounds) ? drift : 0;
}

/** True where the fix that was just found good is where the jumps before it were. */
export function isLeaping(filter: Filter): boolean {
  return filter.jumps > 0;
}

/** `fix` is the last accepted one from now on. */
export function acceptFix(fix: Fix, filter: Filter, bounds: FilterBounds): void {
  filter.acceptedMs = fix.timeMs;
  filter.acceptedLatE7 = fix.latE7;
  filter.acceptedLonE7 = fix.lonE7;
  filter.acceptedDigest = bounds.filterDuplicateMs > 0 ? attributesDigest(fix.attributes) : 0;
  filter.jumps = 0;
}

const degreeE7 = 10_000_000;

function isZeroIsland({ latE7, lonE7 }: Fix, bounds: FilterBounds): boolean {
  if (Math.abs(latE7) > degreeE7 || Math.abs(lonE7) > degreeE7) return false;
  return bounds.filterZeroIslandM > 0 && distanceM(0, 0, latE7, lonE7) <= bounds.filterZeroIslandM;
}

/** No vehicle gets from the last place to `fix` in that time. */
// A second at least: closer fixes differ by noise, and a receiver's clock may step.
export function isJump(
  fix: Fix,
  sinceMs: number,
  filter: Pick<Filter, 'acceptedLatE7' | 'acceptedLonE7'>,
  bounds: Pick<Limits, 'filterJumpSpeedCms'>,
): boolean {
  if (bounds.filterJumpSpeedCms === 0) return false;
  const { acceptedLatE7, acceptedLonE7 } = filter;
  const reachM = (bounds.filterJumpSpeedCms * Math.max(sinceMs, 1_000)) / 100_000;
  return (
    distanceAtMostM(acceptedLatE7, acceptedLonE7, fix.latE7, fix.lonE7) > reachM &&
    distanceM(acceptedLatE7, acceptedLonE7, fix.latE7, fix.lonE7) > reachM
  );
}

function isDuplicate(fix: Fix, sinceMs: number, filter: Filter, bounds: FilterBounds): boolean {
  return (
    sinceMs < bounds.filterDuplicateMs &&
    fix.latE7 === filter.acceptedLatE7 &&
    fix.lonE7 === filter.acceptedLonE7 &&
    attributesDigest(fix.attributes) === filter.acceptedDigest
  );
}

function isDrift(fix: Fix, sinceMs: number, track: Track, bounds: FilterBounds): boolean {
  return (
    bounds.filterDriftM > 0 &&
    sinceMs < bounds.filterDriftIntervalMs &&
    (fix.speedCms ?? 0) < bounds.movingSpeedCms &&
    isStanding(track, fix.timeMs, bounds) &&
    isWithin(track, fix, bounds.filterDriftM)
  );
}

/** Adds a fix with these `flags` to the counter of the filter that it met. */
export function countFiltered(flags: number, { counters }: Pick<Metrics, 'counters'>): void {
  if ((flags & (judgedFlags | outdated)) === 0) return;
  for (const { flag, counter } of filterCounters) {
    if ((flags & flag) !== 0) counters[counter] += 1;
  }
}

const filterCounters: readonly { readonly flag: number; readonly counter: CounterName }[] = [
  { flag: zeroIsland, counter: 'fixesFilteredZeroIsland' },
  { flag: duplicate, counter: 'fixesFilteredDuplicate' },
  { flag: jump, counter: 'fixesFilteredJump' },
  { flag: inaccurate, counter: 'fixesFilteredInaccurate' },
  { flag: drift, counter: 'fixesFilteredDrift' },
  { flag: frequent, counter: 'fixesFilteredFrequent' },
  { flag: outdated, counter: 'fixesFilteredOutdated' },
];
