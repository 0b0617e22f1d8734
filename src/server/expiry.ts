/**
 * Closes connections whose token has expired and was not replaced.
 * Invariant: a live connection outlives its token by `tokenGraceS`, in which nothing is said: the client knows
 * when its token ends. A new connection has no such grace.
 * Bound: one look at every connection each `sweepIntervalMs`.
 */
import { every, type Clock, type Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Peer } from './peer.ts';

const sweepIntervalMs = 1_000;

export interface ExpiryOptions {
  readonly peers: Iterable<Pick<Peer, 'identity' | 'close'>>;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'clockToleranceS' | 'tokenGraceS'>;
}

/** Runs until it is cancelled. */
export function sweepExpired({ peers, clock, bounds }: ExpiryOptions): Timer {
  const outlivesMs = (bounds.clockToleranceS + bounds.tokenGraceS) * 1_000;
  return every(clock, sweepIntervalMs, () => {
    const nowMs = clock.nowMs();
    for (const peer of peers) {
      if (peer.identity.expiresAtMs + outlivesMs < nowMs) {
        peer.close('tokenExpired', 'the token has expired: reconnect with a new one');
      }
    }
  });
}
