/** The desk on a clock of the test's own: what is due, what is refused for now, and what a start goes on with. */
import { describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import type { Line, Told } from '../../src/fleet/courier.ts';
import { createDesk, type Desk } from '../../src/fleet/desk.ts';
import { createDockets } from '../../src/fleet/dockets.ts';
import { createUsers } from '../../src/fleet/users.ts';
import { limits } from '../../src/limits.ts';
import type { NewEvent } from '../../src/live/event.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';

interface World {
  readonly clock: ManualClock;
  /** `<topic> <event>` of all that was announced, and not refused. */
  readonly happened: string[];
  readonly events: { readonly topic: string; readonly event: NewEvent }[];
  readonly dropped: string[];
  /** Events are refused with it. */
  refused: RefusalName | null;
  /** A desk that goes on from what has happened; the one before stops. */
  start(): Desk;
}

const tenant = 'acme';

function createWorld(): World {
  const clock = createManualClock();
  const metrics = createMetrics();
  const users = createUsers({
    save: () => Promise.resolve(),
    onError: () => undefined,
    clock,
    metrics,
    bounds: limits,
  });
  let desk: Desk | null = null;
  const world: World = {
    clock,
    happened: [],
    events: [],
    dropped: [],
    refused: null,
    start() {
      desk?.stop();
      const dockets = createDockets(limits);
      for (const { topic, event } of world.events)
        dockets.restore(`${tenant}/${topic}`, event.data);
      desk = createDesk({
        dockets,
        users,
        announcer: {
          announce(_tenant, topic, event, done) {
            if (world.refused !== null) return done({ refused: world.refused });
            const isRepeat = world.events.some(
              (one) => one.topic === topic && one.event.id === event.id,
            );
            if (!isRepeat) {
              world.events.push({ topic, event });
              world.happened.push(`${topic} ${event.event}`);
            }
            done({ offset: world.events.length, isRepeat });
          },
        },
        snapshot: (_tenant, _topic, tell) => tell({ events: [] }),
        witness: { totalsOf: () => null, onChange: () => undefined },
        chain: [
          { role: 'dispatcher', afterMs: 0 },
          { role: 'admin', afterMs: 120_000 },
        ],
        onDropped: (topic, id, refused) => world.dropped.push(`${topic} ${id} ${refused}`),
        clock,
        metrics,
        bounds: limits,
      });
      return desk;
    },
  };
  users.seen({ tenant, subject: 'dora', role: 'dispatcher' });
  users.seen({ tenant, subject: 'adam', role: 'admin' });
  return world;
}

const raise = {
  id: 'e-1',
  kind: 'sos',
  vehicle: 'bus-1',
  latE7: null,
  lonE7: null,
  message: null,
  timeMs: null,
  by: 'bus-1',
} as const;
const ignore = (): void => undefined;

function ofTopic(world: World, topic: string): readonly string[] {
  return world.happened.filter((one) => one.startsWith(topic));
}

describe('an emergency', () => {
  it('is called about in its time, and on the notifications of the roles', () => {
    const world = createWorld();
    world.start().emergencies.raise(tenant, raise, ignore);
    world.clock.advance(0);
    expect(world.happened).toEqual([
      'emergency raised',
      'audience:dispatcher sent',
      'notification:dora sent',
      'audience:dispatcher completed',
      'emergency escalated',
    ]);
    world.clock.advance(limits.emergencyRepeatMs);
    expect(ofTopic(world, 'emergency').slice(2)).toEqual(['emergency repeated']);
    world.clock.advance(limits.emergencyRepeatMs);
    expect(ofTopic(world, 'emergency').slice(3)).toEqual(['emergency escalated']);
    expect(ofTopic(world, 'notification:adam')).toEqual(['notification:adam sent']);
    // Two calls are unread at most.
    world.clock.advance(10 * limits.emergencyRepeatMs);
    const [sent, expired] = ['sent', 'expired'].map(
      (event) => world.happened.filter((one) => one === `notification:dora ${event}`).length,
    );
    expect(Number(sent) - Number(expired)).toBeLessThanOrEqual(2);
  });

  it('whose call is refused for now is called about as soon as it can be', () => {
    const world = createWorld();
    world.start().emergencies.raise(tenant, raise, ignore);
    world.refused = 'journalFull';
    world.clock.advance(5 * limits.deskRetryMs);
    expect(world.happened).toEqual(['emergency raised']);
    world.refused = null;
    world.clock.advance(limits.deskRetryMs);
    expect(ofTopic(world, 'emergency')).toEqual(['emergency raised', 'emergency escalated']);
    expect(ofTopic(world, 'notification:dora')).toHaveLength(1);
    expect(world.dropped).toEqual([]);
  });

  it('whose call is refused for good is told to the operator', () => {
    const world = createWorld();
    world.start().emergencies.raise(tenant, raise, ignore);
    world.refused = 'badEvent';
    world.clock.advance(0);
    expect(world.dropped).toContain('acme/emergency e-1 badEvent');
  });

  it('goes on after a start where it was, with one call for all that was missed', () => {
    const world = createWorld();
    world.start().emergencies.raise(tenant, raise, ignore);
    world.clock.advance(0);
    const before = world.happened.length;
    // Nothing happens while no engine runs.
    world.start().stop();
    world.clock.advance(10 * limits.emergencyRepeatMs);
    expect(world.happened).toHaveLength(before);
    const desk = world.start();
    world.clock.advance(0);
    expect(ofTopic(world, 'emergency').slice(2)).toEqual(['emergency escalated']);
    desk.emergencies.change(
      tenant,
      { id: 'e-1', move: 'acknowledge', by: 'dora', note: null },
      ignore,
    );
    world.clock.advance(100 * limits.emergencyRepeatMs);
    expect(ofTopic(world, 'emergency').at(-1)).toBe('emergency acknowledged');
  });
});

describe('a notification to many', () => {
  it('that was being sent is sent on after a start, once to each', () => {
    const world = createWorld();
    const draft = {
      id: 'n-1',
      severity: 'info',
      title: 'Road',
      body: null,
      data: null,
      createdMs: world.clock.nowMs(),
      createdBy: 'dora',
      expiresMs: world.clock.nowMs() + 60_000,
    } as const;
    world.start().notifications.sendToMany(tenant, 'everyone', draft);
    expect(ofTopic(world, 'notification')).toHaveLength(2);
    // As if the engine had died after the first copy.
    const isLost = ({ topic, event }: World['events'][number]): boolean =>
      topic === 'notification:adam' || event.event === 'completed';
    const lost = world.events.filter(isLost);
    for (const one of lost) world.events.splice(world.events.indexOf(one), 1);
    world.happened.length = 0;
    const desk = world.start();
    expect(world.happened).toEqual(['notification:adam sent', 'audience:everyone completed']);
    desk.notifications.connected({ tenant, subject: 'vera', role: 'viewer' });
    expect(world.happened.at(-1)).toBe('notification:vera sent');
    world.clock.advance(60_000);
    expect(world.happened.filter((one) => one.endsWith(' expired'))).toHaveLength(4);
    desk.notifications.connected({ tenant, subject: 'lars', role: 'viewer' });
    expect(ofTopic(world, 'notification:lars')).toEqual([]);
    world.start().stop();
  });
});

describe('a command', () => {
  const order = (id: string, createdMs: number) => ({
    id,
    vehicle: 'bus-1',
    name: 'reboot',
    arguments: null,
    createdMs,
    createdBy: 'dora',
    expiresMs: createdMs + 60_000,
  });

  function createLine(isDevice = true): Line & { readonly told: Told[] } {
    const told: Told[] = [];
    return { isDevice, told, tell: (_vehicle, one) => told.push(one) };
  }

  it('is told in the order in which it was sent, until it has expired', () => {
    const world = createWorld();
    const nowMs = world.clock.nowMs();
    world.start().commands.send(tenant, order('b', nowMs), ignore);
    world.start().commands.send(tenant, order('a', nowMs + 1), ignore);
    const desk = world.start();
    const line = createLine();
    desk.courier.connected(tenant, 'bus-1', line);
    expect(line.told.map(({ commandId }) => commandId)).toEqual(['b', 'a']);
    expect(world.happened.filter((one) => one.endsWith('delivered'))).toHaveLength(2);
    world.clock.advance(60_001);
    expect(world.happened.filter((one) => one.endsWith('expired'))).toHaveLength(2);
    const later = createLine();
    desk.courier.connected(tenant, 'bus-1', later);
    expect(later.told).toEqual([]);
  });

  it('goes to the newest device of the vehicle, and to a driver where there is none', () => {
    const world = createWorld();
    const desk = world.start();
    const [phone, old, box] = [createLine(false), createLine(), createLine()];
    const send = (id: string): void =>
      desk.commands.send(tenant, order(id, world.clock.nowMs()), ignore);
    desk.courier.connected(tenant, 'bus-1', phone);
    send('1');
    for (const line of [old, box]) desk.courier.connected(tenant, 'bus-1', line);
    for (const line of [old, box]) line.told.length = 0;
    send('2');
    expect([phone, old, box].map(({ told }) => told.map(({ commandId }) => commandId))).toEqual([
      ['1'],
      [],
      ['2'],
    ]);
  });
});
