/**
 * Both clients against the real engine, as a process, over real sockets: the normal way of a fix, what the
 * engine refuses, and a restart in the middle.
 */
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createDeviceClient,
  createLiveClient,
  type ConnectionState,
  type DeviceClient,
  type DeviceClientOptions,
  type DeviceRefusal,
  type LiveClient,
  type LiveClientOptions,
  type Position,
} from '../../src/client/index.ts';
import { closeCodes, refusals } from '../../src/errors.ts';
import { createManualClock } from '../support/clock.ts';
import { startTestEngine, testToken, type TestEngine } from '../support/engine.ts';

let engine: TestEngine;
const clients: (DeviceClient | LiveClient)[] = [];

beforeAll(async () => {
  // A port of its own choice would not be free again after a restart: uWebSockets.js sets SO_REUSEADDR only
  // for a port that it is told, and connections that the engine has closed keep it for a minute.
  engine = await startTestEngine({ env: { FLEETWIRE_PORT: String(await freePort()) } });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

afterAll(() => engine.cleanup());

function device(sub: string, options: Partial<DeviceClientOptions> = {}): DeviceClient {
  const client = createDeviceClient({
    url: `${engine.wsUrl}/v1/ingest`,
    token: () => testToken({ sub, role: 'device' }),
    ...options,
  });
  clients.push(client);
  return client;
}

function viewer(options: Partial<LiveClientOptions> = {}): LiveClient {
  const client = createLiveClient({
    url: `${engine.wsUrl}/v1/live`,
    token: () => testToken({ sub: 'viewer-1', role: 'viewer' }),
    ...options,
  });
  clients.push(client);
  return client;
}

/**
 * Subscribes and gathers positions. `until` resolves when their counts add up to `fixes`, `reaches` when
 * the newest one, of a snapshot or live, has this time, `begins` when there are so many snapshots.
 */
async function watch(client: LiveClient, topic: string) {
  const seen: Position[] = [];
  const snapshots: (readonly Position[])[] = [];
  let total = 0;
  let newestMs = 0;
  const wakes: (() => void)[] = [];
  const wake = (): void => {
    for (const resolve of wakes.splice(0)) resolve();
  };
  const { ready, unsubscribe } = client.subscribe(topic, {
    onSnapshot(positions) {
      snapshots.push(positions);
      newestMs = positions.at(-1)?.timeMs ?? newestMs;
      wake();
    },
    onPositions(positions) {
      seen.push(...positions);
      newestMs = positions.at(-1)?.timeMs ?? newestMs;
      for (const { count } of positions) total += count;
      wake();
    },
  });
  await ready;
  return {
    seen,
    snapshots,
    unsubscribe,
    async until(fixes: number): Promise<void> {
      while (total < fixes) await new Promise<void>((resolve) => wakes.push(resolve));
    },
    async begins(snapshotCount: number): Promise<void> {
      while (snapshots.length < snapshotCount)
        await new Promise<void>((resolve) => wakes.push(resolve));
    },
    async reaches(timeMs: number): Promise<void> {
      while (newestMs < timeMs) await new Promise<void>((resolve) => wakes.push(resolve));
    },
  };
}

/** Fixes on a straight way, one a millisecond, that end now: all of them are live. */
const startMs = Date.now() - 10_000;
const fixAt = (index: number) => ({
  timeMs: startMs + index,
  latitude: 52 + index / 1e5,
  longitude: -8 - index / 1e5,
  speed: index % 40,
});

describe('the way of a fix', () => {
  it.each(['messagepack', 'json'] as const)(
    'from a device to a subscriber over %s',
    async (codec) => {
      const vehicle = `bus-${codec}`;
      const live = await watch(viewer({ codec }), `vehicle:${vehicle}`);
      expect(live.snapshots).toEqual([[]]);
      const client = device(vehicle);
      for (let index = 0; index < 500; index++) expect(client.send(fixAt(index))).toBe(true);
      await Promise.all([client.flushed(), live.until(500)]);
      expect(client.stats).toMatchObject({ sent: 500, acked: 500, refused: 0, resent: 0 });
      const times = live.seen.map(({ timeMs }) => timeMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(live.seen.at(-1)).toMatchObject({ vehicle, ...fixAt(499) });
      const again = await watch(viewer(), `vehicle:${vehicle}`);
      expect(again.snapshots[0]).toHaveLength(1);
      expect(again.snapshots[0]?.[0]).toMatchObject({ vehicle, ...fixAt(499) });
    },
  );

  it('is acknowledged again when it is stored', async () => {
    const levels: number[] = [];
    const client = device('stored-1', {
      ackLevel: 'stored',
      onAck: ({ level, fixes }) => {
        if (fixes.length > 0) levels.push(level);
      },
    });
    for (let index = 0; index < 100; index++) client.send(fixAt(index));
    await client.flushed();
    expect(client.stats.acked).toBe(100);
    expect(new Set(levels)).toEqual(new Set([2]));
  });

  it('of a gateway, whose token speaks for several vehicles', async () => {
    const live = await watch(viewer(), 'fleet');
    const client = device('gateway-1', {
      token: await testToken({ sub: 'gateway-1', role: 'service', vehicles: ['tram-*'] }),
    });
    const refused: DeviceRefusal[] = [];
    const other = device('gateway-2', {
      token: await testToken({ sub: 'gateway-2', role: 'service', vehicles: ['tram-*'] }),
      onRefused: (refusal) => refused.push(refusal),
    });
    for (let index = 0; index < 30; index++) {
      client.send({ ...fixAt(index), vehicle: `tram-${index % 3}` });
    }
    other.send({ ...fixAt(0), vehicle: 'bus-of-another' });
    await Promise.all([client.flushed(), other.flushed(), live.until(30)]);
    expect(client.stats).toMatchObject({ acked: 30, refused: 0 });
    expect(refused).toEqual([
      {
        ...refusals.vehicleNotAllowed,
        fixes: [{ vehicle: 'bus-of-another', timeMs: startMs }],
      },
    ]);
    expect(new Set(live.seen.map(({ vehicle }) => vehicle))).toEqual(
      new Set(['tram-0', 'tram-1', 'tram-2']),
    );
  });
});

describe('what the engine refuses', () => {
  it('is told by fix, and its neighbours go on', async () => {
    const refused: DeviceRefusal[] = [];
    const client = device('half-wrong', { onRefused: (refusal) => refused.push(refusal) });
    client.send(fixAt(0));
    client.send({ ...fixAt(1), latitude: 95 });
    client.send({ ...fixAt(2), timeMs: 1 });
    client.send(fixAt(3));
    await client.flushed();
    expect(client.stats).toMatchObject({ acked: 2, refused: 2, backlog: 0 });
    expect(refused).toEqual([
      { ...refusals.latitudeRange, fixes: [{ vehicle: null, timeMs: startMs + 1 }] },
      { ...refusals.timeTooOld, fixes: [{ vehicle: null, timeMs: 1 }] },
    ]);
  });

  it.each([
    ['a token that is none', () => Promise.resolve('x.y.z'), closeCodes.invalidToken],
    ['a role that may not', () => testToken({ sub: 'v', role: 'viewer' }), 3507],
  ])('%s ends the client', async (_, token, closeCode) => {
    const closed = new Promise<ConnectionState>((resolve) => {
      const onState = (state: ConnectionState): void => {
        if (state.name === 'closed') resolve(state);
      };
      device('v', { token, onState });
    });
    expect(await closed).toMatchObject({ closeCode });
  });

  it('a topic or method that is not for everyone, by its code', async () => {
    const driver = viewer({
      token: await testToken({ sub: 'd', role: 'driver', vehicles: ['a'] }),
    });
    const options = { onSnapshot: () => undefined, onPositions: () => undefined };
    await expect(driver.subscribe('fleet', options).ready).rejects.toMatchObject({
      kind: 'refused',
      code: refusals.topicNotAllowed.code,
      temporary: false,
    });
    await expect(driver.call('nothing.like.this')).rejects.toMatchObject({
      code: refusals.unknownMethod.code,
    });
    await driver.subscribe('vehicle:a', options).ready;
  });
});

describe('a token that is about to expire', () => {
  it('is replaced on the open connection, and what the new one does not allow ends', async () => {
    const clock = createManualClock();
    const vehicles = [['a', 'b'], ['b']];
    const states: ConnectionState[] = [];
    const live = viewer({
      clock,
      token: () => testToken({ sub: 'd', role: 'driver', vehicles: vehicles.shift() ?? [] }),
      onState: (state) => states.push(state),
    });
    const onSnapshot = (): void => undefined;
    const unsubscribed = new Promise<string>((resolve) => {
      live.subscribe('vehicle:a', { onSnapshot, onUnsubscribed: resolve });
    });
    await live.subscribe('vehicle:b', { onSnapshot }).ready;
    clock.advance(clock.nextInMs ?? 0);
    expect(await unsubscribed).toBe(refusals.topicNotAllowed.message);
    expect(states.map(({ name }) => name)).toEqual(['open']);
  });
});

describe('a restart of the engine', () => {
  it('loses nothing: devices send again, subscribers get a snapshot again', async () => {
    const states: ConnectionState[] = [];
    const bounds = { clientDelayMinMs: 20, clientDelayMaxMs: 200 };
    const live = await watch(viewer({ bounds }), 'vehicle:restart-1');
    const client = device('restart-1', {
      bounds,
      fixesPerFrame: 10,
      onState: (state) => states.push(state),
    });
    for (let index = 0; index < 200; index++) client.send(fixAt(index));
    await Promise.all([client.flushed(), live.until(200)]);
    const restarted = engine.restart();
    for (let index = 200; index < 400; index++) client.send(fixAt(index));
    await restarted;
    // What came while the subscriber was away is in its new snapshot; all may have come before that.
    await Promise.all([client.flushed(), live.reaches(fixAt(399).timeMs), live.begins(2)]);
    expect(client.stats).toMatchObject({ acked: 400, refused: 0, backlog: 0 });
    const lost = states.find(({ name }) => name === 'waiting');
    // A stopping engine says so, with a pause; what follows may be refused connections.
    expect(lost).toMatchObject({ closeCode: closeCodes.shutdown });
    expect(live.snapshots).toHaveLength(2);
  });
});
