/**
 * Presence on the real engine: who is online and why not, who watches and what devices are asked for, the summary
 * of a fleet and the figures of the engine. That silence makes idle takes a minute: presence.test.ts of test/live.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeCodes, refusals } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { TokenClaims } from '../../src/server/token.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openGate } from '../support/gate.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

let test: EngineTest;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  test = await openEngineTest();
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
  await expect.poll(() => test.engine.counter('fleetwire_connections')).toBe(0);
});

afterAll(() => test.cleanup());

const watched = { intervalMs: limits.reportWatchedMs, displacementM: 0 };
const unwatched = {
  intervalMs: limits.reportUnwatchedMs,
  displacementM: limits.reportUnwatchedM,
};
const lowBattery = {
  intervalMs: limits.reportLowBatteryMs,
  displacementM: limits.reportLowBatteryM,
};

async function device(sub: string, claims: Partial<TokenClaims> = {}): Promise<TestSocket> {
  const token = await testToken({ sub, role: 'device', ...claims });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });
  await socket.nextOf(16);
  closers.push(() => socket.close());
  return socket;
}

async function subscriber(claims: Partial<TokenClaims> = {}): Promise<TestSocket> {
  const token = await testToken({ sub: 'anna', role: 'viewer', ...claims });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, { token });
  await socket.nextOf(48);
  closers.push(() => socket.close());
  return socket;
}

async function watch(socket: TestSocket, vehicle: string): Promise<void> {
  socket.send([32, 1, `vehicle:${vehicle}`]);
  expect((await socket.nextOf(49))[1]).toBe(1);
}

async function unwatch(socket: TestSocket, vehicle: string): Promise<void> {
  socket.send([33, 2, `vehicle:${vehicle}`]);
  expect((await socket.nextOf(49))[1]).toBe(2);
}

/** The next presence that is told; positions before it are dropped. */
async function nextPresence(socket: TestSocket): Promise<Record<string, unknown>> {
  const [, , offset, event, data] = await socket.nextOf(51);
  expect([offset, event]).toEqual([0, 'presence']);
  return data as Record<string, unknown>;
}

async function presenceOf(socket: TestSocket, vehicle: string): Promise<unknown> {
  socket.send([34, 3, 'presence', { vehicle }]);
  return (await socket.nextOf(49))[2];
}

async function settings(socket: TestSocket): Promise<unknown> {
  return (await socket.nextOf(20)).slice(1);
}

function fix(socket: TestSocket, seq: number, attributes: unknown = null): void {
  const rest = [null, null, null, null, null, attributes];
  socket.send([1, seq, Date.now(), [[0, 526_000_000, -86_000_000 + seq, ...rest]]]);
}

