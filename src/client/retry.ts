/**
 * When to ask again after an error that is temporary.
 * Invariant: at most one attempt is planned; none after `cancel`, until the next error.
 * Bound: backoff with full jitter, from its start again after a success.
 */
import type { Clock, Timer } from '../clock.ts';
import { backoffDelayMs, type BackoffBounds } from './backoff.ts';
import type { LiveError } from './request.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: BackoffBounds;
  /** Drops the connection and comes back after `delayMs`. */
  reconnect(delayMs: number): void;
}

export interface Retry {
  /** An attempt is planned on this connection. */
  readonly isPlanned: boolean;
  /** Calls `again` after a pause, or reconnects. */
  plan(error: LiveError, again: () => void): void;
  reconnect(): void;
  succeeded(): void;
  cancel(): void;
}

export function createRetry({ clock, random, bounds, reconnect }: RetryOptions): Retry {
  let failures = 0;
  let timer: Timer | null = null;
  const nextDelayMs = (): number => backoffDelayMs(failures++, random, bounds);

  return {
    get isPlanned() {
      return timer !== null;
    },
    plan(error, again) {
      // The engine may have done it all the same: only a new connection is sure to agree.
      if (error.kind === 'timeout') return reconnect(nextDelayMs());
      timer = clock.after(nextDelayMs(), () => {
        timer = null;
        again();
      });
    },
    reconnect: () => reconnect(nextDelayMs()),
    succeeded() {
      failures = 0;
    },
    cancel() {
      timer?.cancel();
      timer = null;
    },
  };
}
