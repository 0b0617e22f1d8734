/**
 * Subscribers that do not keep up, on real sockets: fast ones miss nothing, slow ones cost a bounded number of
 * bytes, and when they read again they get the newest of each vehicle and are told what was left out.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openMap, type LiveMap } from '../support/livemap.ts';
import { agree, isSame, openWorld, type World } from '../support/world.ts';

const vehicles = Array.from({ length: 200 }, (_, index) => `bus-${index}`);
const city = 'area:-9.1,52.1,-8.1,53.1';
const inCity = { lat: 52.6, lon: -8.6 };
const far = { lat: 10.1, lon: 100.1 };

let test: EngineTest;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  test = await openEngineTest();
});

afterEach(async () => {
  expect(await test.engine.counter('fleetwire_messages_dropped_total')).toBe(0);
  await Promise.all(closers.splice(0).map((close) => close()));
  await expect.poll(() => test.engine.counter('fleetwire_topics')).toBe(0);
});

afterAll(() => test.cleanup());

async function openTenant(tenant: string): Promise<World> {
  const world = await openWorld(test, { tenant });
  closers.push(world.close);
  return world;
}

async function openReader(tenant: string, sub: string): Promise<LiveMap> {
  const map = await openMap(test, { tenant, sub });
  closers.push(() => map.socket.close());
  return map;
}

const lagging = (): Promise<number> => test.engine.counter('fleetwire_feeds_lagging_total');

it.each([
  ['fleet', 20],
  [city, 5],
])('those that have stopped reading %s conflate, and nobody else', async (topic, slowReaders) => {
  const tenant = `stopped-${slowReaders}`;
  const world = await openTenant(tenant);
  const fast = await openReader(tenant, 'fast');
  const answer = await fast.ask(topic);
  const slow = await Promise.all(
    Array.from({ length: slowReaders }, () => openReader(tenant, 'slow')),
  );
  for (const map of slow) {
    await map.ask(topic);
    map.socket.pause();
  }
  const before = await lagging();
  // Rounds that begin after all of them lag, so that there is something to leave out.
  for (let after = 0; after < 10;) {
    await world.moveHeavily(vehicles);
    await agree(fast, world, answer);
    if ((await lagging()) >= before + slowReaders) after += 1;
    // Far below where messages are dropped.
    const waitingBytes = await test.engine.counter('fleetwire_sockets_waiting_bytes');
    expect(waitingBytes).toBeLessThan(slowReaders * limits.subscriberBackpressureBytesMax);
  }
  const leaving = vehicles.slice(0, 30);
  for (const vehicle of leaving) await world.move(vehicle, far);
  // One comes back, and so has not left for one who did not look.
  await world.move('bus-0', inCity);
  for (let index = 0; index < 10; index++) await world.move(`new-${index}`, inCity);
  await agree(fast, world, answer);
  expect(fast.skipped).toBe(0);
  expect(fast.repeats).toBe(0);

  for (const map of slow) {
    map.socket.resume();
    await agree(map, world, answer);
    await map.until(() => map.skipped > 0);
    expect(map.received + map.skipped).toBe(fast.received);
    expect(map.left.toSorted()).toEqual(topic === city ? leaving.slice(1).toSorted() : []);
    expect(map.repeats).toBe(0);
  }
});

it('one that asked for an interval conflates, and nobody else', async () => {
  const tenant = 'paced';
  const world = await openTenant(tenant);
  const fast = await openReader(tenant, 'fast');
  const paced = await openReader(tenant, 'paced');
  const hourly = await openReader(tenant, 'hourly');
  const answer = await fast.ask(city);
  await paced.ask(city, { minIntervalMs: 300 });
  await hourly.ask(city, { minIntervalMs: 3_600_000 });
  for (let step = 0; step < 60; step++) {
    const timeMs = await world.move('bus-1', { lat: 52.6, lon: -8.9 + step / 100 });
    if (step % 3 === 0) await world.move('bus-2', step % 2 === 0 ? inCity : far);
    await fast.until(() => fast.vehicles.get('bus-1') === timeMs);
  }
  await agree(fast, world, answer);
  await agree(paced, world, answer);
  // Half of the 20 of the second one are outside.
  expect(fast.received).toBe(60 + 10);
  await paced.until(() => paced.received + paced.skipped === fast.received);
  expect(paced.skipped).toBeGreaterThan(0);
  expect(paced.repeats).toBe(0);

  // The other has had nothing, and has all in one answer when it asks for no interval.
  const again = await hourly.ask(city, { minIntervalMs: 0 });
  expect(again.moved).toBe(false);
  expect(hourly.received).toBe(0);
  expect(isSame(hourly.vehicles, world.within(again))).toBe(true);
  await world.move('bus-1', inCity);
  await agree(hourly, world, again);
  expect(hourly.received).toBe(1);
});
