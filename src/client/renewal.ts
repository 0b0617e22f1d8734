/**
 * A new token for an open connection, before the one that it has expires.
 * Invariant: nothing is asked for without a maker of tokens and a token that says when it expires; how long it
 * is good for is measured by the engine's clock, because a vehicle's own may be wrong by years.
 * Bound: one new token is asked for at a time, with `clientRenewDelayMinMs` between two attempts. Where none
 * comes in time the engine closes with 3005, and the next connection asks again.
 */
import { delayMsMax, type Clock, type Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';

export interface RenewalOptions {
  /** Makes a token; `null` where there is only the one. */
  readonly make: (() => string | Promise<string>) | null;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: Pick<Limits, 'clientRenewDelayMinMs'>;
  /** Sends the new token on the open connection. */
  send(jwt: string): void;
}

export interface Renewal {
  /** A connection is open that was made with `jwt`; the engine's clock shows `serverTimeMs` now. */
  start(jwt: string, serverTimeMs: number): void;
  /** The connection is lost. */
  stop(): void;
}

export function createRenewal({ make, clock, random, bounds, send }: RenewalOptions): Renewal {
  let timer: Timer | null = null;
  /** Names the connection; what was asked for by an earlier one is not sent. */
  let run = 0;
  let serverAheadMs = 0;

  function plan(jwt: string): void {
    const expiryMs = expiryMsOf(jwt);
    if (expiryMs === null || make === null) return;
    const leftMs = expiryMs - serverAheadMs - clock.monotonicMs();
    // Random: a fleet that got its tokens at once must not ask for new ones at once.
    const delayMs = leftMs * (0.8 - 0.1 * random());
    const boundedMs = Math.min(Math.max(delayMs, bounds.clientRenewDelayMinMs), delayMsMax);
    timer = clock.after(boundedMs, () => void renew(make, jwt));
  }

  async function renew(make: () => string | Promise<string>, jwt: string): Promise<void> {
    const mine = run;
    let next = jwt;
    try {
      next = await make();
    } catch {
      // Asked again in what is left of the time, and by the next connection, which tells why there is none.
    }
    if (mine !== run) return;
    if (next !== jwt) send(next);
    plan(next);
  }

  return {
    start(jwt, serverTimeMs) {
      serverAheadMs = serverTimeMs - clock.monotonicMs();
      plan(jwt);
    },
    stop() {
      run++;
      timer?.cancel();
      timer = null;
    },
  };
}

/** When a JWT expires, unverified; `null` where it does not say so or is none. */
export function expiryMsOf(jwt: string): number | null {
  const payload = jwt.split('.')[1] ?? '';
  try {
    // Text beyond ASCII comes out garbled, which changes nothing about the number.
    const claims = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as unknown;
    if (typeof claims !== 'object' || claims === null || !('exp' in claims)) return null;
    return Number.isFinite(claims.exp) ? Number(claims.exp) * 1_000 : null;
  } catch {
    return null;
  }
}
