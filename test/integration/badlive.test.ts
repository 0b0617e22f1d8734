/**
 * Bad topics beyond what badrequests.test.ts has: areas, event topics, what is another's; and what comes too early or
 * too fast.
 */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCodes, refusals } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { TokenClaims } from '../../src/server/token.ts';
import { openEngineTest } from '../support/enginetest.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';
import { openWitness, type Witness } from '../support/witness.ts';

let witness: Witness;

beforeAll(async () => {
  witness = await openWitness();
  // What there is to be reached for: a vehicle and a trip of each of two tenants.
  for (const tenant of ['default', 'acme']) {
    const name = tenant === 'acme' ? 'bus-acme' : 'bus-1';
    const event = { id: 'e-1', event: 'started', data: { by: 'test' }, subject: name };
    const socket = await witness.live('fleetwire.v1', { ...admin, tenant });
    socket.send([34, 1, 'publish', { ...event, topic: `trip:trip-of-${name}` }]);
    expect((await socket.nextOf(49))[1]).toBe(1);
    await socket.close();
  }
});

afterAll(() => witness.cleanup());

type Claims = Partial<TokenClaims>;

const admin: Claims = { sub: 'root', role: 'admin' };

describe('a topic', () => {
  it.each([
    '',
    ':',
    'Fleet',
    'weather:cork',
    'acme/fleet',
    'default/fleet',
    'fleet#json',
    '/system',
  ])('of no kind: %j', (topic) => witness.refused({}, [32, 1, topic], 'unknownTopic'));

  it.each([
    'fleet:',
    'fleet:acme',
    'emergency:acme',
    'vehicle',
    'vehicle:',
    'vehicle:acme/bus-acme',
    'vehicle:bus-1#json',
    'vehicle:*',
    `vehicle:${'x'.repeat(limits.vehicleIdBytesMax + 1)}`,
    'trip:',
    'trip:acme/trip-of-bus-acme',
    'notification:',
    'notification:acme/anna',
    'system:acme',
  ])('that is malformed: %j', (topic) => witness.refused({}, [32, 1, topic], 'badTopic'));

  it('longer than any may be', () =>
    witness.refused({}, [32, 1, 'x'.repeat(limits.topicBytesMax + 1)], 'malformedFrame'));

  it.each([
    'area',
    'area:',
    'area:1,2,3',
    'area:1,2,3,4,5',
    'area:1,2,3,north',
    'area:1, 2, 3, 4',
    'area:1,,3,4',
    'area:NaN,2,3,4',
    'area:1e1,2,3,4',
    'area:0x1,2,3,4',
    'area:1.12345678,2,3,4',
    'area:-181,2,3,4',
    'area:1,2,180.1,4',
    'area:1,-91,3,4',
    'area:1,2,3,90.5',
    'area:1,4,3,2',
    'area:acme/1,2,3,4',
  ])('that is no area: %j', (topic) => witness.refused({}, [32, 1, topic], 'badArea'));

  it('that is no area where there is one, which stays', async () => {
    const socket = await witness.live();
    socket.send([32, 1, 'area:-9,52,-8,53']);
    await socket.nextOf(49);
    await witness.counted('badArea', async () => {
      socket.send([32, 2, 'area:-9,53,-8,52']);
      expect((await socket.nextOf(50)).slice(1, 3)).toEqual([2, refusals.badArea.code]);
    });
    await witness.counted('malformedFrame', async () => {
      socket.send([32, 3, 'area:-9,52,-8,53', { minIntervalMs: -1 }]);
      expect((await socket.nextOf(50)).slice(1, 3)).toEqual([3, refusals.malformedFrame.code]);
    });
    // The witness is in it.
    expect((await socket.nextOf(52))[1]).toBe('area');
    socket.send([32, 4, 'area:-9,52,-8,53']);
    expect((await socket.nextOf(49))[2]).toMatchObject({ moved: true, snapshot: [] });
    await socket.close();
  });

  it('one more than a connection may have, where an area among them may still be moved', async () => {
    await witness.counted('tooManyTopics', async () => {
      const socket = await witness.live();
      const kinds = ['fleet', 'emergency', 'notification:anna', 'area:-9,52,-8,53'];
      for (let request = 1; request <= limits.topicsPerConnectionMax; request++) {
        socket.send([32, request, kinds[request - 1] ?? `vehicle:v${request}`]);
        expect((await socket.nextOf(49))[1]).toBe(request);
      }
      for (const topic of ['vehicle:one-more', 'trip:one-more']) {
        socket.send([32, 200, topic]);
        const { code, message } = refusals.tooManyTopics;
        expect(await socket.nextOf(50)).toEqual([50, 200, code, message, false]);
      }
      socket.send([32, 201, 'area:10,52,11,53']);
      expect((await socket.nextOf(49))[2]).toMatchObject({ moved: true });
      await socket.close();
    });
  });

  it.each([
    'yesterday',
    ['epoch'],
    [1, 2],
    ['epoch', -1],
    ['epoch', 1.5],
    ['epoch', '1'],
    ['epoch', null],
    { epoch: 'epoch', offset: 1 },
  ])('with a since of %j', (since) =>
    witness.refused({}, [32, 1, 'emergency', { since }], 'malformedFrame'),
  );

  it.each<[string, Claims, string]>([
    ['the notifications of another', {}, 'notification:bob'],
    ['the notifications of another, by an admin', admin, 'notification:anna'],
    ['the emergencies of all, by one who sees few', { vehicles: ['bus-1'] }, 'emergency'],
    ['another vehicle', { vehicles: ['bus-1'] }, 'vehicle:bus-10'],
    ['a fleet, by a driver', { role: 'driver' }, 'fleet'],
    ['an area, by a driver', { role: 'driver' }, 'area:-9,52,-8,53'],
    ['a trip that is not known', { vehicles: ['bus-1'] }, 'trip:no-such-trip'],
    ['a trip of another vehicle', { vehicles: ['bus-2'] }, 'trip:trip-of-bus-1'],
    ['a trip of another vehicle, by a driver', { role: 'driver' }, 'trip:trip-of-bus-1'],
    ['a trip of another tenant', { vehicles: ['bus-acme'] }, 'trip:trip-of-bus-acme'],
  ])('that is not for the token: %s', (_name, claims, topic) =>
    witness.refused(claims, [32, 1, topic], 'topicNotAllowed'),
  );

  it('that is for the token, beside those', async () => {
    const allowed: readonly [Claims, string][] = [
      [{ vehicles: ['bus-*'] }, 'trip:trip-of-bus-1'],
      [{ role: 'driver', sub: 'bus-1' }, 'trip:trip-of-bus-1'],
      [{ tenant: 'acme', vehicles: ['bus-acme'] }, 'trip:trip-of-bus-acme'],
    ];
    for (const [claims, topic] of allowed) {
      const socket = await witness.live('fleetwire.v1', claims);
      socket.send([32, 1, topic]);
      const [, , result] = await socket.nextOf(49);
      expect(result).toMatchObject({
        offset: 1,
        events: [[1, 'started', { by: 'test' }, expect.any(Number)]],
      });
      await socket.close();
    }
  });
});

