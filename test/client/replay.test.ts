/**
 * Replays of the live client against a scripted peer on a real socket: what it asks, what it hands on, and how one
 * ends: by the engine, by the program, with its connection.
 */
import { describe, expect, it } from 'vitest';
import type { LiveClient, ReplayAsked } from '../../src/client/index.ts';
import { bus, busAsFriend, useLive } from './livefixture.ts';
import type { PeerConnection } from './peer.ts';
import { until } from './peerfixture.ts';

const live = useLive();
const { connect, acceptOpen } = live;
const asked: ReplayAsked = { vehicle: 'bus-1', fromMs: 1_000, toMs: 9_000, speed: 10, raw: true };
const state = { isPaused: false, speed: 10, placeMs: 1_000, shown: 0, lastMs: null };
const begun = { id: '7', topic: 'replay:7', ...state };

/** Starts one and writes down, in order, all that its handlers are told. */
function watch(client: LiveClient) {
  const told: unknown[] = [];
  const handle = client.replay(asked, {
    onPositions: (positions) => told.push(positions),
    onSilence: (silence) => told.push(silence),
    onEnd: (end) => told.push(end),
  });
  return { ...handle, told };
}

/** A replay that has begun on a fresh connection. */
async function begin(client = connect()) {
  const replay = watch(client);
  const connection = await acceptOpen();
  const [type, request, method, params] = await connection.next();
  expect([type, method, params]).toEqual([34, 'replay.start', asked]);
  // Fixes follow the answer at once.
  connection.send([49, request, begun]);
  connection.send([52, 'replay:7', [bus]]);
  await until(() => replay.told.length > 0);
  expect(await replay.ready).toEqual(state);
  return { client, replay, connection };
}

async function answer(connection: PeerConnection, result: unknown): Promise<unknown[]> {
  const [, request, ...call] = await connection.next();
  connection.send([49, request, result]);
  return call;
}

describe('a replay of the client', () => {
  it('hands on what comes, and ends once', async () => {
    const { client, replay, connection } = await begin();
    connection.send([51, 'replay:7', 0, 'skipped', { fromMs: 2_000, toMs: 8_000 }]);
    connection.send([51, 'replay:7', 0, 'ended', { reason: 'complete', shown: 1, lastMs: 1 }]);
    connection.send([52, 'replay:7', [bus]]);
    await until(() => client.ignored > 0);
    const end = { reason: 'complete', shown: 1, lastMs: busAsFriend.timeMs };
    expect(replay.told).toEqual([[busAsFriend], { fromMs: 2_000, toMs: 8_000 }, end]);
    await expect(replay.pause()).rejects.toMatchObject({ kind: 'closed' });
    await replay.stop();
  });

  it('is changed by calls', async () => {
    const { replay, connection } = await begin();
    const calls = [
      [() => replay.pause(), 'replay.pause', {}],
      [() => replay.resume(), 'replay.resume', {}],
      [() => replay.seek(5_000), 'replay.seek', { timeMs: 5_000 }],
      [() => replay.setSpeed(0), 'replay.speed', { speed: 0 }],
    ] as const;
    for (const [call, method, params] of calls) {
      const changed = call();
      const sent = await answer(connection, { ...begun, placeMs: 5_000 });
      expect(sent).toEqual([method, { id: '7', ...params }]);
      expect(await changed).toEqual({ ...state, placeMs: 5_000 });
    }
    const refused = replay.seek(-1);
    const [, request] = await connection.next();
    connection.send([50, request, 672, 'no such time', false]);
    await expect(refused).rejects.toMatchObject({ kind: 'refused', code: 672 });
    const odd = replay.pause();
    await answer(connection, { isPaused: 'perhaps' });
    await expect(odd).rejects.toMatchObject({ kind: 'malformed' });
  });

  it('is stopped, and tells nothing more', async () => {
    const { client, replay, connection } = await begin();
    const stopped = replay.stop();
    connection.send([52, 'replay:7', [bus]]);
    expect(await answer(connection, begun)).toEqual(['replay.stop', { id: '7' }]);
    await stopped;
    await until(() => client.ignored > 0);
    expect(replay.told).toHaveLength(1);
  });

  it('that is stopped before its answer is stopped when that comes', async () => {
    const replay = watch(connect());
    const connection = await acceptOpen();
    const [, request] = await connection.next();
    await replay.stop();
    await expect(replay.ready).rejects.toMatchObject({ kind: 'closed' });
    connection.send([49, request, begun]);
    expect(await answer(connection, begun)).toEqual(['replay.stop', { id: '7' }]);
    expect(replay.told).toEqual([]);
  });

  it('ends with its connection, and another goes on from where it was', async () => {
    const { client, replay, connection } = await begin();
    connection.drop();
    await until(() => replay.told.length > 1);
    const lastMs = busAsFriend.timeMs;
    expect(replay.told[1]).toEqual({ reason: 'closed', shown: 1, lastMs });
    await expect(replay.resume()).rejects.toMatchObject({ kind: 'closed' });
    // The same id, of the next connection, is another.
    const again = await begin(client);
    expect(again.replay.told).toHaveLength(1);
    expect(replay.told).toHaveLength(2);
  });

  it('ends where a new token does not allow it', async () => {
    const { replay, connection } = await begin();
    connection.send([54, 'replay:7', 'the token does not allow this topic']);
    await until(() => replay.told.length > 1);
    expect(replay.told[1]).toMatchObject({ reason: 'notAllowed' });
  });

  it('that is refused, or answered with nonsense, never begins', async () => {
    const client = connect();
    const refused = watch(client);
    const connection = await acceptOpen();
    const [, first] = await connection.next();
    connection.send([50, first, 313, 'no such vehicle', false]);
    await expect(refused.ready).rejects.toMatchObject({ kind: 'refused', code: 313 });
    await expect(refused.seek(1)).rejects.toMatchObject({ kind: 'refused', code: 313 });
    const odd = watch(client);
    await answer(connection, { id: 7 });
    await expect(odd.ready).rejects.toMatchObject({ kind: 'malformed' });
    await client.close();
    const late = watch(client);
    await expect(late.ready).rejects.toMatchObject({ kind: 'closed' });
    expect([refused.told, odd.told, late.told]).toEqual([[], [], []]);
  });
});
