/**
 * Moves of an area, overtaken, refused and cut off, against a scripted peer on a real socket.
 */
import { describe, expect, it } from 'vitest';
import type { AreaBounds, LiveClient } from '../../src/client/index.ts';
import { areaOf, bus, listenArea, useLive } from './livefixture.ts';
import { fastBounds, type PeerConnection } from './peer.ts';
import { createManualClock } from '../support/clock.ts';

const live = useLive();
const { connect, acceptOpen } = live;

/** An area of one degree that is known by its west. */
const at = (west: number): AreaBounds => ({ west, south: 0, east: west + 1, north: 1 });

/** An area at 0 that the engine has answered. */
async function open(client: LiveClient) {
  const area = listenArea(client, at(0));
  const connection = await acceptOpen();
  await connection.next();
  connection.send([49, 1, areaOf(at(0), ['a'])]);
  await area.ready;
  return { area, connection };
}

const opened = ['snapshot', 0, ['a']];

/** The request of the next subscribe, which is for an area at `west`. */
async function asked(connection: PeerConnection, west: number): Promise<unknown> {
  const [type, request, topic] = await connection.next();
  expect([type, topic]).toEqual([32, `area:${west},0,${west + 1},1`]);
  return request;
}

describe('a move', () => {
  it('keeps the area going until it is answered, and then says what is new', async () => {
    const { area, connection } = await open(connect());
    const move = area.move(at(1));
    const request = await asked(connection, 1);
    connection.send([52, 'area', [bus]]);
    connection.send([51, 'area', 0, 'left', ['a']]);
    connection.send([49, request, areaOf(at(1), ['b'], true)]);
    connection.send([52, 'area', [bus]]);
    expect(await move).toEqual({ epoch: 'e1', area: at(1), moved: true });
    await area.count(5);
    expect(area.told).toEqual([
      opened,
      ['positions', ['bus-1']],
      ['left', ['a']],
      ['moved', 1, ['b']],
      ['positions', ['bus-1']],
    ]);
  });

  it('may begin anew: so much was new', async () => {
    const { area, connection } = await open(connect());
    const move = area.move(at(1));
    connection.send([49, await asked(connection, 1), areaOf(at(1), ['b'])]);
    expect(await move).toMatchObject({ moved: false });
    expect(area.told).toEqual([opened, ['snapshot', 1, ['b']]]);
  });

  it('does not change when the program changes its bounds afterwards', async () => {
    const { area, connection } = await open(connect());
    const bounds = { ...at(1) };
    void area.move(bounds);
    bounds.west = 77;
    await asked(connection, 1);
  });

  it('before the connection is where the area begins', async () => {
    const area = listenArea(connect(), at(0));
    const move = area.move(at(1));
    const connection = await acceptOpen();
    connection.send([49, await asked(connection, 1), areaOf(at(1))]);
    expect(await move).toEqual(await area.ready);
    expect(area.told).toEqual([['snapshot', 1, []]]);
  });

  it('made by a handler follows on the one before', async () => {
    const client = connect();
    const told: number[] = [];
    const moves: Promise<unknown>[] = [];
    const handle = client.area(at(0), {
      onSnapshot(_, { area }) {
        told.push(area.west);
        if (area.west === 0) moves.push(handle.move(at(1)));
      },
      onPositions: () => undefined,
      onLeft: () => undefined,
    });
    const connection = await acceptOpen();
    connection.send([49, await asked(connection, 0), areaOf(at(0))]);
    connection.send([49, await asked(connection, 1), areaOf(at(1), [], true)]);
    await Promise.all(moves);
    expect(told).toEqual([0, 1]);
  });
});

describe('moves that overtake each other', () => {
  it('ask for the newest when the one under way is answered, and leave out those between', async () => {
    const { area, connection } = await open(connect());
    const moves = [1, 2, 3].map((west) => area.move(at(west)));
    connection.send([49, await asked(connection, 1), areaOf(at(1), ['b'], true)]);
    connection.send([49, await asked(connection, 3), areaOf(at(3), ['c'], true)]);
    const results = await Promise.all(moves);
    expect(results.map((result) => result.area.west)).toEqual([1, 3, 3]);
    expect(area.told).toEqual([opened, ['moved', 1, ['b']], ['moved', 3, ['c']]]);
    expect(connection.pending).toEqual([]);
  });

  it('are settled by the newest where the one under way is refused', async () => {
    const { area, connection } = await open(connect());
    const moves = [area.move(at(1)), area.move(at(2))];
    connection.send([50, await asked(connection, 1), 310, 'bad area', false]);
    connection.send([49, await asked(connection, 2), areaOf(at(2), [], true)]);
    const results = await Promise.all(moves);
    expect(results.map((result) => result.area.west)).toEqual([2, 2]);
    expect(area.told).toEqual([opened, ['error', 'refused', 310], ['moved', 2, []]]);
  });

  it('ask no faster than an engine lets them: a map is dragged at every frame of the screen', async () => {
    const clock = createManualClock();
    const bounds = { ...fastBounds, clientAreaIntervalMs: 100 };
    const { area, connection } = await open(connect({ clock, bounds }));
    void area.move(at(1));
    clock.advance(99);
    void area.move(at(2));
    expect(connection.pending).toEqual([]);
    clock.advance(1);
    connection.send([49, await asked(connection, 2), areaOf(at(2), [], true)]);
    await area.count(2);
    const last = area.move(at(3));
    clock.advance(100);
    connection.send([49, await asked(connection, 3), areaOf(at(3), [], true)]);
    await last;
    // The next one has nothing to wait for.
    clock.advance(100);
    void area.move(at(4));
    await asked(connection, 4);
  });
});

