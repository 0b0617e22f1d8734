/** Bad calls: of no known method, with bad parameters, of those who may not, and about what is another's. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCodes, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { TokenClaims } from '../../src/server/token.ts';
import { openWitness, type Witness } from '../support/witness.ts';

type Claims = Partial<TokenClaims>;

const admin: Claims = { sub: 'root', role: 'admin' };
const event = { id: 'e-1', event: 'started', data: { by: 'test' } };

let witness: Witness;

beforeAll(async () => {
  witness = await openWitness();
});

afterAll(() => witness.cleanup());

async function publish(claims: Claims, params: Record<string, unknown>): Promise<void> {
  const socket = await witness.live('fleetwire.v1', { ...admin, ...claims });
  socket.send([34, 1, 'publish', { ...event, ...params }]);
  expect((await socket.nextOf(49))[1]).toBe(1);
  await socket.close();
}

describe('a call', () => {
  const call = (claims: Claims, method: string, params: unknown, name: RefusalName) =>
    witness.refused(claims, [34, 1, method, params], name);

  it.each(['', 'Presence', 'explode', 'toString', 'constructor', '__proto__'])(
    'of no known method: %j',
    (method) => call(admin, method, null, 'unknownMethod'),
  );

  it.each<[string, unknown]>([
    ['presence', null],
    ['presence', 'bus-1'],
    ['presence', ['bus-1']],
    ['presence', {}],
    ['presence', { vehicle: 7 }],
    ['presence', { vehicle: 'acme/bus-acme' }],
    ['publish', null],
    ['publish', {}],
    ['publish', { ...event }],
    ['publish', { ...event, topic: 'weather' }],
    ['publish', { ...event, topic: 'acme/emergency' }],
    ['publish', { ...event, topic: 'notification:acme/anna' }],
    ['publish', { ...event, topic: 'vehicle:bus-1' }],
    ['publish', { ...event, topic: 'fleet' }],
    ['publish', { ...event, topic: 'area:-9,52,-8,53' }],
    ['publish', { ...event, topic: 'system' }],
    ['publish', { ...event, topic: 'emergency', id: '' }],
    ['publish', { ...event, topic: 'emergency', id: 'x'.repeat(129) }],
    ['publish', { ...event, topic: 'emergency', event: 7 }],
    ['publish', { ...event, topic: 'emergency', timeMs: -1 }],
    ['publish', { ...event, topic: 'emergency', timeMs: 'now' }],
    ['publish', { ...event, topic: 'emergency', subject: '' }],
    ['publish', { ...event, topic: 'emergency', subject: 'sos', isOpen: 1 }],
    ['publish', { ...event, topic: 'trip:trip-2' }],
    ['publish', { ...event, topic: 'trip:trip-2', subject: 'acme/bus-acme' }],
    ['revoke', null],
    ['revoke', {}],
    ['revoke', { tokenId: 7 }],
    ['revoke', { tokenId: '' }],
    ['revoke', { tokenId: 'x'.repeat(129) }],
    ['revoke', { tokenId: 'token', issuer: 7 }],
    ['revoke', { tokenId: 'token', expiresAtMs: -1 }],
    ['revoke', { tokenId: 'token', expiresAtMs: 'never' }],
  ])('of %s with %j', (method, params) => call(admin, method, params, 'badParams'));

  it.each<[string, Claims, string, unknown]>([
    ['a viewer publishes', {}, 'publish', { ...event, topic: 'emergency' }],
    ['a driver publishes', { role: 'driver' }, 'publish', { ...event, topic: 'emergency' }],
    ['a dispatcher publishes', { role: 'dispatcher' }, 'publish', { ...event, topic: 'emergency' }],
    ['a viewer revokes', {}, 'revoke', { tokenId: 'token' }],
    ['a dispatcher revokes', { role: 'dispatcher' }, 'revoke', { tokenId: 'token' }],
    ['a service revokes', { role: 'service' }, 'revoke', { tokenId: 'token' }],
    ['one who may not publish, whatever it says', {}, 'publish', null],
    [
      'an admin of few vehicles publishes for all',
      { ...admin, vehicles: ['bus-1'] },
      'publish',
      { ...event, topic: 'emergency' },
    ],
    [
      'a service of few vehicles publishes of another',
      { role: 'service', vehicles: ['bus-1'] },
      'publish',
      { ...event, topic: 'trip:trip-2', subject: 'bus-2' },
    ],
    ['presence of a vehicle not named', { vehicles: ['bus-1'] }, 'presence', { vehicle: 'bus-2' }],
    ['presence, by a driver of another', { role: 'driver' }, 'presence', { vehicle: 'bus-1' }],
  ])('that the token does not allow: %s', (_name, claims, method, params) =>
    call(claims, method, params, 'callNotAllowed'),
  );

  it('for a vehicle that is unknown, or known in another tenant only', async () => {
    const device = await witness.ingest('bus-known');
    device.send([1, 1, Date.now(), [[0, 526_000_000, -86_000_000]]]);
    await device.nextOf(17);
    await call({}, 'presence', { vehicle: 'bus-unknown' }, 'unknownVehicle');
    // The tenant that a client says counts for nothing.
    const params = { vehicle: 'bus-known', tenant: 'default' };
    await call({ tenant: 'acme' }, 'presence', params, 'unknownVehicle');
    await device.close();
  });

  it.each<[string, Record<string, unknown>]>([
    ['larger than one may be', { data: 'x'.repeat(limits.eventBytesMax) }],
    ['of a time that no database has', { timeMs: Number.MAX_SAFE_INTEGER }],
  ])('that publishes an event %s', async (_name, params) => {
    await call(admin, 'publish', { ...event, topic: 'emergency', ...params }, 'badEvent');
    const socket = await witness.live();
    socket.send([32, 1, 'emergency']);
    expect((await socket.nextOf(49))[2]).toMatchObject({ offset: 0, events: [] });
    await socket.close();
  });

  it('that publishes to another tenant reaches the own one only', async () => {
    const theirs = await witness.live('fleetwire.v1', { tenant: 'acme' });
    theirs.send([32, 1, 'notification:anna']);
    await theirs.nextOf(49);
    const mine = await witness.live();
    mine.send([32, 1, 'notification:anna']);
    await mine.nextOf(49);
    await publish({}, { topic: 'notification:anna', tenant: 'acme' });
    expect((await mine.nextOf(51)).slice(1, 4)).toEqual(['notification:anna', 1, 'started']);
    await publish({ tenant: 'acme' }, { topic: 'notification:anna', id: 'e-2', event: 'ended' });
    expect((await theirs.nextOf(51)).slice(1, 4)).toEqual(['notification:anna', 1, 'ended']);
    await Promise.all([mine.close(), theirs.close()]);
  });

  it('that revokes reaches tokens of the own tenant only', async () => {
    const theirs = await witness.live('fleetwire.v1', { tenant: 'acme', tokenId: 'same-id' });
    const mine = await witness.live('fleetwire.v1', { tokenId: 'same-id' });
    const root = await witness.live('fleetwire.v1', admin);
    root.send([34, 1, 'revoke', { tokenId: 'same-id', tenant: 'acme' }]);
    expect(await root.nextOf(49)).toEqual([49, 1, null]);
    expect((await mine.closed).code).toBe(closeCodes.invalidToken);
    theirs.send([32, 1, 'fleet']);
    expect((await theirs.nextOf(49))[1]).toBe(1);
    await Promise.all([theirs.close(), root.close()]);
  });
});
