/**
 * Subscribers of event topics whose connections are cut at random moments, also in the middle of a frame, or
 * that stay away for long: each event comes once and in order, or a gap is told.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createRandom } from '../../src/cli/random.ts';
import { limits } from '../../src/limits.ts';
import { codecs, type Codec } from '../../src/wire/encode.ts';
import { until } from '../client/peerfixture.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import {
  expectAll,
  follow,
  linesOf,
  openIn,
  publicationOf,
  publishedAfter,
  released,
  type Follower,
  type FollowerOptions,
} from '../support/follower.ts';
import { openProxy, type Proxy } from '../support/proxy.ts';
import { createPublisher, type Publication, type Publisher } from '../support/publisher.ts';

const topics = ['trip:t1', 'notification:anna', 'emergency'] as const;
const slices = 100;
const eventsPerSlice = 100;
/** About what a slice has as frames: most cuts are in the middle of it, some are before it or after it. */
const sliceBytes = eventsPerSlice * 60;
/** Together they stay below what the engine gives back from memory. */
const slicesBehindMax = 5;

let test: EngineTest;
let publisher: Publisher;
let followers: Follower[];
let proxies: Proxy[];

beforeAll(async () => {
  test = await openEngineTest();
});

beforeEach(() => {
  publisher = createPublisher(`${test.engine.wsUrl}/v1/live`);
  followers = [];
  proxies = [];
});

afterEach(async () => {
  await Promise.all([publisher, ...followers, ...proxies].map((each) => each.close()));
  await released(test.engine.url);
});

afterAll(() => test.cleanup());

function followAt(port: string | number, options: Partial<FollowerOptions> = {}): Follower {
  const follower = follow({
    url: `ws://127.0.0.1:${port}/v1/live`,
    token: () => testToken({ sub: 'anna', role: 'viewer' }),
    topics,
    ...options,
  });
  followers.push(follower);
  return follower;
}

const enginePort = (): string => new URL(test.engine.url).port;

function eventsOf(topic: string, count: number, name: string): Publication[] {
  return Array.from({ length: count }, (_, index) => eventOf(topic, `${name}-${index}`, index));
}

/** Of a trip it is about the vehicle; else about one of a few subjects, which it opens or closes. */
function eventOf(topic: string, id: string, number: number): Publication {
  const subject = topic.startsWith('trip:') ? 'bus-304' : `s${number % 7}`;
  return publicationOf({ topic, id, event: `e${number}`, subject, isOpen: number % 3 > 0 });
}

interface Cut {
  readonly proxy: Proxy;
  readonly follower: Follower;
  readonly random: () => number;
}

async function openCut(codec: Codec, index: number): Promise<Cut> {
  const proxy = await openProxy(Number(enginePort()));
  proxies.push(proxy);
  const follower = followAt(proxy.port, { codec });
  await follower.ready;
  return { proxy, follower, random: createRandom(304 + index) };
}

/** Publishes a slice, and cuts once meanwhile: where that was too few bytes for it, after it. */
async function publishAndCut(slice: readonly Publication[], cut: readonly Cut[]): Promise<void> {
  const before = cut.map(({ proxy }) => proxy.cuts);
  for (const { proxy, random } of cut) proxy.cutAfter(1 + Math.floor(random() * sliceBytes));
  await publisher.publish(slice);
  for (const [index, { proxy }] of cut.entries()) {
    if (proxy.cuts !== before[index]) continue;
    await until(() => proxy.connections > 0);
    if (proxy.cuts === before[index]) proxy.cut();
  }
}

/** Resolves when all that was published to these topics has come. */
async function haveAll(...of: readonly string[]): Promise<void> {
  for (const topic of of) {
    const last = publisher.of(topic).size;
    await Promise.all(followers.map((follower) => follower.reaches(topic, last)));
  }
}

