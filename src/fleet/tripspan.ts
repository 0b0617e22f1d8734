/**
 * When a trip that somebody has started runs: compared, and with what was detected in its time. Pure functions.
 * Invariant: bounds in ms are inclusive, as in tripmeter.ts.
 */
import type { TripState } from './output.ts';
import type { TripSpan } from './tripmeter.ts';

/** True where the same fixes are of both. */
export function isSameSpan(one: TripSpan, other: TripSpan): boolean {
  return (
    one.startMs === other.startMs &&
    one.endMs === other.endMs &&
    one.pauses.length === other.pauses.length &&
    one.pauses.every((timeMs, at) => timeMs === other.pauses[at])
  );
}

/** True where what was taken up to `lastMs` as of `before` is what would have been as of `after`. */
export function isTakenAlike(before: TripSpan, after: TripSpan, lastMs: number): boolean {
  const edges = after.pauses.filter((timeMs, at) => timeMs !== before.pauses[at]);
  const first = Math.min(...edges, after.endMs === before.endMs ? Infinity : (after.endMs ?? 0));
  const isResume = after.pauses.length % 2 === 0 && after.endMs === null;
  // A fix at the end of a pause is behind it, one at its start before it.
  return isResume ? lastMs < first : lastMs <= first;
}

/** True where a detected trip has some time in common with it. */
export function isOverlapping(
  { startMs, endMs }: Pick<TripSpan, 'startMs' | 'endMs'>,
  detected: TripState,
): boolean {
  return detected.startMs < (endMs ?? Infinity) && endOf(detected) > startMs;
}

/** What stands now may have ended with that. */
function endOf({ state, endMs, stops }: TripState): number {
  if (endMs !== null) return endMs;
  const last = stops.at(-1);
  return state === 'stopped' && last?.endMs === null ? last.startMs : Infinity;
}
