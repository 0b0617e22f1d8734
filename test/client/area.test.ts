/**
 * The area of the live client against a scripted peer on a real socket: its frames, refusals and lost
 * connections. Its moves are in areamove.test.ts.
 */
import { describe, expect, it } from 'vitest';
import type { AreaBounds, LiveClient } from '../../src/client/index.ts';
import { areaOf, bus, listenArea, useLive } from './livefixture.ts';
import { until } from './peerfixture.ts';

const live = useLive();
const { connect, acceptOpen } = live;

const limerick: AreaBounds = { west: -8.7, south: 52.6, east: -8.55, north: 52.7 };
const covered: AreaBounds = { west: -9, south: 52.5, east: -8.5, north: 53 };

async function open(client: LiveClient) {
  const area = listenArea(client, limerick);
  const connection = await acceptOpen();
  await connection.next();
  connection.send([49, 1, areaOf(covered, ['a'])]);
  await area.ready;
  return { area, connection };
}

const opened = ['snapshot', -9, ['a']];

describe('an area', () => {
  it.each(['messagepack', 'json'] as const)('hands on what comes, over %s', async (codec) => {
    const client = connect({ codec });
    const area = listenArea(client, limerick, { minIntervalMs: 500 });
    const connection = await acceptOpen();
    const send = codec === 'json' ? connection.sendJson : connection.send;
    const text = 'area:-8.7,52.6,-8.55,52.7';
    expect(await connection.next()).toEqual([32, 1, text, { minIntervalMs: 500 }]);
    send([52, 'area', [bus]]);
    send([49, 1, areaOf(covered, ['a', 'b'])]);
    expect(await area.ready).toEqual({ epoch: 'e1', area: covered, moved: false });
    send([52, 'area', [bus]]);
    send([51, 'area', 0, 'left', ['a', 'b']]);
    send([53, 'area', { skipped: 3, durationMs: 80 }]);
    send([51, 'area', 0, 'something new', ['a']]);
    send([51, 'area', 0, 'left', ['a', 5]]);
    send([51, 'area', 0, 'left', 'a']);
    send([54, 'area', 'the token is gone']);
    await area.count(5);
    expect(area.told).toEqual([
      ['snapshot', -9, ['a', 'b']],
      ['positions', ['bus-1']],
      ['left', ['a', 'b']],
      ['conflated', { skipped: 3, durationMs: 80 }],
      ['unsubscribed', 'the token is gone'],
    ]);
    expect(client.ignored).toBe(4);
    await expect(area.move(covered)).rejects.toMatchObject({ kind: 'refused' });
  });

  it('begins anew on a new connection', async () => {
    const { area, connection } = await open(connect());
    connection.drop();
    const second = await acceptOpen();
    expect((await second.next())[1]).toBe(2);
    second.send([52, 'area', [bus]]);
    second.send([49, 2, areaOf(covered, ['b'])]);
    await area.count(2);
    expect(area.told).toEqual([opened, ['snapshot', -9, ['b']]]);
  });

  it('does not take a part for all: the engine may know an area that the client does not', async () => {
    const area = listenArea(connect(), limerick);
    const first = await acceptOpen();
    await first.next();
    first.send([49, 1, areaOf(covered, ['a'], true)]);
    const second = await acceptOpen();
    await second.next();
    second.send([49, 2, areaOf(covered, ['a', 'b'])]);
    await area.ready;
    expect(area.told).toEqual([['snapshot', -9, ['a', 'b']]]);
  });

  it('is one at a time, and no topic like others', async () => {
    const client = connect();
    const first = listenArea(client, limerick);
    const second = listenArea(client, limerick);
    await expect(second.ready).rejects.toMatchObject({ kind: 'refused', code: 306 });
    for (const topic of ['area', 'area:0,0,1,1']) {
      const { ready } = client.subscribe(topic, { onSnapshot: () => undefined });
      await expect(ready).rejects.toMatchObject({ kind: 'refused', code: 302 });
    }
    const connection = await acceptOpen();
    await connection.next();
    connection.send([49, 1, areaOf(covered)]);
    await first.ready;
    expect(connection.pending).toEqual([]);
  });

  it('ends with the client', async () => {
    const client = connect();
    const { area } = await open(client);
    const move = area.move(covered);
    await client.close();
    await expect(move).rejects.toMatchObject({ kind: 'closed', code: 1000 });
    expect(area.told).toEqual([opened, ['error', 'closed', 1000]]);
    await expect(listenArea(client, limerick).ready).rejects.toMatchObject({ kind: 'closed' });
  });
});

