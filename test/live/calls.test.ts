/** Calls, and what is told of states: tables over a whole live plane. */
import { describe, expect, it } from 'vitest';
import { refusals, type RefusalName } from '../../src/errors.ts';
import type { Role } from '../../src/identity.ts';
import { limits } from '../../src/limits.ts';
import type { PlainMap } from '../../src/wire/types.ts';
import { identityOf } from '../support/identities.ts';
import { createTestPlane, type TestPlane } from './plane.ts';

const raised = { topic: 'emergency', id: 'e1', event: 'raised', subject: 'e1', isOpen: true };

/** What a call was answered with. */
async function ask(
  test: TestPlane,
  role: Role,
  method: string,
  params: unknown,
  claims: object = {},
): Promise<unknown[] | undefined> {
  const caller = test.connect(identityOf({ subject: 'carl', role, ...claims }), 'json');
  caller.send([34, 7, method, params]);
  // A revocation is answered when it is stored.
  await Promise.resolve();
  caller.subscriber.gone();
  return caller.answer(7);
}

describe('calls', () => {
  it.each<[string, Role, unknown, RefusalName]>([
    ['explode', 'admin', null, 'unknownMethod'],
    ['presence', 'viewer', null, 'badParams'],
    ['presence', 'viewer', [], 'badParams'],
    ['presence', 'viewer', { vehicle: 7 }, 'badParams'],
    ['presence', 'viewer', { vehicle: '../x' }, 'badParams'],
    ['presence', 'viewer', { vehicle: 'nobody' }, 'unknownVehicle'],
    ['presence', 'viewer', { vehicle: 'of-acme' }, 'unknownVehicle'],
    ['presence', 'driver', { vehicle: 'bus-1' }, 'callNotAllowed'],
    ['publish', 'viewer', raised, 'callNotAllowed'],
    ['publish', 'dispatcher', raised, 'callNotAllowed'],
    ['publish', 'service', null, 'badParams'],
    ['publish', 'service', { ...raised, topic: 'fleet' }, 'badParams'],
    ['publish', 'service', { ...raised, topic: 'vehicle:bus-1' }, 'badParams'],
    ['publish', 'service', { ...raised, topic: 'acme/emergency' }, 'badParams'],
    ['publish', 'service', { ...raised, topic: 5 }, 'badParams'],
    ['publish', 'service', { ...raised, id: '' }, 'badParams'],
    ['publish', 'service', { ...raised, id: 'x'.repeat(129) }, 'badParams'],
    ['publish', 'service', { ...raised, event: null }, 'badParams'],
    ['publish', 'service', { ...raised, timeMs: -1 }, 'badParams'],
    ['publish', 'service', { ...raised, timeMs: 1.5 }, 'badParams'],
    ['publish', 'service', { ...raised, subject: 1 }, 'badParams'],
    ['publish', 'service', { ...raised, isOpen: 'yes' }, 'badParams'],
    ['publish', 'service', { ...raised, topic: 'trip:t1', subject: null }, 'badParams'],
    ['publish', 'service', { ...raised, topic: 'trip:t1', subject: 'a/b' }, 'badParams'],
    ['publish', 'service', { ...raised, data: 'x'.repeat(limits.eventBytesMax) }, 'badEvent'],
    ['revoke', 'service', { tokenId: 't' }, 'callNotAllowed'],
    ['revoke', 'admin', {}, 'badParams'],
    ['revoke', 'admin', { tokenId: 't', issuer: 5 }, 'badParams'],
    ['revoke', 'admin', { tokenId: 't', expiresAtMs: 'soon' }, 'badParams'],
  ])('%s by %s with %j is %s', async (method, role, params, refused) => {
    const test = createTestPlane();
    test.move('default', 'bus-1', {});
    test.move('acme', 'of-acme', {});
    const answer = await ask(test, role, method, params);
    expect(answer?.slice(0, 3)).toEqual([50, 7, refusals[refused].code]);
    expect(test.plane.metrics.refused[refused]).toBe(1);
    expect(test.revoked).toEqual([]);
    test.stop();
  });

  it('publish gives an event its place, once for each id, in the caller tenant', async () => {
    const test = createTestPlane();
    const events = { epoch: 'events' };
    const publish = (params: object, claims: object = {}) =>
      ask(test, 'service', 'publish', { ...raised, ...params }, claims);
    expect(await publish({})).toEqual([49, 7, { ...events, offset: 1, isRepeat: false }]);
    expect(await publish({})).toEqual([49, 7, { ...events, offset: 1, isRepeat: true }]);
    expect(await publish({ id: 'e2' })).toEqual([49, 7, { ...events, offset: 2, isRepeat: false }]);
    const other = await publish({}, { tenant: 'acme' });
    expect(other).toEqual([49, 7, { ...events, offset: 1, isRepeat: false }]);
    test.stop();
  });

  it('publish of a token with vehicles is about trips of these only', async () => {
    const test = createTestPlane();
    const publish = async (params: object) =>
      (
        await ask(test, 'service', 'publish', { ...raised, ...params }, { vehicles: ['bus-*'] })
      )?.[0];
    expect(await publish({ topic: 'trip:t1', subject: 'bus-1' })).toBe(49);
    expect(await publish({ topic: 'trip:t1', subject: 'van-1' })).toBe(50);
    expect(await publish({})).toBe(50);
    test.stop();
  });

  it('revoke is about tokens of the caller tenant', async () => {
    const test = createTestPlane();
    const token = { tokenId: 't1', expiresAtMs: 5 };
    expect(await ask(test, 'admin', 'revoke', token, { tenant: 'acme' })).toEqual([49, 7, null]);
    expect(test.revoked).toEqual(['acme/t1']);
    test.stop();
  });
});

