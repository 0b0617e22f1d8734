/**
 * When the state of a vehicle's fold is kept, to go over its past from there.
 * Invariant: it follows from the fixes alone, so that folded again they keep states at the same times. Vehicles take
 * their hours at different times, for else all of them would be written at once.
 * Bound: one in `snapshotIntervalMs`, and one at the end of each trip.
 */

/** FNV-1a's: ids that are numbered are far from each other. */
const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

/** Where the hours of a vehicle begin: any time within one, always the same. */
export function snapshotOffsetMs(key: string, intervalMs: number): number {
  let hash = fnvBasis;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), fnvPrime);
  }
  return (hash >>> 0) % intervalMs;
}

/** True where a fix at `timeMs` is the first of its hour, the one before it having been at `beforeMs`. */
export function beginsInterval(
  beforeMs: number,
  timeMs: number,
  offsetMs: number,
  intervalMs: number,
): boolean {
  // The first fix of all has nothing behind it to go over.
  if (beforeMs < 0) return false;
  // Without a function of its own: this runs for every fix.
  return (
    Math.floor((timeMs + offsetMs) / intervalMs) !== Math.floor((beforeMs + offsetMs) / intervalMs)
  );
}