describe('a vehicle', () => {
  it('is online from its first fix, later from its connect, and offline with the reason', async () => {
    const viewer = await subscriber();
    await watch(viewer, 'bus-1');
    const beganMs = Date.now();
    const first = await device('bus-1');
    fix(first, 1);
    const online = await nextPresence(viewer);
    expect(online).toMatchObject({ state: 'online', reason: null, watchers: 1 });
    expect(online['sinceMs']).toBeGreaterThanOrEqual(beganMs);
    expect(online['sinceMs']).toBeLessThanOrEqual(Date.now());
    await first.close(1000);
    expect(await nextPresence(viewer)).toMatchObject({
      state: 'offline',
      reason: 'closed by the client (1000)',
    });

    const second = await device('bus-1');
    expect(await nextPresence(viewer)).toMatchObject({ state: 'online', reason: null });
    second.terminate();
    expect(await nextPresence(viewer)).toMatchObject({
      state: 'offline',
      reason: 'connection lost',
    });

    const third = await device('bus-1');
    await nextPresence(viewer);
    third.send([1, 7, Date.now(), []]);
    expect((await third.closed).code).toBe(closeCodes.insufficientState);
    const offline = await nextPresence(viewer);
    expect(offline).toMatchObject({ state: 'offline', reason: 'insufficientState' });
    // What is asked for is the same as what is told, also by one that does not watch.
    const other = await subscriber({ sub: 'bob' });
    expect(await presenceOf(other, 'bus-1')).toEqual({ vehicle: 'bus-1', ...offline });
  });

  it('stays online where a newer connection of its device takes over', async () => {
    const viewer = await subscriber();
    const older = await device('bus-2');
    fix(older, 1);
    await older.nextOf(17);
    await watch(viewer, 'bus-2');
    const { sinceMs } = await nextPresence(viewer);
    const newer = await device('bus-2');
    expect((await older.closed).code).toBe(closeCodes.duplicateSession);
    expect(await presenceOf(viewer, 'bus-2')).toMatchObject({ state: 'online', sinceMs });
    await newer.close(1000);
    // The very next that is told: nothing came of the older one's end.
    expect(await nextPresence(viewer)).toMatchObject({
      state: 'offline',
      reason: 'closed by the client (1000)',
    });
  });

  it('goes offline when the token of its device is revoked', async () => {
    const viewer = await subscriber();
    const revoked = await device('bus-3', { tokenId: 'token-of-bus-3' });
    fix(revoked, 1);
    await revoked.nextOf(17);
    await watch(viewer, 'bus-3');
    expect(await nextPresence(viewer)).toMatchObject({ state: 'online' });
    const admin = await subscriber({ sub: 'root', role: 'admin' });
    admin.send([34, 1, 'revoke', { tokenId: 'token-of-bus-3' }]);
    expect(await admin.nextOf(49)).toEqual([49, 1, null]);
    expect((await revoked.closed).code).toBe(closeCodes.invalidToken);
    expect(await nextPresence(viewer)).toMatchObject({ state: 'offline', reason: 'invalidToken' });
  });

  it('has a presence of its own in every tenant', async () => {
    const mine = await device('bus-4', { tenant: 'acme' });
    fix(mine, 1);
    await mine.nextOf(17);
    const theirs = await subscriber();
    theirs.send([34, 1, 'presence', { vehicle: 'bus-4' }]);
    expect((await theirs.nextOf(50)).slice(1, 3)).toEqual([1, refusals.unknownVehicle.code]);
    const own = await subscriber({ tenant: 'acme' });
    expect(await presenceOf(own, 'bus-4')).toMatchObject({ state: 'online' });
  });
});

describe('a device is asked to report', () => {
  it('fast at once when somebody watches, slower at a sweep when nobody does', async () => {
    const bus = await device('bus-5');
    fix(bus, 1);
    expect(await settings(bus)).toEqual([unwatched]);
    const anna = await subscriber();
    const bob = await subscriber({ sub: 'bob' });
    await watch(anna, 'bus-5');
    expect(await nextPresence(anna)).toMatchObject({ watchers: 1 });
    expect(await settings(bus)).toEqual([watched]);
    await watch(bob, 'bus-5');
    expect(await nextPresence(bob)).toMatchObject({ watchers: 2 });
    await unwatch(anna, 'bus-5');
    expect(await presenceOf(anna, 'bus-5')).toMatchObject({ watchers: 1 });
    await bob.close();
    expect(await settings(bus)).toEqual([unwatched]);
    expect(await presenceOf(anna, 'bus-5')).toMatchObject({ watchers: 0 });
  });

  it('slowest where its battery is low, and no slower than others where it is watched', async () => {
    const bus = await device('bus-6');
    fix(bus, 1, { batteryLevel: limits.lowBatteryPercent - 1 });
    expect(await settings(bus)).toEqual([lowBattery]);
    const anna = await subscriber();
    await watch(anna, 'bus-6');
    expect(await settings(bus)).toEqual([{ ...watched, intervalMs: limits.reportUnwatchedMs }]);
    fix(bus, 2, { batteryLevel: 80 });
    expect(await settings(bus)).toEqual([watched]);
  });

  it('on each of its connections, and again on a new one', async () => {
    const viewer = await subscriber();
    await watch(viewer, 'bus-7');
    const first = await device('bus-7');
    fix(first, 1);
    expect(await settings(first)).toEqual([watched]);
    // Known by now, it is told before it has said anything.
    const second = await device('bus-7');
    expect(await settings(second)).toEqual([watched]);
  });

  it('by the name of the vehicle where it speaks for several', async () => {
    const gate = await openGate(test, { sub: 'gate-1' });
    closers.push(gate.close);
    const place = { lat: 52.6, lon: -8.6 };
    await gate.move('gate-1', place);
    await gate.move('van-1', place);
    await gate.move('van-2', { ...place, attributes: { batteryLevel: 5 } });
    expect(await gate.nextSettings(null)).toEqual(unwatched);
    expect(await gate.nextSettings('van-1')).toEqual(unwatched);
    expect(await gate.nextSettings('van-2')).toEqual(lowBattery);
    const viewer = await subscriber();
    await watch(viewer, 'van-1');
    expect(await gate.nextSettings('van-1')).toEqual(watched);
    await gate.close();
    expect(await nextPresence(viewer)).toMatchObject({ state: 'online' });
    expect(await nextPresence(viewer)).toMatchObject({ state: 'offline' });
  });
});

