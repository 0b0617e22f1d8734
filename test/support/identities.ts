/** Identities for tests: a viewer of the default tenant, but for what a test is about. */
import type { Identity } from '../../src/identity.ts';

export function identityOf(changes: Partial<Identity> = {}): Identity {
  return {
    subject: 'anna',
    tenant: 'default',
    role: 'viewer',
    vehicles: null,
    issuer: 'fleetwire',
    tokenId: null,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    ...changes,
  };
}
