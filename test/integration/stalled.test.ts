/**
 * 500 subscribers that have stopped reading: what the engine holds for them is bounded and does not grow while they
 * stay, those that read miss nothing, and each of the 500 has the newest of every vehicle when it reads again.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { heapEnv, readHeap } from '../support/heap.ts';
import { openMap, type LiveMap } from '../support/livemap.ts';
import { agree, heavyPositionBytesMax, openWorld } from '../support/world.ts';

const readers = 500;
const users = Math.ceil(readers / limits.userConnectionsMax) + 1;
const vehicles = Array.from({ length: 50 }, (_, index) => `v${index}`);
/** Rounds between two readings of the heap, both after every reader lags. */
const roundsAfter = 100;
/** With 11 bytes for each reader and round it would grow by more. */
const heapGrowthMaxBytes = 512 * 1024;
/** Readers that connect, or read again, at once: the bytes of all of them would be too much for one process. */
const atOnce = 25;
/** What one reader costs at most: what made it lag, and the frames of the tick that came on top. */
const readerBytesMax = limits.subscriberHighWaterBytes + vehicles.length * heavyPositionBytesMax;
let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest(heapEnv);
});

afterAll(() => test.cleanup());

async function openStalled(index: number): Promise<LiveMap> {
  const map = await openMap(test, { sub: `user-${index % users}` });
  await map.ask('fleet');
  map.socket.pause();
  return map;
}

it('costs a bounded number of bytes each, however long they stay', async () => {
  const world = await openWorld(test);
  const fast = await openMap(test);
  const answer = await fast.ask('fleet');
  const stalled: LiveMap[] = [];
  while (stalled.length < readers) {
    const next = Array.from({ length: atOnce }, (_, index) => openStalled(stalled.length + index));
    stalled.push(...(await Promise.all(next)));
  }

  async function round(): Promise<void> {
    await world.moveHeavily(vehicles);
    await agree(fast, world, answer);
    const waitingBytes = await test.engine.counter('fleetwire_sockets_waiting_bytes');
    expect(waitingBytes).toBeLessThan(readers * readerBytesMax);
  }

  const lagging = (): Promise<number> => test.engine.counter('fleetwire_feeds_lagging_total');
  while ((await lagging()) < readers) await round();
  const before = await readHeap(test.engine);
  for (let count = 0; count < roundsAfter; count++) await round();
  expect((await readHeap(test.engine)) - before).toBeLessThan(heapGrowthMaxBytes);
  // All of them lag, and none has caught up meanwhile.
  expect(await lagging()).toBe(readers);
  expect(fast.skipped).toBe(0);
  expect(fast.repeats).toBe(0);
  expect(await test.engine.counter('fleetwire_messages_dropped_total')).toBe(0);
  expect(await test.engine.counter('fleetwire_connections')).toBe(readers + 2);

  async function readAgain(map: LiveMap): Promise<void> {
    map.socket.resume();
    await agree(map, world, answer);
    await map.until(() => map.skipped > 0);
    expect(map.received + map.skipped).toBe(fast.received);
    expect(map.repeats).toBe(0);
    await map.socket.close();
  }

  while (stalled.length > 0) await Promise.all(stalled.splice(0, atOnce).map(readAgain));
  await world.close();
  await fast.socket.close();
  await expect.poll(() => test.engine.counter('fleetwire_topics')).toBe(0);
}, 180_000);
