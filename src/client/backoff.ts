/**
 * How long to wait before the next connection: exponential backoff with full jitter.
 * Invariant: a pause is never negative and never above `clientDelayMaxMs`, whatever a server says.
 * Full jitter (the whole pause is random, not a part of it) because a fleet loses its connections all at
 * once and must not come back all at once.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
import { closeCodes } from '../errors.ts';
import type { Limits } from '../limits.ts';

export type BackoffBounds = Pick<Limits, 'clientDelayMinMs' | 'clientDelayMaxMs'>;

/** The pause in ms before the attempt that follows `failures` failed ones; `random` yields 0 to 1. */
export function backoffDelayMs(
  failures: number,
  random: () => number,
  bounds: BackoffBounds,
): number {
  const ceilingMs = Math.min(bounds.clientDelayMaxMs, bounds.clientDelayMinMs * 2 ** failures);
  return Math.floor(random() * ceilingMs);
}

/**
 * The pause that a stopping engine asks for: the reason of close code 3001 is a count of ms in decimal,
 * spread over its clients already. `null` where there is no such hint.
 */
export function hintedDelayMs(
  closeCode: number,
  reason: string,
  bounds: BackoffBounds,
): number | null {
  if (closeCode !== closeCodes.shutdown || !/^\d{1,9}$/.test(reason)) return null;
  return Math.min(Number(reason), bounds.clientDelayMaxMs);
}
