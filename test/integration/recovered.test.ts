/**
 * Event topics over crashes and stops of the engine, and readers that stop reading: an event whose publish was
 * answered is seen once and in order, and stands in the database at its offset.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { closeCodes } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { codecs } from '../../src/wire/encode.ts';
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
import {
  createPublisher,
  publicationsInFlight,
  type Publication,
  type Publisher,
} from '../support/publisher.ts';

const eventsPerRound = 2 * limits.requestsBurstMax;
const topics = ['trip:t1', 'notification:anna', 'emergency'] as const;

let test: EngineTest;
/** Between the publisher and the engine. */
let proxy: Proxy;
let publisher: Publisher;
let followers: Follower[];

beforeAll(async () => {
  test = await openEngineTest();
});

beforeEach(async () => {
  proxy = await openProxy(Number(new URL(test.engine.url).port));
  publisher = createPublisher(`ws://127.0.0.1:${proxy.port}/v1/live`);
  followers = [];
});

afterEach(async () => {
  await closeClients();
  await proxy.close();
});

afterAll(() => test.cleanup());

async function closeClients(): Promise<void> {
  await Promise.all([publisher, ...followers].map((each) => each.close()));
}

/** Ends the clients; the engine must let go of all that it held for them. */
async function leave(): Promise<void> {
  await closeClients();
  await released(test.engine.url);
}

function followAs(sub: string, options: Partial<FollowerOptions> = {}): Follower {
  const follower = follow({
    url: `${test.engine.wsUrl}/v1/live`,
    token: () => testToken({ sub, role: 'viewer' }),
    topics,
    ...options,
  });
  followers.push(follower);
  return follower;
}

/** Resolves when all that was published to these topics has come to all that follow them. */
async function haveAll(...of: readonly string[]): Promise<void> {
  for (const topic of of) {
    const last = publisher.of(topic).size;
    await Promise.all(followers.map((follower) => follower.reaches(topic, last)));
  }
}

/** Events of all topics; of a trip they are about the vehicle, else about what they open or close. */
function eventsOf(round: number, count: number): Publication[] {
  return Array.from({ length: count }, (_, index) => {
    const topic = topics[index % topics.length] ?? topics[0];
    const subject = topic === 'trip:t1' ? 'bus-304' : `s${(index * 7) % 50}`;
    const [id, event] = [`${round}-${index}`, `e${index}`];
    return publicationOf({ topic, id, event, subject, isOpen: index % 4 > 0 });
  });
}

interface EventRow {
  readonly topic: string;
  readonly offset: number;
  readonly id: string;
  readonly event: string;
  readonly isRepeat: boolean;
}

it('a notification published while its user is away is open when the user comes', async () => {
  const topic = 'notification:ben';
  const tell = (id: string, event: string, isOpen = true): Publication =>
    publicationOf({ topic, id: `${id}-${event}`, event, subject: id, isOpen });
  await publisher.publish([tell('n1', 'delivered')]);
  await publisher.publish([tell('n2', 'delivered')]);
  await publisher.publish([tell('n1', 'read', false)]);
  const ben = followAs('ben', { topics: [topic] });
  await ben.ready;
  const { snapshots, events } = ben.of(topic);
  expect(snapshots).toMatchObject([{ offset: 3, wasRecovering: false, openTotal: 1 }]);
  expect(linesOf(snapshots[0]?.events ?? [])).toEqual([
    { offset: 2, event: 'delivered', id: 'n2-delivered' },
  ]);
  await publisher.publish([tell('n4', 'delivered')]);
  await haveAll(topic);
  expect(linesOf(events)).toEqual(publishedAfter(publisher, topic, 3));
  await leave();
});

it('a reader that stops reading is closed with 3008, and gets what it missed when it reads again', async () => {
  const topic = 'trip:slow';
  const filler = 'x'.repeat(limits.eventBytesMax - 512);
  const readerProxy = await openProxy(Number(new URL(test.engine.url).port));
  const fast = followAs('anna', { topics: [topic] });
  const slow = followAs('ben', {
    topics: [topic],
    url: `ws://127.0.0.1:${readerProxy.port}/v1/live`,
  });
  await Promise.all([fast.ready, slow.ready]);
  readerProxy.hold('server');
  let waitingBytes = 0;
  for (let round = 0; (await closedAsSlow()) === 0; round++) {
    const events = Array.from({ length: 10 }, (_, index) => ({
      topic,
      id: `${round}-${index}`,
      event: `e${index}`,
      subject: 'bus-304',
      data: filler,
    }));
    await publisher.publish(events.map(publicationOf));
    const nowBytes = await test.engine.counter('fleetwire_sockets_waiting_bytes');
    waitingBytes = Math.max(waitingBytes, nowBytes);
  }
  expect(waitingBytes).toBeGreaterThan(limits.subscriberHighWaterBytes);
  expect(waitingBytes).toBeLessThan(
    limits.subscriberBackpressureBytesMax + limits.eventBytesMax + limits.subscriberHighWaterBytes,
  );
  const seenBefore = slow.of(topic).events.length;
  readerProxy.release();
  await haveAll(topic);
  expect(slow.of(topic).events.length).toBeGreaterThan(seenBefore);
  const opened = { name: 'open' } as const;
  expect(fast.states).toEqual([opened]);
  expect(slow.states).toMatchObject([
    opened,
    { name: 'waiting', closeCode: closeCodes.slow },
    { name: 'connecting' },
    opened,
  ]);
  for (const follower of [fast, slow]) expectAll(follower, publisher, topic);
  expect(slow.of(topic).snapshots).toMatchObject([{ offset: 0 }, { recovered: true }]);
  await leave();
  await readerProxy.close();
}, 120_000);

