/**
 * What the device client keeps, sends again, holds back and gives up, against a scripted peer on a real
 * socket: lost acks, refusals and slow-downs, which the real engine does not do on demand.
 */
import { describe, expect, it } from 'vitest';
import { fixAt, sendMany, timesOf, useDevice } from './devicefixture.ts';
import { until } from './peerfixture.ts';
import { createManualClock } from '../support/clock.ts';

const device = useDevice();
const { connect, acceptOpen } = device;

describe('backlog', () => {
  it('refuses the newest fix when it is full, with a counter and a callback', async () => {
    const { client, drops } = connect({ backlogFixesMax: 2 });
    expect([client.send(fixAt(1)), client.send(fixAt(2)), client.send(fixAt(3))]).toEqual([
      true,
      true,
      false,
    ]);
    expect(drops).toEqual([{ vehicle: null, timeMs: 3, reason: 'backlogFull' }]);
    expect(client.isFull).toBe(true);
    const connection = await acceptOpen();
    await connection.next();
    const room = client.room();
    connection.send([17, 1, 1]);
    await room;
    expect(client.send(fixAt(3))).toBe(true);
    expect(client.stats).toMatchObject({ dropped: 1, acked: 2 });
  });

  it('refuses what has no place or time', async () => {
    const { client, drops } = connect();
    expect(client.send({ ...fixAt(1), latitude: NaN })).toBe(false);
    expect(drops[0]?.reason).toBe('fixNotInteger');
  });

  it('sends again, with new seqs, what a lost connection left open: acks may be lost too', async () => {
    const { client, acks } = connect({ fixesPerFrame: 2 });
    const first = await acceptOpen();
    sendMany(client, 1, 6);
    await first.next();
    await first.next();
    await first.next();
    first.send([17, 1, 1]);
    await until(() => acks.length > 0);
    first.drop();
    const second = await acceptOpen();
    client.send(fixAt(7));
    const again = await second.next();
    expect(again.slice(0, 3)).toEqual([1, 1, 3]);
    expect(timesOf(again)).toEqual([3, 4]);
    expect(timesOf(await second.next())).toEqual([5, 6]);
    expect(timesOf(await second.next())).toEqual([7]);
    second.send([17, 3, 1]);
    await client.flushed();
    expect(client.stats).toMatchObject({ sent: 7, acked: 7, resent: 4, connections: 2 });
    expect(acks.flatMap(({ fixes }) => fixes.map(({ timeMs }) => timeMs))).toEqual([
      1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  it('keeps fixes until they are stored when that is asked for, but sends on when journaled', async () => {
    const { client, acks } = connect({ ackLevel: 'stored' });
    const connection = await acceptOpen({ framesInFlightMax: 1 });
    client.send(fixAt(1));
    await connection.next();
    client.send(fixAt(2));
    connection.send([17, 1, 1]);
    expect(timesOf(await connection.next())).toEqual([2]);
    expect(client.stats).toMatchObject({ acked: 0, backlog: 2, framesInFlight: 1 });
    connection.send([17, 2, 1]);
    connection.send([17, 2, 2]);
    await client.flushed();
    expect(acks.map(({ level, fixes }) => [level, fixes.length])).toEqual([
      [1, 0],
      [1, 0],
      [2, 2],
    ]);
  });

  it('goes offline on purpose and uploads afterwards', async () => {
    const { client, states } = connect();
    const first = await acceptOpen();
    client.send(fixAt(1));
    await first.next();
    client.pause(1);
    await first.closed;
    client.send(fixAt(2));
    const second = await acceptOpen();
    expect(timesOf(await second.next())).toEqual([1, 2]);
    expect(states.map(({ name }) => name)).toEqual(['open', 'waiting', 'connecting', 'open']);
  });
});

describe('refusals', () => {
  it('counts refused fixes out, tells them once, and does not send them again', async () => {
    const { client, refusals, acks } = connect();
    const first = await acceptOpen();
    sendMany(client, 1, 3);
    await first.next();
    first.send([18, 1, 203, 'latitude', [1]]);
    await until(() => refusals.length > 0);
    first.drop();
    const second = await acceptOpen();
    expect(timesOf(await second.next())).toEqual([1, 3]);
    second.send([17, 1, 1]);
    await client.flushed();
    expect(refusals).toEqual([
      { code: 203, message: 'latitude', fixes: [{ vehicle: null, timeMs: 2 }] },
    ]);
    expect(acks.at(-1)?.fixes.map(({ timeMs }) => timeMs)).toEqual([1, 3]);
    expect(client.stats).toMatchObject({ acked: 2, refused: 1, backlog: 0 });
  });

  it('is flushed when all that is left was refused and the connection came back', async () => {
    const { client } = connect();
    const first = await acceptOpen();
    client.send(fixAt(1));
    await first.next();
    const flushed = client.flushed();
    first.send([18, 1, 113, 'not this vehicle']);
    await until(() => client.stats.refused > 0);
    first.drop();
    await acceptOpen();
    await flushed;
    expect(client.stats).toMatchObject({ acked: 0, refused: 1, backlog: 0 });
  });
});

describe('slow-down', () => {
  it('holds, then asks with one frame, then goes on', async () => {
    const clock = createManualClock();
    const { client } = connect({ clock, fixesPerFrame: 1 });
    const connection = await acceptOpen();
    client.send(fixAt(1));
    await connection.next();
    connection.send([19, 2_000]);
    await until(() => client.stats.slowDowns > 0);
    sendMany(client, 2, 3);
    connection.send([17, 1, 1]);
    await until(() => client.stats.acked > 0);
    clock.advance(1_999);
    expect(client.stats.sent).toBe(1);
    clock.advance(1);
    expect(timesOf(await connection.next())).toEqual([2]);
    expect(client.stats.sent).toBe(2);
    connection.send([17, 2, 1]);
    expect(timesOf(await connection.next())).toEqual([3]);
    expect(timesOf(await connection.next())).toEqual([4]);
  });
});
