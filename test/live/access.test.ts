/**
 * Access control: what each role of each tenant gets of each topic, held against rules that are written down
 * here once more, in another form than the engine's table.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusals } from '../../src/errors.ts';
import { roles, type Identity, type Role } from '../../src/identity.ts';
import { limits } from '../../src/limits.ts';
import { mayManage, methods, type Method } from '../../src/live/access.ts';
import { identityOf } from '../support/identities.ts';
import { createTestPlane, type TestPlane, type TestSubscriber } from './plane.ts';

const tenants = ['default', 'acme', 'acme-b'];
const vehicleIds = ['v1', 'bus-1', 'bus-2'];
const users = ['anna', 'v1', 'bus-1'];
const topics = [
  ...vehicleIds.map((id) => `vehicle:${id}`),
  ...vehicleIds.map((id) => `trip:of-${id}`),
  ...users.map((user) => `notification:${user}`),
  'fleet',
  'area:-9,52,-8,53',
  'emergency',
  'system',
];

const matches = (patterns: readonly string[], id: string): boolean =>
  patterns.some((pattern) => pattern === id || (pattern === 'bus-*' && id.startsWith('bus-')));

function sees({ role, vehicles, subject }: Identity, id: string): boolean {
  if (role === 'device') return false;
  if (vehicles !== null) return matches(vehicles, id);
  return role !== 'driver' || id === subject;
}

function may(identity: Identity, topic: string): boolean {
  const { role, tenant, subject, vehicles } = identity;
  const [kind, name = ''] = topic.split(':');
  if (role === 'device') return false;
  if (kind === 'vehicle') return sees(identity, name);
  if (kind === 'trip') return sees(identity, name.slice('of-'.length));
  if (kind === 'notification') return name === subject;
  if (role === 'driver') return false;
  if (kind === 'emergency') return vehicles === null;
  if (kind === 'system') return role === 'admin' && tenant === 'default' && vehicles === null;
  return true;
}

const identity: fc.Arbitrary<Identity> = fc
  .record({
    tenant: fc.constantFrom(...tenants),
    role: fc.constantFrom(...roles),
    subject: fc.constantFrom(...users),
    vehicles: fc.constantFrom(null, ['bus-*'], ['v1'], ['v1', 'bus-2'], []),
  })
  .map(identityOf);

/** Something on every topic of every tenant; the altitude, or the data, says of which. */
function happen(test: TestPlane, round: number): void {
  test.clock.advance(limits.tickMs);
  for (const [index, tenant] of tenants.entries()) {
    const service = test.connect(identityOf({ tenant, role: 'service', subject: 'back' }));
    for (const id of vehicleIds) {
      test.move(tenant, id, { latE7: 525_000_000, lonE7: -85_000_000, altitudeDm: index });
      service.send([34, 1, 'publish', publication(`trip:of-${id}`, id, tenant, round)]);
    }
    for (const topic of [...users.map((user) => `notification:${user}`), 'emergency']) {
      service.send([34, 1, 'publish', publication(topic, `x${round}`, tenant, round)]);
    }
    service.subscriber.gone();
  }
  test.clock.advance(Math.max(limits.summaryIntervalMs, limits.figuresIntervalMs));
}

function publication(topic: string, subject: string, tenant: string, round: number) {
  // Of trips, also the positions of their vehicles.
  const data = topic.startsWith('trip') ? { tenant, state: 'running' } : { tenant };
  return { topic, id: `e${round}`, event: 'told', data, subject, isOpen: true };
}

interface Seen {
  readonly tenants: Set<string>;
  readonly topics: Set<string>;
  readonly vehicles: Set<string>;
}

/** Every tenant, topic and vehicle that something was received of, answers included. */
function seenBy({ received }: TestSubscriber): Seen {
  const seen: Seen = { tenants: new Set(), topics: new Set(), vehicles: new Set() };
  const position = (values: unknown): void => {
    const [vehicle, , , , , , altitudeDm] = values as [string, ...number[]];
    seen.vehicles.add(vehicle);
    seen.tenants.add(tenants[altitudeDm as number] as string);
  };
  const told = (data: unknown): void => {
    seen.tenants.add((data as { tenant: string }).tenant);
  };
  for (const frame of received) {
    if (frame[0] === 49) {
      const { snapshot, events = [] } = frame[2] as { snapshot: unknown[]; events?: unknown[][] };
      snapshot.forEach(position);
      for (const [, , data] of events) told(data);
    } else if (frame[0] === 52) {
      seen.topics.add(frame[1] as string);
      (frame[2] as unknown[]).forEach(position);
    } else if (frame[0] === 51) {
      seen.topics.add(frame[1] as string);
      if (frame[3] === 'told') told(frame[4]);
    }
  }
  return seen;
}