function closedAsSlow(): Promise<number> {
  return test.engine.counter('fleetwire_closed_total{code="slow"}');
}

/** Expects that the database has what was published, each at its offset, and what is open of it. */
async function expectStored(): Promise<void> {
  const { events, open } = await test.rows(async (sql) => ({
    events: await sql<EventRow[]>`
      select topic, position::integer as offset, event_id as id, event, is_repeat as "isRepeat"
      from events order by topic, position`,
    open: await sql<{ topic: string; offset: number }[]>`
      select topic, position::integer as offset from open_events order by topic, position`,
  }));
  for (const topic of topics) {
    const rows = events.filter((row) => row.topic === `default/${topic}`);
    expect(rows.map(({ offset, id, event }) => ({ offset, event, id }))).toEqual(
      publishedAfter(publisher, topic, 0),
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(rows.filter(({ isRepeat }) => isRepeat)).toEqual([]);
    const openRows = open.filter((row) => row.topic === `default/${topic}`);
    expect(openRows.map(({ offset }) => offset)).toEqual(
      openIn(publisher, topic).map(({ offset }) => offset),
    );
  }
}

/** Kills it when it has published what the publisher does not know of: some answers are lost for certain. */
async function killUnanswered(publishedBefore: number, answeredBefore: number): Promise<void> {
  proxy.hold('server');
  const unknown = async (): Promise<number> =>
    (await publishedEvents()) - publishedBefore - (publisher.answered - answeredBefore);
  while ((await unknown()) < publicationsInFlight);
  await test.engine.kill();
  proxy.cut();
  proxy.release();
}

function publishedEvents(): Promise<number> {
  return test.engine.counter('fleetwire_events_published_total');
}

it('killed and stopped in the middle of events, the engine gives each once and in order, and the database has it', async () => {
  const ends = ['killUnanswered', 'kill', 'stop', 'kill'] as const;
  for (const codec of codecs) await followAs('anna', { codec }).ready;
  for (const [round, end] of ends.entries()) {
    const before = await publishedEvents();
    const publishing = publisher.publish(eventsOf(round, eventsPerRound));
    // Some of the round is answered, some is on its way: into the journal, to the database, to those who follow. And
    // the publisher is in the middle of what one of its connections may ask for.
    await until(() => publisher.answered >= (round + 0.6) * eventsPerRound);
    if (end === 'killUnanswered') await killUnanswered(before, round * eventsPerRound);
    if (end === 'kill') await test.engine.kill();
    await test.engine.restart();
    await publishing;
    // More than the engine gives back would be a gap, which is not what this is about.
    await haveAll(...topics);
  }
  expect(publisher.answered).toBe(ends.length * eventsPerRound);
  expect(publisher.unanswered).toBeGreaterThan(0);
  expect(publisher.repeats).toBeGreaterThan(0);
  expect(publisher.epochs.size).toBe(1);
  for (const follower of followers) {
    for (const topic of topics) {
      expectAll(follower, publisher, topic);
      const { snapshots } = follower.of(topic);
      expect(snapshots.length).toBeGreaterThan(ends.length);
      expect(new Set(snapshots.map(({ epoch }) => epoch))).toEqual(publisher.epochs);
      expect(snapshots.slice(1).every(({ recovered }) => recovered)).toBe(true);
    }
  }
  const late = followAs('anna');
  await late.ready;
  for (const topic of topics) {
    const open = openIn(publisher, topic);
    const { snapshots } = late.of(topic);
    expect(snapshots).toMatchObject([{ wasRecovering: false, openTotal: open.length }]);
    expect(linesOf(snapshots[0]?.events ?? [])).toEqual(open);
  }
  expect(await test.engine.counter('fleetwire_recoveries_made_total')).toBeGreaterThan(0);
  await leave();
  await expectStored();
}, 180_000);
