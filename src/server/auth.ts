/**
 * Tokens to identities, by jose with every check spelled out.
 * Invariant: an identity exists only for a token whose signature, algorithm, type, issuer, audience and
 * expiry hold; each way to fail has its own code, and none of them is thrown.
 * Bound: `tokenBytesMax` and `tokenVehiclesMax`; keys of a JWKS are cached by jose.
 */
import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyOptions,
} from 'jose';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { RefusalName } from '../errors.ts';
import {
  defaultTenant,
  isStorable,
  isTenant,
  isVehicleId,
  isVehiclePattern,
  roles,
  type Identity,
} from '../identity.ts';

/** An identity, or why there is none. */
export type Verdict = { readonly identity: Identity } | { readonly refused: RefusalName };
export type Verify = (token: string | null) => Promise<Verdict>;

/** What a JWKS may sign with: asymmetric only, so that a public key is never taken for a secret. */
const jwksAlgorithms = ['ES256', 'EdDSA', 'RS256'];

/** The verifier for this configuration; `secret` is used where no JWKS is configured. */
export function createVerifier(config: Config, secret: Uint8Array): Verify {
  const { tokenBytesMax, tokenVehiclesMax, clockToleranceS } = config.bounds;
  const options: JWTVerifyOptions = {
    algorithms: config.jwksUrl === null ? ['HS256'] : jwksAlgorithms,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    typ: 'JWT',
    clockTolerance: clockToleranceS,
    requiredClaims: ['iss', 'aud', 'exp', 'sub'],
  };
  const jwks = config.jwksUrl === null ? null : createRemoteJWKSet(new URL(config.jwksUrl));
  const claims = claimsSchema(tokenVehiclesMax);

  return async (token) => {
    if (token === null || token === '') return { refused: 'tokenMissing' };
    if (token.length > tokenBytesMax) return { refused: 'tokenMalformed' };
    try {
      const { payload } = await (jwks === null
        ? jwtVerify(token, secret, options)
        : jwtVerify(token, jwks, options));
      return identityOf(payload, claims);
    } catch (error) {
      return { refused: refusalOf(error) };
    }
  };
}

function claimsSchema(vehiclesMax: number) {
  return z.object({
    iss: z.string(),
    sub: z.string().min(1).max(128).refine(isStorable),
    exp: z.number(),
    jti: z.string().min(1).max(128).refine(isStorable).optional(),
    role: z.enum(roles),
    tenant: z.string().refine(isTenant).default(defaultTenant),
    vehicles: z.array(z.string().refine(isVehiclePattern)).max(vehiclesMax).optional(),
  });
}

function identityOf(payload: JWTPayload, schema: ReturnType<typeof claimsSchema>): Verdict {
  const parsed = schema.safeParse(payload);
  if (!parsed.success) return { refused: 'tokenClaims' };
  const { sub, role, tenant, vehicles, iss, jti, exp } = parsed.data;
  if (role === 'device' && !isVehicleId(sub)) return { refused: 'tokenClaims' };
  return {
    identity: {
      subject: sub,
      tenant,
      role,
      vehicles: vehicles ?? null,
      issuer: iss,
      tokenId: jti ?? null,
      expiresAtMs: exp * 1_000,
    },
  };
}

const refusalOfClaim: Readonly<Record<string, RefusalName>> = {
  iss: 'tokenIssuer',
  aud: 'tokenAudience',
  nbf: 'tokenNotYetValid',
  typ: 'tokenType',
};

function refusalOf(error: unknown): RefusalName {
  if (error instanceof errors.JWTExpired) return 'tokenExpired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.reason === 'missing'
      ? 'tokenClaims'
      : (refusalOfClaim[error.claim] ?? 'tokenClaims');
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'tokenAlgorithm';
  if (error instanceof errors.JOSENotSupported) return 'tokenAlgorithm';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'tokenSignature';
  if (error instanceof errors.JWKSNoMatchingKey) return 'tokenSignature';
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return 'tokenMalformed';
  }
  // What is left is about fetching keys: the token may be good, so the client may come back.
  return 'tokenKeysUnavailable';
}
