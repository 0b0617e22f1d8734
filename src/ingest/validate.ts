/**
 * Whether a decoded fix makes sense: ranges and time bounds. A pure function.
 * Invariant: what passes fits its column and can be shown on a map; what does not has a code.
 * Bound: a handful of comparisons a fix; they run for every one.
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Fix } from '../wire/types.ts';

export type FixBounds = Pick<Limits, 'futureAcceptedMs' | 'oldestAcceptedMs'>;

/** Ranges in wire units, both ends included. */
const latE7Max = 900_000_000;
const lonE7Max = 1_800_000_000;
const speedCmsMax = 100_000;
const courseCdegMax = 36_000;
const altitudeDmMin = -10_000;
const altitudeDmMax = 1_000_000;
const accuracyDmMax = 1_000_000;
const satellitesMax = 255;

/** The first reason to refuse `fix`, or `null`. */
export function validateFix(fix: Fix, nowMs: number, bounds: FixBounds): RefusalName | null {
  if (fix.latE7 < -latE7Max || fix.latE7 > latE7Max) return 'latitudeRange';
  if (fix.lonE7 < -lonE7Max || fix.lonE7 > lonE7Max) return 'longitudeRange';
  if (fix.timeMs < bounds.oldestAcceptedMs) return 'timeTooOld';
  if (fix.timeMs > nowMs + bounds.futureAcceptedMs) return 'timeTooFarAhead';
  if (isOutside(fix.speedCms, 0, speedCmsMax)) return 'speedRange';
  if (isOutside(fix.courseCdeg, 0, courseCdegMax)) return 'courseRange';
  if (isOutside(fix.altitudeDm, altitudeDmMin, altitudeDmMax)) return 'altitudeRange';
  if (isOutside(fix.accuracyDm, 0, accuracyDmMax)) return 'accuracyRange';
  if (isOutside(fix.satellites, 0, satellitesMax)) return 'satellitesRange';
  return null;
}

function isOutside(value: number | null, min: number, max: number): boolean {
  return value !== null && (value < min || value > max);
}
