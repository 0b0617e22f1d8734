/**
 * Calls and the end of the live client, against a scripted peer on a real socket: lost and late answers,
 * final close codes and nonsense, which the real engine does not do on demand.
 */
import { describe, expect, it } from 'vitest';
import type { LiveError } from '../../src/client/index.ts';
import { closeCodes } from '../../src/errors.ts';
import { bus, listen, resultOf, useLive } from './livefixture.ts';
import { createManualClock } from '../support/clock.ts';
import { fastBounds, subscriberHello } from './peer.ts';
import { until } from './peerfixture.ts';

const live = useLive();
const { connect, acceptOpen } = live;

describe('call', () => {
  it('waits for the connection and gives the answers to whom they belong', async () => {
    const client = connect();
    const first = client.call('emergency.acknowledge', { id: 'e1' });
    const second = client.call('ping');
    const connection = await acceptOpen();
    expect(await connection.next()).toEqual([34, 1, 'emergency.acknowledge', { id: 'e1' }]);
    expect(await connection.next()).toEqual([34, 2, 'ping', null]);
    connection.send([49, 2, 'pong']);
    connection.send([50, 1, 308, 'no such method', false]);
    expect(await second).toBe('pong');
    await expect(first).rejects.toMatchObject({ name: 'LiveError', code: 308, temporary: false });
  });

  it('fails when the connection is lost before the answer; one that was not sent yet goes on', async () => {
    const client = connect();
    const lost = client.call('a');
    const first = await acceptOpen();
    await first.next();
    first.drop();
    await expect(lost).rejects.toMatchObject({ kind: 'closed', code: 1006, temporary: true });
    const kept = client.call('b');
    const second = await live.peer.accept();
    second.drop();
    const third = await acceptOpen();
    const frame = await third.next();
    expect(frame[2]).toBe('b');
    third.send([49, frame[1], true]);
    expect(await kept).toBe(true);
  });

  it('fails in time when there is no answer, and takes none that comes later', async () => {
    const clock = createManualClock();
    const client = connect({ clock });
    const call = client.call('slow');
    const unsent = connect({ clock, token: () => new Promise(() => undefined), bounds: {} });
    const never = unsent.call('never');
    const connection = await acceptOpen();
    await connection.next();
    clock.advance(10_000);
    await expect(call).rejects.toMatchObject({ kind: 'timeout', temporary: true });
    await expect(never).rejects.toMatchObject({ kind: 'timeout' });
    connection.send([49, 1, 'late']);
    await until(() => client.ignored > 0);
  });

  it('fails at once when too many wait', async () => {
    const client = connect({ bounds: { ...fastBounds, clientRequestsMax: 1 } });
    const first = client.call('a');
    await expect(client.call('b')).rejects.toMatchObject({ kind: 'busy', temporary: true });
    const connection = await acceptOpen();
    const frame = await connection.next();
    connection.send([49, frame[1], 1]);
    expect(await first).toBe(1);
  });
});

describe('the end', () => {
  it('tells every subscription and call about a close code that is final', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    const call = client.call('a');
    const connection = await acceptOpen();
    await connection.next();
    connection.close(closeCodes.permissionDenied, 'no');
    const expected = { kind: 'closed', code: 3507, temporary: false };
    await expect(fleet.ready).rejects.toMatchObject(expected);
    await expect(call).rejects.toMatchObject(expected);
    await expect(client.call('b')).rejects.toMatchObject(expected);
    await expect(listen(client, 'fleet').ready).rejects.toMatchObject(expected);
    expect(live.peer.connections).toBe(1);
  });

  it('closes cleanly, once, and leaves no timer behind', async () => {
    const clock = createManualClock();
    const client = connect({ clock });
    const fleet = listen(client, 'fleet');
    const call: Promise<unknown> = client.call('a').catch((error: LiveError) => error.kind);
    const connection = await acceptOpen();
    await connection.next();
    const closing = client.close();
    expect(client.close()).toBe(closing);
    await closing;
    expect(await connection.closed).toBe(1000);
    expect(await call).toBe('closed');
    await expect(fleet.ready).rejects.toMatchObject({ kind: 'closed', code: 1000 });
    expect(clock.timers).toBe(0);
  });

  it('ignores and counts what it does not understand', async () => {
    const client = connect();
    const fleet = listen(client, 'fleet');
    const connection = await acceptOpen();
    await connection.next();
    connection.sendRaw(new Uint8Array([0xc1]));
    connection.sendRaw('{');
    connection.send([52, 'fleet', [['bus-1', 'not a time']]]);
    connection.send([49, 77, null]);
    connection.send([99]);
    connection.send(subscriberHello);
    connection.send([52, 'vehicle:never', [bus]]);
    connection.send([49, 1, resultOf()]);
    await fleet.ready;
    expect(client.ignored).toBe(7);
    expect(fleet.told).toEqual([['snapshot', []]]);
  });
});