describe('a refused move', () => {
  it('leaves the area where it was', async () => {
    const { area, connection } = await open(connect());
    const move = area.move({ ...at(1), north: 91 });
    const [, request, topic] = await connection.next();
    expect(topic).toBe('area:1,0,2,91');
    connection.send([50, request, 310, 'bad area', false]);
    await expect(move).rejects.toMatchObject({ kind: 'refused', code: 310 });
    connection.send([52, 'area', [bus]]);
    await area.count(3);
    expect(area.told).toEqual([opened, ['error', 'refused', 310], ['positions', ['bus-1']]]);
    connection.drop();
    await asked(await acceptOpen(), 0);
  });

  it('is made again where the refusal is temporary, to where the newest goes', async () => {
    const clock = createManualClock();
    const { area, connection } = await open(connect({ clock, random: () => 0.999 }));
    const first = area.move(at(1));
    connection.send([50, await asked(connection, 1), 309, 'later', true]);
    await area.count(2);
    const second = area.move(at(2));
    expect(connection.pending).toEqual([]);
    clock.advance(5);
    connection.send([49, await asked(connection, 2), areaOf(at(2), [], true)]);
    expect(await first).toEqual(await second);
  });

  it('ends the area where its answer makes no sense', async () => {
    const { area, connection } = await open(connect());
    const moves = [area.move(at(1)), area.move(at(2))];
    connection.send([49, await asked(connection, 1), { ...areaOf(at(1)), area: 'all' }]);
    for (const move of moves) await expect(move).rejects.toMatchObject({ kind: 'malformed' });
    expect(await connection.next()).toEqual([33, 3, 'area']);
    expect(area.told).toEqual([opened, ['error', 'malformed', 0]]);
  });
});

describe('a lost connection in the middle of a move', () => {
  it('has it made on the next one, where the area begins anew', async () => {
    const { area, connection } = await open(connect());
    const move = area.move(at(1));
    await asked(connection, 1);
    connection.drop();
    const second = await acceptOpen();
    second.send([49, await asked(second, 1), areaOf(at(1), ['b'])]);
    expect(await move).toMatchObject({ moved: false });
    expect(area.told).toEqual([opened, ['snapshot', 1, ['b']]]);
  });

  it('has the newest made', async () => {
    const { area, connection } = await open(connect());
    const moves = [area.move(at(1)), area.move(at(2))];
    await asked(connection, 1);
    connection.drop();
    const second = await acceptOpen();
    second.send([49, await asked(second, 2), areaOf(at(2))]);
    const results = await Promise.all(moves);
    expect(results.map((result) => result.area.west)).toEqual([2, 2]);
  });

  it('goes back to where the area was, when the move is refused then', async () => {
    const { area, connection } = await open(connect());
    const move = area.move(at(1));
    await asked(connection, 1);
    connection.drop();
    const second = await acceptOpen();
    second.send([50, await asked(second, 1), 310, 'bad area', false]);
    second.send([49, await asked(second, 0), areaOf(at(0), ['a'])]);
    await expect(move).rejects.toMatchObject({ code: 310 });
    await area.count(3);
    expect(area.told).toEqual([opened, ['error', 'refused', 310], opened]);
    second.drop();
    const third = await acceptOpen();
    third.send([50, await asked(third, 0), 304, 'not allowed any more', false]);
    await area.count(4);
    await expect(area.move(at(1))).rejects.toMatchObject({ code: 304 });
  });

  it('is what follows a move that is not answered', async () => {
    const clock = createManualClock();
    const { area, connection } = await open(connect({ clock }));
    const move = area.move(at(1));
    await asked(connection, 1);
    clock.advance(10_000);
    await connection.closed;
    clock.advance(10);
    const second = await acceptOpen();
    second.send([49, await asked(second, 1), areaOf(at(1), ['b'])]);
    await move;
    expect(area.told).toEqual([opened, ['error', 'timeout', 0], ['snapshot', 1, ['b']]]);
  });
});
