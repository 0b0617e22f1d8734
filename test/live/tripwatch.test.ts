/** The positions of a trip's vehicle on the trip's topic: from when to when, for whom, and for one who does not read. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import type { Plain } from '../../src/wire/types.ts';
import { identityOf } from '../support/identities.ts';
import { createTestPlane, type TestPlane, type TestSubscriber } from './plane.ts';
import { createStage, positionOf } from './stage.ts';

const tenant = 'acme';
const topic = 'trip:t';
const viewer = identityOf({ tenant, role: 'viewer', subject: 'vera' });

/** Puts an event into the trip's topic, as its state machine or a service would. */
function happen(test: TestPlane, id: string, data: Plain, subject: string | null = 'bus'): void {
  const service = test.connect(identityOf({ tenant, role: 'service', subject: 'back' }));
  service.send([34, 1, 'publish', { topic, id, event: id, data, subject, isOpen: true }]);
  expect(service.answer(1)?.[0]).toBe(49);
  service.subscriber.gone();
}

function follow(test: TestPlane, who = viewer): TestSubscriber {
  const socket = test.connect(who);
  socket.send([32, 1, topic]);
  return socket;
}

const moveTo = (test: TestPlane, timeMs: number): void => void test.move(tenant, 'bus', { timeMs });

/** What came after the answer, in short: names of events, times of positions. */
function heard({ received }: TestSubscriber): readonly unknown[] {
  return received.flatMap(([type, , first, event]) => {
    if (type === 51) return [event];
    if (type !== 52) return [];
    return (first as readonly (readonly unknown[])[]).map(([, timeMs]) => timeMs);
  });
}

function snapshotOf(socket: TestSubscriber): readonly unknown[] {
  const { snapshot } = socket.answer(1)![2] as { readonly snapshot: readonly unknown[][] };
  return snapshot.map(([, timeMs]) => timeMs);
}

describe('a trip that is followed', () => {
  it('has its positions between its start and its end, and none outside', () => {
    const test = createTestPlane();
    const socket = follow(test);
    moveTo(test, 100);
    test.clock.advance(limits.tickMs);
    happen(test, 'started', { state: 'running', startMs: 200 });
    // A backlog from before it.
    for (const timeMs of [150, 199, 200, 250]) moveTo(test, timeMs);
    test.clock.advance(limits.tickMs);
    happen(test, 'paused', { state: 'paused', startMs: 200 });
    moveTo(test, 300);
    happen(test, 'ended', { state: 'ended', startMs: 200 });
    moveTo(test, 400);
    test.clock.advance(limits.tickMs);
    expect(heard(socket)).toEqual(['started', 200, 250, 'paused', 300, 'ended']);
    expect(test.plane.audiences.topics).toBe(0);
    socket.subscriber.gone();
    expect(test.nativeTopics).toBe(0);
    test.stop();
  });

  it('begins with where its vehicle is, and with its totals', () => {
    const test = createTestPlane();
    happen(test, 'started', { state: 'running', startMs: 200 });
    moveTo(test, 100);
    expect(snapshotOf(follow(test))).toEqual([]);
    moveTo(test, 300);
    test.totals.set('t', { distanceM: 7 });
    const socket = follow(test);
    expect(snapshotOf(socket)).toEqual([300]);
    expect(socket.received.at(-1)).toEqual([51, topic, 0, 'totals', { distanceM: 7 }]);
    moveTo(test, 400);
    test.clock.advance(limits.tickMs);
    test.plane.states.tellTrip(tenant, 't', { distanceM: 8 });
    expect(heard(socket)).toEqual(['totals', 400, 'totals']);
    test.stop();
  });

  it.each<[string, Plain, string | null]>([
    ['says nothing of a state', { note: 'hello' }, 'bus'],
    ['is no map', 'hello', 'bus'],
    ['is about nothing', { state: 'ended' }, null],
  ])('goes on where an event %s', (_, data, subject) => {
    const test = createTestPlane();
    happen(test, 'started', { state: 'running', startMs: 1 });
    const socket = follow(test);
    const service = test.connect(identityOf({ tenant, role: 'service', subject: 'back' }));
    service.send([34, 1, 'publish', { topic, id: 'odd', event: 'odd', data, subject }]);
    moveTo(test, 2);
    test.clock.advance(limits.tickMs);
    const isTaken = service.answer(1)?.[0] === 49;
    expect(heard(socket)).toEqual(isTaken ? ['odd', 2] : [2]);
    test.stop();
  });

  it('is shared: a fix is encoded once for all who follow the vehicle or its trip', () => {
    const test = createTestPlane();
    happen(test, 'started', { state: 'running', startMs: 1 });
    const sockets = [follow(test), follow(test)];
    const other = test.connect(viewer);
    other.send([32, 1, 'vehicle:bus']);
    moveTo(test, 2);
    test.clock.advance(limits.tickMs);
    for (const socket of sockets) expect(heard(socket)).toEqual([2]);
    expect(heard(other)).toEqual([2]);
    expect(test.plane.metrics.counters.framesPublished).toBe(2);
    expect(test.plane.audiences.watchersOf('acme/bus')).toBe(3);
    sockets[0]!.send([33, 2, topic]);
    expect(test.plane.audiences.watchersOf('acme/bus')).toBe(2);
    test.stop();
  });

  it('is left, positions and all, by a token that does not see its vehicle', () => {
    const test = createTestPlane();
    happen(test, 'started', { state: 'running', startMs: 1 });
    const socket = follow(test);
    socket.become({ vehicles: ['van'] });
    expect(socket.received.at(-1)?.slice(0, 2)).toEqual([54, topic]);
    socket.received.length = 0;
    moveTo(test, 2);
    test.clock.advance(limits.tickMs);
    expect(socket.received).toEqual([]);
    expect(test.plane.audiences.topics).toBe(0);
    expect(snapshotOf(follow(test, identityOf({ ...viewer, vehicles: ['bus'] })))).toEqual([2]);
    const spy = follow(test, identityOf({ ...viewer, vehicles: ['van'] }));
    expect(spy.answer(1)?.[0]).toBe(50);
    test.stop();
  });
});

describe('a feed of a trip', () => {
  const positions = { kind: 'tripPositions', tripId: 't', vehicleId: 'bus', sinceMs: 200 } as const;

  it.each(['messagepack', 'json'] as const)('conflates for one who does not read (%s)', (codec) => {
    const stage = createStage();
    const listener = stage.listen(positions, codec);
    const reader = stage.listen(positions, codec);
    listener.isStalled = true;
    const total = 3_000;
    for (let timeMs = 201; timeMs <= 200 + total; timeMs++) {
      stage.move('bus', timeMs);
      stage.clock.advance(limits.tickMs);
    }
    expect(listener.feed.isDirect).toBe(false);
    const before = listener.received.length;
    listener.drain();
    const [caughtUp, notice] = listener.received.slice(before);
    expect(caughtUp).toEqual([52, 'trip:t', [positionOf('bus', 200 + total, 1)]]);
    expect(notice).toEqual([53, 'trip:t', expect.anything()]);
    const { skipped } = notice![2] as { readonly skipped: number };
    expect(before + 1 + skipped).toBe(total);
    expect(reader.received).toHaveLength(total);
  });
});
