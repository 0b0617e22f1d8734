/**
 * Time and timers, behind one interface, so that everything that waits can be tested without waiting.
 * Invariant: nothing outside this file reads the wall clock or starts a timer in the engine or the clients.
 * Bound: a timer's delay is at most `delayMsMax`, the largest that JavaScript timers keep.
 */

/** The longest delay that `setTimeout` honours (a signed 32-bit count of ms); longer ones fire at once. */
export const delayMsMax = 2_147_483_647;

export interface Timer {
  /** Stops the timer; harmless when it has fired or was cancelled before. */
  cancel(): void;
}

export interface Clock {
  /** Wall clock, Unix ms. May jump. */
  nowMs(): number;
  /** Milliseconds since some fixed point; never goes back. */
  monotonicMs(): number;
  /** Calls `action` once after `delayMs`. */
  after(delayMs: number, action: () => void): Timer;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const handle = setTimeout(action, Math.min(delayMs, delayMsMax));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Calls `action` every `intervalMs`, counted from the end of the last call, until cancelled. */
export function every(clock: Clock, intervalMs: number, action: () => void): Timer {
  let cancelled = false;
  let timer = clock.after(intervalMs, tick);
  function tick(): void {
    action();
    if (!cancelled) timer = clock.after(intervalMs, tick);
  }
  return {
    cancel() {
      cancelled = true;
      timer.cancel();
    },
  };
}
