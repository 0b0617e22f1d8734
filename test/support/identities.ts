/** Identities for tests. */
import type { Identity } from '../../src/identity.ts';

export function identityOf(over: Partial<Identity> = {}): Identity {
  return {
    subject: 'anna',
    tenant: 'acme',
    role: 'viewer',
    vehicles: null,
    issuer: 'fleetwire',
    tokenId: null,
    expiresAtMs: 2_000_000_000_000,
    ...over,
  };
}
