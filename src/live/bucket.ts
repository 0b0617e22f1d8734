/**
 * A token bucket: how often something may be asked. No timers; time is given.
 * Invariant: over any stretch of time at most `burst + perSecond * seconds` are allowed.
 * Bound: two numbers.
 */
export interface Bucket {
  /** Takes one; false where none is left. `nowMs` never goes back. */
  take(nowMs: number): boolean;
}

export function createBucket(perSecond: number, burst: number, startMs: number): Bucket {
  let tokens = burst;
  let filledMs = startMs;
  return {
    take(nowMs) {
      tokens = Math.min(burst, tokens + ((nowMs - filledMs) * perSecond) / 1_000);
      filledMs = nowMs;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
