/** Bad tokens, paths, methods and subprotocols. */
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCodes, refusals, type CloseName, type RefusalName } from '../../src/errors.ts';
import { testSecret, testToken } from '../support/engine.ts';
import { openSocket, refusedUpgrade } from '../support/socket.ts';
import { openWitness, type Witness } from '../support/witness.ts';

const good = [0, 526_000_000, -86_000_000];

let witness: Witness;

beforeAll(async () => {
  witness = await openWitness();
});

afterAll(() => witness.cleanup());

describe('tokens', () => {
  const sign = (
    change: (jwt: SignJWT) => SignJWT,
    header: Record<string, string> = {},
  ): Promise<string> =>
    change(
      new SignJWT({ role: 'device' })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...header })
        .setSubject('veh-token')
        .setIssuer('fleetwire')
        .setAudience('fleetwire')
        .setExpirationTime('1h'),
    ).sign(testSecret);

  const unsecured = new UnsecuredJWT({ role: 'admin' })
    .setSubject('veh-token')
    .setIssuer('fleetwire')
    .setAudience('fleetwire')
    .setExpirationTime('1h')
    .encode();

  it.each<[string, () => Promise<string | undefined>, RefusalName, CloseName]>([
    ['missing', () => Promise.resolve(undefined), 'tokenMissing', 'invalidToken'],
    ['no JWT', () => Promise.resolve('abc'), 'tokenMalformed', 'invalidToken'],
    ['alg none', () => Promise.resolve(unsecured), 'tokenAlgorithm', 'invalidToken'],
    [
      'another secret',
      async () => `${(await sign((j) => j)).slice(0, -4)}AAAA`,
      'tokenSignature',
      'invalidToken',
    ],
    ['expired', () => sign((j) => j.setExpirationTime('-1h')), 'tokenExpired', 'tokenExpired'],
    ['not yet valid', () => sign((j) => j.setNotBefore('1h')), 'tokenNotYetValid', 'invalidToken'],
    ['another audience', () => sign((j) => j.setAudience('else')), 'tokenAudience', 'invalidToken'],
    ['another issuer', () => sign((j) => j.setIssuer('else')), 'tokenIssuer', 'invalidToken'],
    ['another typ', () => sign((j) => j, { typ: 'at+jwt' }), 'tokenType', 'invalidToken'],
    ['no exp', () => withoutExpiry(), 'tokenClaims', 'invalidToken'],
    [
      'an unknown role',
      () => testToken({ sub: 'x', role: 'king' as 'admin' }),
      'tokenClaims',
      'invalidToken',
    ],
    [
      'a sub that is no vehicle id',
      () => testToken({ sub: 'a/b', role: 'device' }),
      'tokenClaims',
      'invalidToken',
    ],
    [
      'a bad tenant',
      () => testToken({ sub: 'a', role: 'device', tenant: 'A/b' }),
      'tokenClaims',
      'invalidToken',
    ],
    [
      'a viewer',
      () => testToken({ sub: 'anna', role: 'viewer' }),
      'roleNotAllowed',
      'permissionDenied',
    ],
  ])('%s', async (_name, token, refused, closing) => {
    await witness.counted(refused, async () => {
      const closedBefore = await witness.closed(closing);
      const value = await token();
      const socket = await openSocket(
        `${witness.test.engine.wsUrl}/v1/ingest`,
        value === undefined ? {} : { token: value },
      );
      expect(await socket.closed).toEqual({
        code: closeCodes[closing],
        reason: refusals[refused].message,
      });
      expect(await witness.closed(closing)).toBe(closedBefore + 1);
    });
  });

  it('signed with an algorithm that is not allowed', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ role: 'device' })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
      .setSubject('veh-token')
      .setIssuer('fleetwire')
      .setAudience('fleetwire')
      .setExpirationTime('1h')
      .sign(privateKey);
    await witness.counted('tokenAlgorithm', async () => {
      const socket = await openSocket(`${witness.test.engine.wsUrl}/v1/ingest`, { token });
      expect((await socket.closed).code).toBe(closeCodes.invalidToken);
    });
  });

  it('a device on the subscriber plane', async () => {
    const token = await testToken({ sub: 'veh-1', role: 'device' });
    const socket = await openSocket(`${witness.test.engine.wsUrl}/v1/live`, { token });
    expect((await socket.closed).code).toBe(closeCodes.permissionDenied);
  });

  it('in the Authorization header, without a subprotocol', async () => {
    const token = await testToken({ sub: 'veh-header', role: 'device' });
    const socket = await openSocket(`${witness.test.engine.wsUrl}/v1/ingest`, {
      token,
      header: true,
      protocols: [],
    });
    expect(await socket.nextOf(16)).toHaveLength(2);
    await socket.close();
  });

  it('refreshed for the same subject goes on, for another closes', async () => {
    const socket = await witness.ingest('veh-refresh');
    socket.send([9, await testToken({ sub: 'veh-refresh', role: 'device' })]);
    socket.send([1, 1, Date.now(), [good]]);
    expect((await socket.nextOf(17))[1]).toBe(1);
    socket.send([9, await testToken({ sub: 'veh-else', role: 'device' })]);
    expect(await socket.closed).toEqual({
      code: closeCodes.invalidToken,
      reason: refusals.tokenOfAnother.message,
    });
  });

  async function withoutExpiry(): Promise<string> {
    return new SignJWT({ role: 'device' })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject('veh-token')
      .setIssuer('fleetwire')
      .setAudience('fleetwire')
      .sign(testSecret);
  }
});

describe('HTTP', () => {
  it.each<[string, string, number, RefusalName]>([
    ['GET', '/nowhere', 404, 'notFound'],
    ['GET', '/v1/ingest/more', 404, 'notFound'],
    ['POST', '/healthz', 405, 'methodNotAllowed'],
    ['DELETE', '/v1/live', 405, 'methodNotAllowed'],
    ['GET', '/v1/ingest', 426, 'upgradeRequired'],
  ])('%s %s', async (method, path, status, refused) => {
    await witness.counted(refused, async () => {
      const response = await fetch(`${witness.test.engine.url}${path}`, { method });
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({
        error: refused,
        ...refusals[refused],
        temporary: false,
      });
    });
  });

  it('health and readiness', async () => {
    expect(await (await fetch(`${witness.test.engine.url}/healthz`)).text()).toBe('ok\n');
    expect(await (await fetch(`${witness.test.engine.url}/readyz`)).text()).toBe('ready\n');
    expect((await fetch(`${witness.test.engine.url}/healthz`, { method: 'HEAD' })).status).toBe(
      200,
    );
  });

  it('an unknown subprotocol, or JSON on the device plane', async () => {
    await witness.counted('subprotocolUnknown', async () => {
      const token = await testToken({ sub: 'veh-1', role: 'device' });
      const url = `${witness.test.engine.wsUrl}/v1/ingest`;
      expect(await refusedUpgrade(url, { token, protocols: ['mqtt'] })).toContain('400');
      expect(await refusedUpgrade(url, { token, protocols: ['fleetwire.v1.json'] })).toContain(
        '400',
      );
    });
  });
});
