/**
 * Whether one more connection may come in: how many there are, of whom and from where.
 * Invariant: a socket counts for the engine and for its address from its upgrade to its close, also while
 * nobody knows whose it is; for a user a connection counts from its hello on.
 * Bound: `connectionsMax`, `addressConnectionsMax`, and `userConnectionsMax` on the subscriber plane.
 */
import type { RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Offer } from './offer.ts';
import { isOriginAllowed } from './origin.ts';
import type { Plane } from './peer.ts';
import { createTally } from './tally.ts';

export interface AdmissionOptions {
  /** Origins whose pages may connect, `*` for all; empty for those of the engine's own host. */
  readonly origins: readonly string[];
  readonly bounds: Pick<Limits, 'connectionsMax' | 'addressConnectionsMax' | 'userConnectionsMax'>;
}

export interface Admission {
  readonly isAccepting: boolean;
  /** Nobody comes in any more. */
  stop(): void;
  /** Why this upgrade is refused, if it is. */
  refusalOfUpgrade(offered: Offer, address: string): RefusalName | null;
  opened(address: string): void;
  closed(address: string): void;
  /** Why this user may have no other connection, if so. */
  refusalOfUser(plane: Plane, identity: Identity): RefusalName | null;
  greeted(plane: Plane, identity: Identity): void;
  left(plane: Plane, identity: Identity): void;
}

export function createAdmission({ origins, bounds }: AdmissionOptions): Admission {
  const addresses = createTally();
  const users = createTally();
  let isAccepting = true;
  let sockets = 0;

  return {
    get isAccepting() {
      return isAccepting;
    },
    stop() {
      isAccepting = false;
    },
    refusalOfUpgrade(offered, address) {
      if (!isAccepting) return 'draining';
      if (sockets >= bounds.connectionsMax) return 'tooManyConnections';
      if (addresses.get(address) >= bounds.addressConnectionsMax) return 'tooManyOfAddress';
      if (!isOriginAllowed(offered, origins)) return 'originNotAllowed';
      return offered.codec === null ? 'subprotocolUnknown' : null;
    },
    opened(address) {
      sockets += 1;
      addresses.add(address);
    },
    closed(address) {
      sockets -= 1;
      addresses.remove(address);
    },
    refusalOfUser(plane, identity) {
      if (plane !== 'live') return null;
      return users.get(userOf(identity)) < bounds.userConnectionsMax ? null : 'tooManyOfUser';
    },
    greeted(plane, identity) {
      if (plane === 'live') users.add(userOf(identity));
    },
    left(plane, identity) {
      if (plane === 'live') users.remove(userOf(identity));
    },
  };
}

/** A tenant has no slash, so no two pairs are the same text. */
function userOf({ tenant, subject }: Identity): string {
  return `${tenant}/${subject}`;
}
