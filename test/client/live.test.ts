/**
 * Subscriptions of the live client against a scripted peer on a real socket: what the real engine does not
 * do on demand. Their normal way, against the real engine, is in engine.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { bus, busAsFriend, listen, resultOf, useLive } from './livefixture.ts';
import { createManualClock } from '../support/clock.ts';
import { subscriberHello } from './peer.ts';

const live = useLive();
const { connect, acceptOpen } = live;

describe('subscribe', () => {
  it.each(['messagepack', 'json'] as const)(
    'hands on what comes, in order, over %s',
    async (codec) => {
      const client = connect({ codec });
      const fleet = listen(client, 'fleet', { minIntervalMs: 100 });
      const connection = await live.peer.accept();
      const send = codec === 'json' ? connection.sendJson : connection.send;
      const protocol = codec === 'json' ? 'fleetwire.v1.json' : 'fleetwire.v1';
      expect(connection.offered).toEqual([protocol, 'bearer.jwt']);
      send(subscriberHello);
      expect(await connection.next()).toEqual([32, 1, 'fleet', { minIntervalMs: 100 }]);
      send([49, 1, resultOf([bus])]);
      expect(await fleet.ready).toMatchObject({ epoch: 'e1', offset: 0 });
      send([52, 'fleet', [bus, bus]]);
      send([51, 'fleet', 0, 'summary', { moving: 1, idle: 0, offline: 0, emergency: 0 }]);
      send([53, 'fleet', { skipped: 12, durationMs: 500 }]);
      send([54, 'fleet', 'the tenant is gone']);
      await fleet.count(5);
      expect(fleet.told).toEqual([
        ['snapshot', [busAsFriend]],
        ['positions', [busAsFriend, busAsFriend]],
        ['now', 'summary', { moving: 1, idle: 0, offline: 0, emergency: 0 }],
        ['conflated', { skipped: 12, durationMs: 500 }],
        ['unsubscribed', 'the tenant is gone'],
      ]);
    },
  );

  it('starts every subscription again after a reconnect, and says where its events were', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    const trip = listen(client, 'trip:t1', { minIntervalMs: 5 });
    const first = await acceptOpen();
    expect([await first.next(), await first.next()]).toEqual([
      [32, 1, 'fleet'],
      [32, 2, 'trip:t1', { minIntervalMs: 5 }],
    ]);
    first.send([49, 1, resultOf([bus])]);
    first.send([49, 2, resultOf([], 40)]);
    first.send([51, 'trip:t1', 41, 'started', null]);
    await trip.count(2);
    first.drop();
    const second = await acceptOpen();
    expect([await second.next(), await second.next()]).toEqual([
      [32, 3, 'fleet', { since: ['e1', 0] }],
      [32, 4, 'trip:t1', { minIntervalMs: 5, since: ['e1', 41] }],
    ]);
    second.send([49, 3, { ...resultOf([]), epoch: 'e2' }]);
    await fleet.count(2);
    // Positions have no history: a new run of the engine is no gap.
    expect(fleet.told).toEqual([
      ['snapshot', [busAsFriend]],
      ['snapshot', []],
    ]);
  });

  it('ends when the engine refuses it for good', async () => {
    const client = connect();
    const secret = listen(client, 'vehicle:secret');
    const connection = await acceptOpen();
    await connection.next();
    connection.send([50, 1, 304, 'not allowed', false]);
    await expect(secret.ready).rejects.toMatchObject({
      kind: 'refused',
      code: 304,
      temporary: false,
    });
    expect(secret.told).toEqual([['error', 'refused', 304]]);
    // The topic is free again.
    listen(client, 'vehicle:secret');
    expect(await connection.next()).toEqual([32, 2, 'vehicle:secret']);
  });

  it('tries again after a temporary refusal', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    const connection = await acceptOpen();
    await connection.next();
    connection.send([50, 1, 118, 'later', true]);
    expect(await connection.next()).toEqual([32, 2, 'fleet']);
    connection.send([49, 2, resultOf()]);
    await fleet.ready;
    expect(fleet.told).toEqual([
      ['error', 'refused', 118],
      ['snapshot', []],
    ]);
  });

  it('comes back on a new connection when a subscribe is not answered', async () => {
    const clock = createManualClock();
    const client = connect({ clock });
    const fleet = listen(client, 'fleet');
    const first = await acceptOpen();
    await first.next();
    clock.advance(10_000);
    await first.closed;
    clock.advance(10);
    const second = await acceptOpen();
    await second.next();
    second.send([49, 2, resultOf()]);
    await fleet.ready;
    expect(fleet.told[0]).toEqual(['error', 'timeout', 0]);
  });

  it('refuses a second subscription of a topic without asking', async () => {
    const client = connect();
    listen(client, 'fleet');
    const second = listen(client, 'fleet');
    await expect(second.ready).rejects.toMatchObject({ kind: 'refused', code: 306 });
    const connection = await acceptOpen();
    expect(await connection.next()).toEqual([32, 1, 'fleet']);
    connection.send([49, 1, resultOf()]);
    expect(second.told).toEqual([['error', 'refused', 306]]);
  });

  it('is refused by a result that makes no sense', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    const connection = await acceptOpen();
    await connection.next();
    connection.send([49, 1, { epoch: 5 }]);
    await expect(fleet.ready).rejects.toMatchObject({ kind: 'malformed', temporary: false });
  });
});

describe('unsubscribe', () => {
  it('tells the engine and is silent from then on', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    const connection = await acceptOpen();
    await connection.next();
    connection.send([49, 1, resultOf()]);
    await fleet.ready;
    const done = fleet.unsubscribe();
    expect(await connection.next()).toEqual([33, 2, 'fleet']);
    connection.send([52, 'fleet', [bus]]);
    connection.send([49, 2, null]);
    await done;
    await fleet.unsubscribe();
    expect(fleet.told).toEqual([['snapshot', []]]);
    expect(client.ignored).toBe(1);
    connection.drop();
    expect((await acceptOpen()).pending).toEqual([]);
  });

  it('needs no engine before the connection is open', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    await fleet.unsubscribe();
    await expect(fleet.ready).rejects.toMatchObject({ kind: 'closed' });
    listen(client, 'vehicle:a');
    const connection = await acceptOpen();
    expect(await connection.next()).toEqual([32, 1, 'vehicle:a']);
  });
});
