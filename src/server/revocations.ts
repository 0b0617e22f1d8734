/**
 * Tokens that count no more, by tenant, issuer and `jti`: in memory, where every new connection asks, and in a
 * table for the next start.
 * Invariant: a revocation is in force when `revoke` returns its promise, whatever the database does; connections
 * that live on the token are closed by then. One of a token that has expired may be forgotten.
 * Bound: `revocationsMax` in memory; what the table holds at a start is loaded whatever its number.
 */
import type { Clock } from '../clock.ts';
import { refusals, type RefusalName } from '../errors.ts';
import { isStorable, type Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { StoredRevocation } from '../store/revocations.ts';
import type { Peer } from './peer.ts';

export interface RevocationsOptions {
  /** What the table holds. */
  readonly stored: readonly StoredRevocation[];
  readonly save: (revocation: StoredRevocation) => Promise<void>;
  /** A revocation is in force and not stored. */
  readonly onError: (error: unknown) => void;
  /** The connections that are open. */
  readonly peers: () => Iterable<Pick<Peer, 'identity' | 'close'>>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'revocationsMax' | 'clockToleranceS'>;
}

export interface Revocations {
  isRevoked(identity: Identity): boolean;
  /**
   * Resolves with `null` when it is stored; with `databaseUnavailable` when it is in force and not stored, and
   * the same again may store it; with `tooManyRevocations` or `badParams` when it is not in force.
   * `expiresAtMs` is when the token itself expires, `null` where nobody knows.
   */
  revoke(
    tenant: string,
    issuer: string,
    tokenId: string,
    expiresAtMs: number | null,
  ): Promise<RefusalName | null>;
  /** The call `revoke`: whoever calls ends tokens of the own tenant, and of no other. */
  call(
    caller: Pick<Identity, 'tenant'>,
    token: Omit<StoredRevocation, 'tenant'>,
  ): Promise<RefusalName | null>;
  readonly size: number;
}

export function createRevocations(options: RevocationsOptions): Revocations {
  const { clock, metrics, bounds } = options;
  /** When each ends, by its key. */
  const known = new Map<string, number>();
  for (const revocation of options.stored) add(revocation);

  /** The same twice lasts as long as the longer of both. */
  function add({ tenant, issuer, tokenId, expiresAtMs }: StoredRevocation): void {
    const key = keyOf(tenant, issuer, tokenId);
    known.set(key, Math.max(known.get(key) ?? 0, expiresAtMs ?? Infinity));
  }

  function hasRoomFor({ tenant, issuer, tokenId }: StoredRevocation): boolean {
    if (known.has(keyOf(tenant, issuer, tokenId))) return true;
    if (known.size < bounds.revocationsMax) return true;
    const expiredBeforeMs = clock.nowMs() - acceptedAfterExpiryMs(bounds);
    for (const [key, endsAtMs] of known) {
      if (endsAtMs < expiredBeforeMs) known.delete(key);
    }
    return known.size < bounds.revocationsMax;
  }

  function isRevoked({ tenant, issuer, tokenId }: Identity): boolean {
    return tokenId !== null && known.has(keyOf(tenant, issuer, tokenId));
  }

  function closeRevoked(): void {
    for (const peer of options.peers()) {
      if (!isRevoked(peer.identity)) continue;
      metrics.refused.tokenRevoked += 1;
      peer.close('invalidToken', refusals.tokenRevoked.message);
    }
  }

  async function revoke(
    tenant: string,
    issuer: string,
    tokenId: string,
    expiresAtMs: number | null,
  ): Promise<RefusalName | null> {
    const revocation = { tenant, issuer, tokenId, expiresAtMs };
    if (!isPossible(revocation, clock.nowMs() - acceptedAfterExpiryMs(bounds))) return 'badParams';
    if (!hasRoomFor(revocation)) return 'tooManyRevocations';
    add(revocation);
    metrics.counters.tokensRevoked += 1;
    closeRevoked();
    try {
      await options.save(revocation);
      return null;
    } catch (error) {
      metrics.counters.revocationsFailed += 1;
      options.onError(error);
      return 'databaseUnavailable';
    }
  }

  return {
    isRevoked,
    revoke,
    call: ({ tenant }, { issuer, tokenId, expiresAtMs }) =>
      revoke(tenant, issuer, tokenId, expiresAtMs),
    get size() {
      return known.size;
    },
  };
}

/** How long after its expiry a token may still be taken for a good one; expiries are in whole seconds. */
export function acceptedAfterExpiryMs(bounds: Pick<Limits, 'clockToleranceS'>): number {
  return (bounds.clockToleranceS + 1) * 1_000;
}

const textCharsMax = 128;
const timeMaxMs = 8_640_000_000_000_000;

// A time in the past is seconds where ms were meant, more often than a token that has expired.
function isPossible(revocation: StoredRevocation, expiredBeforeMs: number): boolean {
  const { issuer, tokenId, expiresAtMs } = revocation;
  const isText = [issuer, tokenId].every(
    (text) => text.length > 0 && text.length <= textCharsMax && isStorable(text),
  );
  if (!isText || expiresAtMs === null) return isText;
  const isTime = Number.isSafeInteger(expiresAtMs) && expiresAtMs <= timeMaxMs;
  return isTime && expiresAtMs >= expiredBeforeMs;
}

/** None of the parts holds a NUL. */
function keyOf(tenant: string, issuer: string, tokenId: string): string {
  return [tenant, issuer, tokenId].join('\0');
}
