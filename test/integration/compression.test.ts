/** permessage-deflate: on the subscriber plane where it is on, never on the device plane, and the same frames. */
import { afterEach, expect, it } from 'vitest';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

let test: EngineTest;
afterEach(() => test.cleanup());

const timeoutMs = 120_000;

const attributes = { note: 'the same words again and again, '.repeat(20) };

async function device(): Promise<TestSocket> {
  const token = await testToken({ sub: 'bus-1', role: 'device' });
  const url = `${test.engine.wsUrl}/v1/ingest`;
  const socket = await openSocket(url, { token, deflate: true });
  await socket.nextOf(16);
  return socket;
}

async function viewer(deflate: boolean, protocol = 'fleetwire.v1'): Promise<TestSocket> {
  const token = await testToken({ sub: 'anna', role: 'viewer' });
  const url = `${test.engine.wsUrl}/v1/live`;
  const socket = await openSocket(url, { token, deflate, protocols: [protocol] });
  await socket.nextOf(48);
  return socket;
}

it.each(['shared', 'dedicated'])(
  '%s: who offers it gets it, and all get the same',
  async (mode) => {
    test = await openEngineTest({ FLEETWIRE_COMPRESSION: mode });
    const bus = await device();
    expect(bus.extensions).toBe('');
    const plain = await viewer(false);
    const binary = await viewer(true);
    const json = await viewer(true, 'fleetwire.v1.json');
    const viewers = [plain, binary, json];
    expect(viewers.map(({ extensions }) => extensions)).toEqual([
      '',
      'permessage-deflate',
      'permessage-deflate',
    ]);
    // Long enough for the client to compress it too.
    const subscribe = [32, 1, 'fleet', { filler: 'x'.repeat(5_000) }];
    plain.send(subscribe);
    binary.send(subscribe);
    json.sendRaw(JSON.stringify(subscribe));
    for (const socket of viewers) await socket.nextOf(49);
    for (let seq = 1; seq <= 5; seq++) {
      bus.send([1, seq, Date.now(), [[0, seq, -seq, null, null, null, null, null, attributes]]]);
      const frames = await Promise.all(viewers.map((socket) => socket.nextOf(52)));
      const [position] = (frames[0]?.[2] ?? []) as unknown[][];
      expect(position?.slice(2, 4)).toEqual([seq, -seq]);
      expect(position?.[9]).toEqual(attributes);
      expect(frames[1]).toEqual(frames[0]);
      expect(frames[2]).toEqual(frames[0]);
    }
    // Frames of a topic are nearly all of it.
    for (const { bytesRead } of [binary, json]) expect(bytesRead).toBeLessThan(plain.bytesRead / 2);
    for (const socket of [...viewers, bus]) await socket.close();
  },
);

it(
  'a message that is small and becomes larger than may be is not taken',
  async () => {
    test = await openEngineTest({ FLEETWIRE_COMPRESSION: 'shared' });
    const socket = await viewer(true);
    socket.sendRaw(new Uint8Array(50_000_000));
    expect((await socket.closed).code).toBe(1006);
    const other = await viewer(true);
    await other.close();
  },
  timeoutMs,
);

it(
  'by default nobody gets it',
  async () => {
    test = await openEngineTest();
    const sockets = [await viewer(true), await device()];
    expect(sockets.map(({ extensions }) => extensions)).toEqual(['', '']);
    for (const socket of sockets) await socket.close();
  },
  timeoutMs,
);