describe('a refused area', () => {
  it('ends where it is refused for good, and another one may follow', async () => {
    const client = connect();
    const area = listenArea(client, { ...limerick, south: 95 });
    const connection = await acceptOpen();
    await connection.next();
    connection.send([50, 1, 310, 'bad area', false]);
    await expect(area.ready).rejects.toMatchObject({ kind: 'refused', code: 310 });
    expect(area.told).toEqual([['error', 'refused', 310]]);
    listenArea(client, limerick);
    expect((await connection.next())[2]).toBe('area:-8.7,52.6,-8.55,52.7');
  });

  it('is asked for again where the refusal is temporary', async () => {
    const area = listenArea(connect(), limerick);
    const connection = await acceptOpen();
    await connection.next();
    connection.send([50, 1, 309, 'later', true]);
    expect((await connection.next())[1]).toBe(2);
    connection.send([49, 2, areaOf(covered)]);
    await area.ready;
    expect(area.told).toEqual([
      ['error', 'refused', 309],
      ['snapshot', -9, []],
    ]);
  });

  it.each([
    ['no map', null],
    ['no epoch', { ...areaOf(covered), epoch: 1 }],
    ['no word on what it is', { ...areaOf(covered), moved: null }],
    ['no bounds', { ...areaOf(covered), area: null }],
    ['bounds of three edges', { ...areaOf(covered), area: [1, 2, 3] }],
    ['a west that is none', { ...areaOf(covered), area: ['1', 2, 3, 4] }],
    ['a north that is none', { ...areaOf(covered), area: [1, 2, 3, null] }],
    ['positions that are none', { ...areaOf(covered), snapshot: [[1]] }],
  ])('is one whose answer has %s', async (_, result) => {
    const area = listenArea(connect(), limerick);
    const connection = await acceptOpen();
    await connection.next();
    connection.send([49, 1, result]);
    await expect(area.ready).rejects.toMatchObject({ kind: 'malformed', temporary: false });
    expect(await connection.next()).toEqual([33, 2, 'area']);
    expect(area.told).toEqual([['error', 'malformed', 0]]);
  });
});

describe('unsubscribe from an area', () => {
  it('tells the engine and is silent from then on', async () => {
    const client = connect();
    const { area, connection } = await open(client);
    const done = area.unsubscribe();
    expect(await connection.next()).toEqual([33, 2, 'area']);
    connection.send([52, 'area', [bus]]);
    connection.send([49, 2, null]);
    await done;
    await area.unsubscribe();
    await expect(area.move(covered)).rejects.toMatchObject({ kind: 'closed' });
    expect(area.told).toEqual([opened]);
    expect(client.ignored).toBe(1);
    connection.drop();
    expect((await acceptOpen()).pending).toEqual([]);
  });

  it('needs no engine without a connection, and no answer that is still under way', async () => {
    const client = connect();
    const early = listenArea(client, limerick);
    await early.unsubscribe();
    await expect(early.ready).rejects.toMatchObject({ kind: 'closed' });
    const late = listenArea(client, covered);
    const connection = await acceptOpen();
    expect(await connection.next()).toEqual([32, 1, 'area:-9,52.5,-8.5,53']);
    void late.unsubscribe();
    const next = listenArea(client, limerick);
    connection.send([49, 1, areaOf(covered, ['a'])]);
    connection.send([52, 'area', [bus]]);
    await until(() => client.ignored > 0);
    expect(await connection.next()).toEqual([33, 2, 'area']);
    expect(await connection.next()).toEqual([32, 3, 'area:-8.7,52.6,-8.55,52.7']);
    connection.send([49, 3, areaOf(covered, ['b'])]);
    await next.ready;
    expect([late.told, next.told]).toEqual([[], [['snapshot', -9, ['b']]]]);
  });
});
