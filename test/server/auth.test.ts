/** Tokens verified by the keys of a JWKS, fetched from a real HTTP server. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterEach, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createVerifier } from '../../src/server/auth.ts';

let server: Server | null = null;

afterEach(async () => {
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  server = null;
});

async function serveKeys(keys: readonly JWK[]): Promise<string> {
  server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').setHeader('connection', 'close');
    response.end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
}

function sign(
  alg: string,
  key: CryptoKey | Uint8Array,
  claims: Record<string, unknown> & { readonly sub?: string } = {},
): Promise<string> {
  return new SignJWT({ role: 'device', tenant: 'acme', vehicles: ['bus-*'], ...claims })
    .setProtectedHeader({ alg, typ: 'JWT', kid: 'key-1' })
    .setSubject(claims.sub ?? 'veh-1')
    .setIssuer('fleetwire')
    .setAudience('fleetwire')
    .setExpirationTime('1h')
    .sign(key);
}

describe('a JWKS', () => {
  it.each(['ES256', 'EdDSA', 'RS256'])('verifies %s', async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const url = await serveKeys([{ ...(await exportJWK(publicKey)), kid: 'key-1', alg }]);
    const verify = createVerifier(readConfig({ FLEETWIRE_JWKS_URL: url }), new Uint8Array());
    expect(await verify(await sign(alg, privateKey))).toMatchObject({
      identity: { subject: 'veh-1', tenant: 'acme', role: 'device', vehicles: ['bus-*'] },
    });
    const stranger = await generateKeyPair(alg);
    expect(await verify(await sign(alg, stranger.privateKey))).toEqual({
      refused: 'tokenSignature',
    });
  });

  it('does not take its public key for a secret', async () => {
    const { publicKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'ES256' };
    const verify = createVerifier(
      readConfig({ FLEETWIRE_JWKS_URL: await serveKeys([jwk]) }),
      new Uint8Array(),
    );
    const forged = await sign('HS256', new TextEncoder().encode(JSON.stringify(jwk)));
    expect(await verify(forged)).toEqual({ refused: 'tokenAlgorithm' });
  });

  it('that cannot be fetched is a temporary refusal', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const url = await serveKeys([]);
    await new Promise((resolve) => server?.close(resolve));
    server = null;
    const verify = createVerifier(readConfig({ FLEETWIRE_JWKS_URL: url }), new Uint8Array());
    expect(await verify(await sign('ES256', privateKey))).toEqual({
      refused: 'tokenKeysUnavailable',
    });
  });

  it('claims of the wrong shape are refused', async () => {
    const secret = new TextEncoder().encode('a-secret-that-only-the-tests-use');
    const config = readConfig({ FLEETWIRE_JWT_SECRET: new TextDecoder().decode(secret) });
    const verify = createVerifier(config, secret);
    const tooMany = Array.from({ length: config.bounds.tokenVehiclesMax + 1 }, (_, i) => `${i}`);
    for (const claims of [
      { role: 'root' },
      { role: 5 },
      { tenant: 'A' },
      { tenant: 'a/b' },
      { vehicles: 'bus-1' },
      { vehicles: ['a/b'] },
      { vehicles: ['**'] },
      { jti: 5 },
      { jti: '' },
      { jti: 'a\0b' },
      { sub: 'a\0b', role: 'viewer' },
      { sub: 'a\uD800', role: 'viewer' },
    ]) {
      expect(await verify(await sign('HS256', secret, claims))).toEqual({ refused: 'tokenClaims' });
    }
    // So many ids make the token larger than it may be, and that is found first.
    expect(await verify(await sign('HS256', secret, { vehicles: tooMany }))).toMatchObject({
      refused: expect.stringMatching(/tokenClaims|tokenMalformed/) as string,
    });
  });
});