describe('access', () => {
  it('of every tenant, role and topic is what the rules say, and nothing of another tenant', () => {
    fc.assert(
      fc.property(
        fc.array(identity, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('messagepack' as const, 'json' as const),
        (identities, codec) => {
          const test = createTestPlane();
          happen(test, 1);
          const subscribers = identities.map((who) => ({ who, socket: test.connect(who, codec) }));
          for (const { who, socket } of subscribers) {
            topics.forEach((topic, index) => socket.send([32, index + 1, topic]));
            topics.forEach((topic, index) => {
              const answer = socket.answer(index + 1);
              expect([topic, answer?.[0]]).toEqual([topic, may(who, topic) ? 49 : 50]);
              if (!may(who, topic)) expect(answer?.[2]).toBe(refusals.topicNotAllowed.code);
            });
          }
          happen(test, 2);
          for (const { who, socket } of subscribers) {
            const seen = seenBy(socket);
            const allowed = topics.filter((topic) => may(who, topic));
            const expected = allowed.filter(
              (topic) => !/^(fleet|area)/.test(topic) || vehicleIds.some((id) => sees(who, id)),
            );
            const texts = expected.map((topic) => topic.replace(/^area:.*/, 'area'));
            // A summary goes to those only who see the whole fleet.
            expect([...seen.topics].toSorted()).toEqual(texts.toSorted());
            const isEmpty = expected.every((topic) => topic === 'system');
            expect([...seen.tenants]).toEqual(isEmpty ? [] : [who.tenant]);
            for (const vehicle of seen.vehicles) expect(sees(who, vehicle)).toBe(true);
            socket.subscriber.gone();
          }
          expect(test.nativeTopics).toBe(0);
          expect(test.plane.audiences.topics).toBe(0);
          test.stop();
          expect(test.clock.timers).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('follows a token that is refreshed', () => {
    fc.assert(
      fc.property(identity, fc.constantFrom(null, ['bus-*'], ['v1'], []), (who, vehicles) => {
        const test = createTestPlane();
        happen(test, 1);
        const socket = test.connect(who);
        topics.forEach((topic, index) => socket.send([32, index + 1, topic]));
        const before = topics.filter((topic) => may(who, topic));
        const now = { ...who, vehicles };
        socket.become({ vehicles });
        const ended = socket.received
          .filter(([type]) => type === 54)
          .map(([, topic]) => String(topic));
        const expected = before.filter((topic) => !may(now, topic));
        expect(ended.toSorted()).toEqual(expected.toSorted());
        socket.received.length = 0;
        happen(test, 2);
        const seen = seenBy(socket);
        for (const vehicle of seen.vehicles) expect(sees(now, vehicle)).toBe(true);
        for (const topic of seen.topics) {
          expect(may(now, topic === 'area' ? 'area:-9,52,-8,53' : topic)).toBe(true);
        }
        socket.subscriber.gone();
        expect(test.nativeTopics).toBe(0);
        test.stop();
      }),
    );
  });
});

/** Who may call what, written down once more. */
function mayAsk(role: Role, method: Method): boolean {
  const [kind, verb = ''] = method.split('.');
  if (role === 'device') return false;
  if (kind === 'presence' || kind === 'replay') return true;
  if (kind === 'publish') return role === 'admin' || role === 'service';
  if (kind === 'revoke') return role === 'admin';
  if (verb === 'read' || verb === 'readAll') return true;
  if (role === 'viewer') return false;
  if (role !== 'driver') return true;
  return kind === 'trip' || method === 'emergency.raise' || method === 'emergency.note';
}

describe('calls', () => {
  it.each(roles)('of a %s are what the rules say', (role) => {
    const test = createTestPlane();
    const socket = test.connect(identityOf({ role, subject: 'bus-1' }));
    methods.forEach((method, index) => {
      socket.send([34, index + 1, method, null]);
      const answer = socket.answer(index + 1);
      const isRefused = answer?.[0] === 50 && answer[2] === refusals.callNotAllowed.code;
      expect([method, isRefused]).toEqual([method, !mayAsk(role, method)]);
    });
    test.stop();
  });

  it.each<[Role, readonly string[] | null, string | null, boolean]>([
    ['driver', null, 'bus-1', true],
    ['driver', null, 'bus-2', false],
    ['driver', ['bus-2'], 'bus-2', true],
    ['driver', ['bus-2'], 'bus-1', false],
    ['driver', null, null, false],
    ['dispatcher', null, 'bus-2', true],
    ['dispatcher', null, null, true],
    ['dispatcher', ['bus-*'], 'bus-2', true],
    ['dispatcher', ['bus-*'], 'van-2', false],
    ['dispatcher', ['bus-*'], null, false],
    ['service', ['bus-*'], null, false],
    ['admin', null, null, true],
    ['device', null, 'bus-1', false],
  ])('of a %s with the vehicles %j about %s: %s', (role, vehicles, vehicleId, expected) => {
    const who = identityOf({ role, subject: 'bus-1', vehicles });
    expect(mayManage(who, vehicleId)).toBe(expected);
  });
});
