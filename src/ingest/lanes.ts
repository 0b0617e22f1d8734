/**
 * Which lane a valid fix takes, compared with its vehicle's last known one. A pure function.
 * Invariant: only a fix that is newer and not from the future is live, so that late or wrong clocks never
 * move the marker back or freeze it ahead; everything else that is new to the engine is stored as backfill.
 * Bound: constant work a fix; what is older than the last known is told apart by the database, by its key.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Limits } from '../limits.ts';
import { fixFlags, type Fix } from '../wire/types.ts';

export type LaneBounds = Pick<Limits, 'futureToleranceMs' | 'liveAgeMaxMs'>;

/** `repeated` and `conflicting` are dropped: the vehicle has a fix at this time already. */
export type Lane = 'live' | 'backfill' | 'repeated' | 'conflicting';

/**
 * The lane of `fix`; sets its `flags` on the way. `last` is the vehicle's last known fix; `isLastKept` says
 * that the journal has had it, without which a repeat of it must not be dropped.
 */
export function chooseLane(
  fix: Fix,
  last: Fix,
  isLastKept: boolean,
  nowMs: number,
  bounds: LaneBounds,
): Lane {
  if (fix.timeMs > nowMs + bounds.futureToleranceMs) {
    fix.flags = fixFlags.clockSkew | fixFlags.backfill;
    return 'backfill';
  }
  if (fix.timeMs > last.timeMs) {
    fix.flags = fix.timeMs < nowMs - bounds.liveAgeMaxMs ? fixFlags.late : 0;
    return 'live';
  }
  if (fix.timeMs === last.timeMs && isLastKept) {
    return isSame(fix, last) ? 'repeated' : 'conflicting';
  }
  fix.flags = fixFlags.backfill;
  return 'backfill';
}

function isSame(fix: Fix, last: Fix): boolean {
  return (
    fix.latE7 === last.latE7 &&
    fix.lonE7 === last.lonE7 &&
    fix.speedCms === last.speedCms &&
    fix.courseCdeg === last.courseCdeg &&
    fix.altitudeDm === last.altitudeDm &&
    fix.accuracyDm === last.accuracyDm &&
    fix.satellites === last.satellites &&
    isSameAttributes(fix.attributes, last.attributes)
  );
}

// The text of what was read back from jsonb has other spaces and another order of keys.
function isSameAttributes(one: string | null, other: string | null): boolean {
  if (one === other) return true;
  if (one === null || other === null) return false;
  return isDeepStrictEqual(JSON.parse(one), JSON.parse(other));
}