describe('the state of more than one', () => {
  it('is summed up for whoever sees the whole fleet', async () => {
    const tenant = 'summed';
    const gate = await openGate(test, { tenant });
    closers.push(gate.close);
    const gone = await openGate(test, { tenant, sub: 'gone' });
    const place = { lat: 52.6, lon: -8.6 };
    for (const vehicle of ['m-1', 'm-2', 'm-3']) {
      await gate.move(vehicle, { ...place, speedCms: limits.movingSpeedCms });
    }
    await gate.move('i-1', { ...place, speedCms: limits.movingSpeedCms - 1 });
    await gate.move('i-2', place);
    await gone.move('o-1', { ...place, speedCms: limits.movingSpeedCms });
    await Promise.all([gate.settled(), gone.settled()]);
    await gone.close();
    const admin = await subscriber({ tenant, sub: 'root', role: 'admin' });
    const raise = {
      topic: 'emergency',
      id: 'e-1',
      event: 'raised',
      subject: 'sos-1',
      isOpen: true,
    };
    admin.send([34, 1, 'publish', raise]);
    expect((await admin.nextOf(49))[2]).toMatchObject({ offset: 1, isRepeat: false });

    const viewer = await subscriber({ tenant });
    viewer.send([32, 1, 'fleet']);
    await viewer.nextOf(49);
    await sumsUp(viewer, { moving: 3, idle: 2, offline: 1, emergency: 1 });
    await gate.move('m-1', place);
    await gate.settled();
    admin.send([34, 2, 'publish', { ...raise, id: 'e-2', event: 'resolved', isOpen: false }]);
    await admin.nextOf(49);
    await sumsUp(viewer, { moving: 2, idle: 3, offline: 1, emergency: 0 });
    // One that comes later has the last one at once.
    const later = await subscriber({ tenant, sub: 'bob' });
    later.send([32, 1, 'fleet']);
    await later.nextOf(49);
    expect((await later.nextOf(51)).slice(1, 4)).toEqual(['fleet', 0, 'summary']);
  });

  /** Reads summaries until one says this. */
  async function sumsUp(socket: TestSocket, expected: unknown): Promise<void> {
    for (let last: unknown; JSON.stringify(last) !== JSON.stringify(expected);) {
      const [, topic, offset, event, data] = await socket.nextOf(51);
      expect([topic, offset, event]).toEqual(['fleet', 0, 'summary']);
      last = data;
    }
  }

  it('is told of the engine to admins of its own tenant, every second', async () => {
    const bus = await device('bus-8');
    const admin = await subscriber({ sub: 'root', role: 'admin' });
    admin.send([32, 1, 'system']);
    const [, , result] = await admin.nextOf(49);
    expect(result).toMatchObject({ offset: 0, recovered: false, snapshot: [] });
    const [, topic, offset, event, data] = await admin.nextOf(51);
    expect([topic, offset, event]).toEqual(['system', 0, 'figures']);
    const before = data as Record<string, number>;
    expect(before).toMatchObject({ connections: 2, databaseAvailable: 1 });
    expect(Object.values(before).every(Number.isFinite)).toBe(true);
    fix(bus, 1);
    for (let accepted = 0; accepted !== (before['fixesAccepted'] ?? 0) + 1;) {
      accepted = ((await admin.nextOf(51))[4] as { fixesAccepted: number }).fixesAccepted;
    }
  });

  it.each<[string, Partial<TokenClaims>]>([
    ['a viewer', {}],
    ['a driver', { role: 'driver' }],
    ['a dispatcher', { role: 'dispatcher' }],
    ['a service', { role: 'service' }],
    ['an admin of another tenant', { role: 'admin', tenant: 'acme' }],
    ['an admin who sees a part of the vehicles', { role: 'admin', vehicles: ['*'] }],
  ])('is not told of the engine to %s', async (_name, claims) => {
    const socket = await subscriber(claims);
    socket.send([32, 1, 'system']);
    const { code, message } = refusals.topicNotAllowed;
    expect(await socket.next()).toEqual([50, 1, code, message, false]);
  });
});