it('cut 100 times while 10,000 events flow, they get each once and in order', async () => {
  const cut = await Promise.all(codecs.map(openCut));
  const random = createRandom(7);
  for (let slice = 0; slice < slices; slice++) {
    const events = Array.from({ length: eventsPerSlice }, (_, index) => {
      const topic = topics[Math.floor(random() * topics.length)] ?? topics[0];
      return eventOf(topic, `cut-${slice}-${index}`, index);
    });
    await publishAndCut(events, cut);
    if (slice % slicesBehindMax === slicesBehindMax - 1) await haveAll(...topics);
  }
  const counter = (name: string): Promise<number> => test.engine.counter(`fleetwire_${name}_total`);
  expect(publisher.answered).toBe(slices * eventsPerSlice);
  for (const { proxy, follower } of cut) {
    expect(proxy.cuts).toBe(slices);
    expect(proxy.accepted).toBeGreaterThan(slices);
    for (const topic of topics) expectAll(follower, publisher, topic);
  }
  expect(await counter('recoveries_made')).toBeGreaterThan(0);
  expect(await counter('recoveries_refused')).toBe(0);
  expect(await counter('events_repeated')).toBe(publisher.repeats);
}, 120_000);

/** A subscriber that comes back to one topic of its own, where it has seen everything up to `offset`. */
function comeBack(sub: string, topic: string, offset: number, codec: Codec): Follower {
  const [epoch = ''] = publisher.epochs;
  return followAt(enginePort(), {
    token: () => testToken({ sub, role: 'viewer' }),
    topics: [topic],
    since: [epoch, offset],
    codec,
  });
}

it.each(codecs)('away for no more than can be given back, they get it, over %s', async (codec) => {
  const topic = `trip:away-${codec}`;
  await publisher.publish(eventsOf(topic, 10 + limits.recoveryEventsMax, codec));
  const follower = comeBack('anna', topic, 10, codec);
  await haveAll(topic);
  expectAll(follower, publisher, topic, 10);
  expect(follower.of(topic).snapshots).toMatchObject([{ wasRecovering: true, recovered: true }]);
});

it.each(codecs)('away for one event more, they are told of a gap, over %s', async (codec) => {
  const topic = `notification:${codec}`;
  await publisher.publish(eventsOf(topic, 11 + limits.recoveryEventsMax, codec));
  const follower = comeBack(codec, topic, 10, codec);
  await follower.ready;
  const open = openIn(publisher, topic);
  const { gaps, snapshots, events, errors } = follower.of(topic);
  expect(gaps).toMatchObject([{ topic, since: { offset: 10 } }]);
  expect(snapshots).toMatchObject([
    { wasRecovering: true, recovered: false, openTotal: open.length },
  ]);
  expect(linesOf(snapshots[0]?.events ?? [])).toEqual(open);
  const shown = snapshots[0]?.offset ?? 0;
  expect(shown).toBe(11 + limits.recoveryEventsMax);
  await publisher.publish(eventsOf(topic, 50, `${codec}-more`));
  await haveAll(topic);
  expect(linesOf(events)).toEqual(publishedAfter(publisher, topic, shown));
  expect(gaps).toHaveLength(1);
  expect(errors).toEqual([]);
});

it('away until only the database has it, they get it', async () => {
  const topic = 'trip:old';
  await publisher.publish(eventsOf(topic, 400, 'old'));
  // As after a stop that took longer than what is read back at a start.
  await test.rows((sql) => sql`update events set recorded_at = recorded_at - interval '1 hour'`);
  await test.engine.restart();
  expect(await test.engine.counter('fleetwire_channels_bytes')).toBe(0);
  const going = publisher.publish(eventsOf(topic, 200, 'more'));
  const back = codecs.map((codec) => comeBack('anna', topic, 10, codec));
  await going;
  await haveAll(topic);
  for (const follower of back) {
    expectAll(follower, publisher, topic, 10);
    expect(follower.of(topic).snapshots).toMatchObject([{ wasRecovering: true, recovered: true }]);
  }
  expect(await test.engine.counter('fleetwire_recoveries_made_total')).toBe(codecs.length);
});