describe('states', () => {
  it('tell the summary of a fleet and the presence of a vehicle to those who listen', async () => {
    const test = createTestPlane();
    const link = { report: () => undefined };
    test.plane.presence.connected(
      test.move('default', 'a', { speedCms: limits.movingSpeedCms }),
      link,
    );
    test.plane.presence.connected(test.move('default', 'b', { speedCms: 0 }), link);
    test.move('default', 'c', { speedCms: 2_000 });
    test.move('acme', 'd', { speedCms: 2_000 });
    await ask(test, 'service', 'publish', raised);
    const viewer = test.connect(identityOf({}), 'json');
    viewer.send([32, 1, 'fleet']);
    viewer.send([32, 2, 'vehicle:a']);
    test.clock.advance(limits.summaryIntervalMs);
    const states = (): unknown[] => viewer.received.filter(([type]) => type === 51);
    const summary: PlainMap = { moving: 1, idle: 1, offline: 1, emergency: 1 };
    expect(states()).toEqual([
      [51, 'vehicle:a', 0, 'presence', expect.objectContaining({ state: 'online', watchers: 1 })],
      [51, 'fleet', 0, 'summary', summary],
    ]);
    // Who comes later need not wait for it.
    const later = test.connect(identityOf({}));
    later.send([32, 1, 'fleet']);
    expect(later.received.at(-1)).toEqual([51, 'fleet', 0, 'summary', summary]);
    const vehicle = test.plane.vehicles.find('default', 'a');
    if (vehicle !== null) test.plane.presence.disconnected(vehicle, link, 'connection lost');
    expect((states().at(-1) as unknown[])[4]).toMatchObject({
      state: 'offline',
      reason: 'connection lost',
    });
    test.stop();
  });

  it('tell the figures every second, while somebody listens', () => {
    const test = createTestPlane();
    const admin = test.connect(identityOf({ role: 'admin' }));
    admin.send([32, 1, 'system']);
    test.clock.advance(2 * limits.figuresIntervalMs);
    const figures = [51, 'system', 0, 'figures', { connections: 1 }];
    expect(admin.received.slice(1)).toEqual([figures, figures, figures]);
    admin.send([33, 2, 'system']);
    test.clock.advance(limits.figuresIntervalMs);
    expect(admin.received).toHaveLength(5);
    expect(test.plane.states.figuresListeners.size).toBe(0);
    test.stop();
  });
});
