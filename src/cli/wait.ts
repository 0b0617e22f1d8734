/**
 * Waiting that can be broken off.
 * Invariant: a timer is gone when its wait is over, whichever way it ended.
 */
import type { Clock } from '../clock.ts';

/** Resolves after `delayMs` or when `signal` is aborted, whichever comes first. */
export function pauseFor(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted || delayMs <= 0) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = clock.after(delayMs, finish);
    signal.addEventListener('abort', finish, { once: true });
    function finish(): void {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    }
  });
}

/** The result of `work`, or `null` when it takes longer than `timeoutMs`. */
export async function within<Result>(
  clock: Clock,
  timeoutMs: number,
  work: Promise<Result>,
): Promise<Result | null> {
  const over = new AbortController();
  try {
    return await Promise.race([work, pauseFor(clock, timeoutMs, over.signal).then(() => null)]);
  } finally {
    over.abort();
  }
}
