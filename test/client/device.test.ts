/**
 * The device client against a scripted peer on a real socket: what the real engine does not do on demand.
 * Its normal way, against the real engine, is in engine.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { ConnectionClosedError } from '../../src/client/index.ts';
import { closeCodes } from '../../src/errors.ts';
import { fixAt, sendMany, timesOf, useDevice } from './devicefixture.ts';
import { createManualClock } from '../support/clock.ts';
import { deviceHello } from './peer.ts';
import { until } from './peerfixture.ts';

const device = useDevice();
const { connect, acceptOpen } = device;

describe('connecting', () => {
  it('offers the protocol and the token side by side and sends nothing before the hello', async () => {
    const { client } = connect();
    client.send(fixAt(1));
    const connection = await device.peer.accept();
    expect(connection.offered).toEqual(['fleetwire.v1', 'bearer.jwt']);
    expect(client.stats.sent).toBe(0);
    connection.send(deviceHello());
    expect(await connection.next()).toEqual([1, 1, 1, [[0, 525_000_000, -85_000_000]]]);
  });

  it('asks for a token for every connection, and again when there was none', async () => {
    let calls = 0;
    const { states } = connect({
      token() {
        calls++;
        return calls === 1 ? Promise.reject(new Error('no token yet')) : `t${calls}`;
      },
    });
    const first = await acceptOpen();
    expect(first.offered[1]).toBe('bearer.t2');
    expect(states[0]).toMatchObject({ name: 'waiting', reason: 'no token yet' });
    first.drop();
    expect((await device.peer.accept()).offered[1]).toBe('bearer.t3');
  });

  it('gives up an attempt that gets no hello in time', async () => {
    const clock = createManualClock();
    const { state, client } = connect({ clock, bounds: {} });
    const connection = await device.peer.accept();
    connection.send([17, 1, 1]);
    // Its message has come, so the socket is open and the clock waits for the hello.
    await until(() => client.stats.ignored > 0);
    const waiting = state('waiting');
    clock.advance(10_000);
    expect(await waiting).toMatchObject({ reason: 'no hello within 10000 ms' });
    await connection.closed;
  });

  it('gives up an attempt whose token does not come in time', async () => {
    const clock = createManualClock();
    const { states, client } = connect({ clock, token: () => new Promise(() => undefined) });
    clock.advance(10_000);
    expect(states[0]).toMatchObject({ reason: 'no connection within 10000 ms' });
    await client.close();
    expect(clock.timers).toBe(0);
  });

  it('says why nobody answers', async () => {
    const { url } = device.peer;
    await device.replacePeer();
    const { state } = connect({ url });
    expect(await state('waiting')).toMatchObject({
      closeCode: 1006,
      reason: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

describe('frames', () => {
  it('gathers what one turn sends, within the fixes and frames that the hello allows', async () => {
    const { client } = connect();
    const connection = await acceptOpen({ fixesPerFrameMax: 4, framesInFlightMax: 2 });
    sendMany(client, 1, 10);
    expect(timesOf(await connection.next())).toEqual([1, 2, 3, 4]);
    expect(timesOf(await connection.next())).toEqual([5, 6, 7, 8]);
    expect(client.stats).toMatchObject({ sent: 8, framesInFlight: 2, backlog: 10 });
    connection.send([17, 1, 1]);
    expect(timesOf(await connection.next())).toEqual([9, 10]);
    connection.send([17, 3, 1]);
    await client.flushed();
    expect(client.stats).toMatchObject({ sent: 10, acked: 10, resent: 0, backlog: 0 });
  });

  it('never makes a frame larger than the hello allows', async () => {
    const { client } = connect();
    const connection = await acceptOpen({ frameBytesMax: 1_024 });
    const attributes = { text: 'x'.repeat(300) };
    for (let timeMs = 1; timeMs <= 5; timeMs++) client.send({ ...fixAt(timeMs), attributes });
    expect(timesOf(await connection.next())).toEqual([1, 2]);
    expect(timesOf(await connection.next())).toEqual([3, 4]);
    expect(timesOf(await connection.next())).toEqual([5]);
  });

  it('does not take a fix that no frame of the engine can hold', async () => {
    const { client, drops } = connect();
    const attributes = { text: 'x'.repeat(1_000) };
    expect(client.send({ ...fixAt(1), attributes })).toBe(true);
    expect(client.send(fixAt(2))).toBe(true);
    const connection = await acceptOpen({ frameBytesMax: 1_024 });
    expect(timesOf(await connection.next())).toEqual([2]);
    expect(client.send({ ...fixAt(3), attributes })).toBe(false);
    expect(drops.map(({ timeMs, reason }) => [timeMs, reason])).toEqual([
      [1, 'attributesTooLarge'],
      [3, 'attributesTooLarge'],
    ]);
    expect(client.stats).toMatchObject({ dropped: 2, backlog: 1 });
  });

  it('waits for others to share a frame when it is told to', async () => {
    const clock = createManualClock();
    const { client, state } = connect({ clock, lingerMs: 200, fixesPerFrame: 3 });
    const opened = state('open');
    const connection = await acceptOpen();
    await opened;
    client.send(fixAt(1));
    clock.advance(199);
    client.send(fixAt(2));
    expect(client.stats.sent).toBe(0);
    clock.advance(1);
    expect(timesOf(await connection.next())).toEqual([1, 2]);
    // A full frame has nothing to wait for.
    sendMany(client, 3, 3);
    expect(timesOf(await connection.next())).toEqual([3, 4, 5]);
    expect(clock.timers).toBe(0);
  });

  it('names the vehicle of a fix in a gateway, one vehicle a frame', async () => {
    const { client, acks } = connect({ vehicle: 'bus-1' });
    const connection = await acceptOpen();
    client.send(fixAt(1));
    client.send({ ...fixAt(1), vehicle: 'bus-2' });
    expect((await connection.next())[4]).toBe('bus-1');
    expect((await connection.next())[4]).toBe('bus-2');
    connection.send([17, 2, 1]);
    await client.flushed();
    expect(acks[0]?.fixes).toEqual([
      { vehicle: 'bus-1', timeMs: 1 },
      { vehicle: 'bus-2', timeMs: 1 },
    ]);
  });
});

describe('close codes', () => {
  it.each([
    ['invalidToken', closeCodes.invalidToken],
    ['badRequest', closeCodes.badRequest],
    ['duplicateSession', closeCodes.duplicateSession],
    ['permissionDenied', closeCodes.permissionDenied],
  ])('ends for good after %s', async (_, code) => {
    const { client, state } = connect();
    const closed = state('closed');
    client.send(fixAt(1));
    const flushed = client.flushed();
    const room = connect({ backlogFixesMax: 0 }).client.room();
    (await device.peer.accept()).close(code, 'go away');
    (await device.peer.accept()).close(code, 'go away');
    expect(await closed).toEqual({ name: 'closed', closeCode: code, reason: 'go away' });
    await expect(flushed).rejects.toThrow(ConnectionClosedError);
    await expect(room).rejects.toMatchObject({ closeCode: code });
    await expect(client.flushed()).rejects.toMatchObject({ closeCode: code });
    expect(client.send(fixAt(2))).toBe(false);
    expect(device.peer.connections).toBe(2);
  });

  it.each([
    ['tokenExpired', closeCodes.tokenExpired],
    ['slow', closeCodes.slow],
    ['tooManyRequests', closeCodes.tooManyRequests],
    ['going away', 1001],
  ])('comes back after %s', async (_, code) => {
    connect();
    (await acceptOpen()).close(code);
    await acceptOpen();
    expect(device.peer.connections).toBe(2);
  });

  it('waits as long as a stopping engine asks for', async () => {
    const clock = createManualClock();
    const { state } = connect({ clock, bounds: {} });
    const waiting = state('waiting');
    (await acceptOpen()).close(closeCodes.shutdown, '4321');
    expect(await waiting).toMatchObject({ delayMs: 4_321, closeCode: 3001 });
    expect(clock.nextInMs).toBe(4_321);
  });

  it('waits longer after each failure, and not after a connection that held', async () => {
    const clock = createManualClock();
    const { state } = connect({ clock, random: () => 0.999_999, bounds: {} });
    const delays: number[] = [];
    for (const heldMs of [0, 0, 0, 10_000, 0]) {
      const opened = state('open');
      const waiting = state('waiting');
      const connection = await acceptOpen();
      await opened;
      clock.advance(heldMs);
      connection.drop();
      const next = await waiting;
      if (next.name === 'waiting') delays.push(next.delayMs);
      clock.advance(delays.at(-1) ?? 0);
    }
    expect(delays).toEqual([499, 999, 1_999, 499, 999]);
  });
});

describe('an engine that talks nonsense', () => {
  it('is ignored and counted, and its acks for frames that were never sent free nothing', async () => {
    const { client } = connect();
    const connection = await device.peer.accept();
    connection.sendRaw(new Uint8Array([0xc1, 0xff]));
    connection.sendRaw('text');
    connection.send([16, { protocol: 2 }]);
    connection.send([17, 1, 1]);
    connection.send(deviceHello());
    client.send(fixAt(1));
    await connection.next();
    connection.send([17, 9, 1]);
    connection.send([17, 1, 7]);
    connection.send([17, -1, 1]);
    connection.send([99]);
    connection.send(deviceHello());
    connection.send([18, 5, 100, 'nothing of this seq', [0]]);
    connection.send([18, 1, 100, 'no such fix', [7]]);
    connection.send([20, { intervalMs: 1_000 }]);
    await until(() => client.stats.ignored >= 9);
    expect(client.stats).toMatchObject({ acked: 0, refused: 0, backlog: 1, connections: 1 });
    connection.send([17, 1, 1]);
    await client.flushed();
    expect(client.stats).toMatchObject({ acked: 1, ignored: 9 });
  });

  it('hands on settings and commands', async () => {
    const told: unknown[] = [];
    connect({
      onSettings: (settings) => told.push(settings),
      onCommand: (command) => told.push(command),
    });
    const connection = await acceptOpen();
    connection.send([20, { intervalMs: 5_000 }]);
    connection.send([21, 'c1', 'horn', { times: 2 }]);
    await until(() => told.length >= 2);
    expect(told).toEqual([
      { intervalMs: 5_000 },
      { commandId: 'c1', name: 'horn', arguments: { times: 2 } },
    ]);
  });
});

describe('close', () => {
  it('is one path: the same promise, a clean close frame, and nothing afterwards', async () => {
    const { client, states } = connect();
    const connection = await acceptOpen();
    client.send(fixAt(1));
    await connection.next();
    const flushed = client.flushed();
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await expect(flushed).rejects.toMatchObject({ closeCode: 1000 });
    await closing;
    expect(await connection.closed).toBe(1000);
    client.pause(0);
    expect(client.send(fixAt(2))).toBe(false);
    expect(states.at(-1)).toEqual({ name: 'closed', closeCode: 1000, reason: '' });
    expect(device.peer.connections).toBe(1);
  });

  it('leaves no timer behind, in whichever state it is', async () => {
    const connecting = createManualClock();
    const first = connect({ clock: connecting }).client;
    await first.close();
    const open = createManualClock();
    const second = connect({ clock: open, lingerMs: 100 });
    const opened = second.state('open');
    await acceptOpen();
    await opened;
    second.client.send(fixAt(1));
    await second.client.close();
    const waiting = createManualClock();
    const third = connect({ clock: waiting });
    const lost = third.state('waiting');
    (await device.peer.accept()).drop();
    await lost;
    await third.client.close();
    expect([connecting.timers, open.timers, waiting.timers]).toEqual([0, 0, 0]);
  });

  it('does not wait for ever for a peer that does not answer the close', async () => {
    const clock = createManualClock();
    const { client, state } = connect({ clock });
    const opened = state('open');
    const connection = await acceptOpen();
    await opened;
    // A peer that has stopped reading answers nothing.
    connection.stopReading();
    const closing = client.close();
    expect(clock.nextInMs).toBe(2_000);
    clock.advance(2_000);
    await closing;
  });
});