describe('too fast and too early', () => {
  it.each<[string, (socket: TestSocket, request: number) => void]>([
    ['areas', (socket, request) => socket.send([32, request, `area:${request % 9},52,10,53`])],
    ['calls', (socket, request) => socket.send([34, request, 'presence', { vehicle: 'bus-1' }])],
    ['what cannot be read', (socket, request) => socket.send([77, request])],
  ])('a flood of %s closes', async (_name, send) => {
    await witness.counted('tooManyRequests', async () => {
      const closedBefore = await witness.closed('tooManyRequests');
      const socket = await witness.live();
      for (let request = 1; request <= limits.requestsBurstMax + 100; request++) {
        send(socket, request);
      }
      expect(await socket.closed).toEqual({
        code: closeCodes.tooManyRequests,
        reason: refusals.tooManyRequests.message,
      });
      expect(await witness.closed('tooManyRequests')).toBe(closedBefore + 1);
    });
  });

  it('a subscribe before the hello closes', async () => {
    // Keys that never come hold the hello back.
    const keys = createServer();
    keys.listen(0, '127.0.0.1');
    await once(keys, 'listening');
    const address = keys.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const test = await openEngineTest({
      FLEETWIRE_JWKS_URL: `http://127.0.0.1:${address.port}/keys`,
    });
    const counter = (name: string): Promise<number> => test.engine.counter(`fleetwire_${name}`);
    const { privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ role: 'viewer' })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
      .setSubject('anna')
      .setIssuer('fleetwire')
      .setAudience('fleetwire')
      .setExpirationTime('1h')
      .sign(privateKey);
    const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, { token });
    socket.send([32, 1, 'fleet']);
    expect(await socket.closed).toEqual({
      code: closeCodes.badRequest,
      reason: refusals.beforeHello.message,
    });
    await expect(socket.next()).rejects.toThrow('closed');
    expect(await counter('refused_total{reason="beforeHello"}')).toBe(1);
    expect(await counter('closed_total{code="badRequest"}')).toBe(1);
    expect(await counter('topics')).toBe(0);
    await test.cleanup();
    keys.close();
  });
});
