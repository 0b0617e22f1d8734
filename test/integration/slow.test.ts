/**
 * Subscribers that stop reading, on real sockets: fast ones miss nothing, slow ones cost a bounded number of
 * bytes, and when they read again they get the newest of each vehicle and are told what was left out.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

const vehicles = 200;
const slowReaders = 20;
const rounds = 300;
/** Positions are made large, so that they fill the kernel's buffers of a socket on loopback soon. */
const attributes = { filler: 'x'.repeat(900) };

let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest();
});

afterAll(() => test.cleanup());

async function openFleet(): Promise<TestSocket> {
  const token = await testToken({ sub: 'anna', role: 'viewer' });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, { token });
  await socket.nextOf(48);
  socket.send([32, 1, 'fleet']);
  await socket.nextOf(49);
  return socket;
}

type Position = [vehicle: string, timeMs: number];

/** Reads frames until every vehicle was seen at `lastMs`; how often each was seen, and what was skipped. */
async function readUntil(socket: TestSocket, lastMs: number) {
  const newest = new Map<string, number>();
  let atLast = 0;
  let received = 0;
  let skipped = 0;
  while (atLast < vehicles) {
    const frame = (await socket.next()) as [number, string, unknown];
    if (frame[0] === 53) skipped += (frame[2] as { skipped: number }).skipped;
    if (frame[0] !== 52) continue;
    for (const [vehicle, timeMs] of frame[2] as Position[]) {
      expect(timeMs).toBeGreaterThan(newest.get(vehicle) ?? 0);
      newest.set(vehicle, timeMs);
      received += 1;
      if (timeMs === lastMs) atLast += 1;
    }
  }
  return { received, skipped };
}

it('conflates for those that do not read, and for nobody else', async () => {
  const fast = await openFleet();
  const slow = await Promise.all(Array.from({ length: slowReaders }, openFleet));
  for (const socket of slow) socket.pause();
  const device = await openSocket(`${test.engine.wsUrl}/v1/ingest`, {
    token: await testToken({ sub: 'gate', role: 'device', vehicles: ['*'] }),
  });
  await device.nextOf(16);
  const startMs = Date.now() - rounds;
  const reading = readUntil(fast, startMs + rounds - 1);
  let seq = 0;
  for (let round = 0; round < rounds; round++) {
    for (let vehicle = 0; vehicle < vehicles; vehicle++) {
      seq += 1;
      device.send([
        1,
        seq,
        startMs + round,
        [[0, vehicle, round, null, null, null, null, null, attributes]],
        `v${vehicle}`,
      ]);
      if (seq % limits.framesInFlightMax === 0) {
        while ((await device.nextOf(17))[1] !== seq);
      }
    }
  }
  const seenFast = await reading;
  expect(seenFast.skipped).toBe(0);
  expect(await test.engine.counter('fleetwire_feeds_lagging_total')).toBeGreaterThanOrEqual(
    slowReaders,
  );
  expect(await test.engine.counter('fleetwire_messages_dropped_total')).toBe(0);
  // Each slow reader is above the mark that made it lag, and far below where messages are dropped.
  const waitingBytes = await test.engine.counter('fleetwire_sockets_waiting_bytes');
  expect(waitingBytes).toBeGreaterThan(slowReaders * limits.subscriberHighWaterBytes);
  expect(waitingBytes).toBeLessThan(slowReaders * limits.subscriberBackpressureBytesMax);

  for (const socket of slow) {
    socket.resume();
    const seen = await readUntil(socket, startMs + rounds - 1);
    const told = (await socket.nextOf(53)) as [number, string, { skipped: number }];
    expect(told[2].skipped).toBeGreaterThan(0);
    expect(seen.received + seen.skipped + told[2].skipped).toBe(seenFast.received);
    await socket.close();
  }
  await device.close();
  await fast.close();
}, 120_000);
