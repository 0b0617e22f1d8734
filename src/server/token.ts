/**
 * Signs HS256 tokens: for `fleetwire token`, the demo and tests; production has its own issuer.
 * Invariant: every token has `typ`, `iss`, `aud`, `sub` and `exp`, as the verifier asks.
 * Bound: a token lives as long as its caller says; there is none that lives for ever.
 */
import { SignJWT } from 'jose';
import type { Role } from '../identity.ts';

export interface TokenClaims {
  readonly sub: string;
  readonly role: Role;
  readonly tenant?: string;
  readonly vehicles?: readonly string[];
  /** The `jti`, by which it can be revoked. */
  readonly tokenId?: string;
  readonly issuer: string;
  readonly audience: string;
  readonly ttlS: number;
}

/** A compact JWT for `claims`, signed with `secret`. */
export function signToken(secret: Uint8Array, claims: TokenClaims): Promise<string> {
  const { sub, role, tenant, vehicles, tokenId, issuer, audience, ttlS } = claims;
  return new SignJWT({
    role,
    ...(tenant === undefined ? {} : { tenant }),
    ...(vehicles === undefined ? {} : { vehicles }),
    ...(tokenId === undefined ? {} : { jti: tokenId }),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(sub)
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + ttlS * 1_000))
    .sign(secret);
}
