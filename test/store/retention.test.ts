/** Old events go, in pages; what says how a topic goes on stays, and what is open. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { createChannels } from '../../src/live/channels.ts';
import { createRecovery, type Recovered } from '../../src/live/recovery.ts';
import { createMetrics } from '../../src/metrics.ts';
import {
  eventsAfter,
  lastEvents,
  lastOffsets,
  readOpen,
  saveEvents,
  type TopicEvent,
} from '../../src/store/events.ts';
import { closing, opening, topicEvent } from '../live/events.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { ageMs, createSweeper, nowMs, type Sweeper } from './sweeper.ts';

const topic = 'acme/emergency';

let test: TestDatabase;
let sweeper: Sweeper;

beforeAll(async () => {
  test = await openTestDatabase();
  sweeper = createSweeper(test.database.sql);
});

beforeEach(async () => {
  await test.database.sql`truncate events, open_events`;
});

afterAll(async () => {
  await test.cleanup();
});

/** Saves them as if it were so many days ago. */
async function saveAged(events: readonly TopicEvent[], days: (event: TopicEvent) => number) {
  await saveEvents(test.database.sql, events);
  await test.database.sql`
    update events set recorded_at =
      ${new Date(nowMs)}::timestamptz - aged.days * interval '1 day' + interval '1 microsecond'
    from unnest(
      ${events.map((event) => event.topic)}::text[],
      ${events.map((event) => event.offset)}::bigint[],
      ${events.map(days)}::double precision[]
    ) as aged (topic, position, days)
    where events.topic = aged.topic and events.position = aged.position`;
}

async function offsetsLeft(of = topic): Promise<number[]> {
  const rows = await test.database.sql<{ position: number }[]>`
    select position::integer from events where topic = ${of} order by position`;
  return rows.map(({ position }) => position);
}

const range = (last: number, over: Partial<TopicEvent> = {}): TopicEvent[] =>
  Array.from({ length: last }, (_, index) => topicEvent(index + 1, over));

describe('events', () => {
  it('go when they are old, but for the newest of their topic', async () => {
    const others = range(4, { topic: 'acme/trip:1' });
    await saveAged(range(8), ({ offset }) => 20 - offset);
    await saveAged(others, () => 11);
    expect(await sweeper()()).toEqual({ events: 7 + 3 });
    expect(await offsetsLeft()).toEqual([8]);
    expect(await offsetsLeft('acme/trip:1')).toEqual([4]);
  });

  it('stay while they are young, and for ever where that is configured', async () => {
    await saveAged(range(6), ({ offset }) => (offset <= 2 ? 10.1 : 9.9));
    expect(await sweeper({ ages: { eventsMs: 0 } })()).toEqual({});
    expect(await offsetsLeft()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await sweeper()()).toEqual({ events: 2 });
    expect(await offsetsLeft()).toEqual([3, 4, 5, 6]);
  });

  it('stay while what they are about is open', async () => {
    const events = [
      topicEvent(1, opening(1, 'a')),
      topicEvent(2, opening(2, 'b')),
      topicEvent(3, opening(3, 'a')),
      topicEvent(4, closing(4, 'b')),
      topicEvent(5),
    ];
    await saveAged(events, () => 30);
    const before = await readOpen(test.database.sql, topic, 10);
    const round = sweeper();
    expect(await round()).toEqual({ events: 3 });
    expect(await offsetsLeft()).toEqual([3, 5]);
    expect(await readOpen(test.database.sql, topic, 10)).toEqual(before);
    await saveAged([topicEvent(6, closing(6, 'a'))], () => 1);
    expect(await round()).toEqual({ events: 2 });
    expect(await offsetsLeft()).toEqual([6]);
  });

  it('are not recovered over what is gone', async () => {
    const { sql } = test.database;
    await saveAged(range(9), ({ offset }) => (offset <= 5 ? 30 : 1));
    await sweeper()();
    expect(await offsetsLeft()).toEqual([6, 7, 8, 9]);
    const from = async (offset: number) =>
      (await eventsAfter(sql, topic, offset, 100))?.map((event) => event.offset) ?? null;
    for (const offset of [0, 1, 4, 5]) expect(await from(offset)).toBeNull();
    expect(await from(6)).toEqual([7, 8, 9]);
    expect(await from(9)).toEqual([]);
  });

  it('are told as not recovered to a subscriber who would miss some, and go on where they were', async () => {
    const { sql } = test.database;
    const held = topicEvent(3, opening(3, 'a'));
    const events = [...range(2), held, ...range(9).slice(3)];
    await saveAged(events, ({ offset }) => (offset <= 7 ? 30 : 1));
    await sweeper()();
    expect(await offsetsLeft()).toEqual([3, 8, 9]);
    const metrics = createMetrics();
    const onError = (error: unknown): void => expect.fail(String(error));
    const channels = createChannels({
      read: (name) => lastEvents(sql, name, limits.channelEventsMax),
      readOpen: (name) => readOpen(sql, name, limits.channelOpenMax),
      onError,
      metrics,
      bounds: limits,
    });
    const readAfter = (name: string, offset: number, max: number) =>
      eventsAfter(sql, name, offset, max);
    const recovery = createRecovery({
      channels,
      epoch: 'e',
      readAfter,
      onError,
      metrics,
      bounds: limits,
    });
    const since = (offset: number): Promise<Recovered | null> =>
      new Promise((resolve) => {
        recovery.recover(topic, { epoch: 'e', offset }, resolve);
      });
    for (const offset of [0, 1, 2, 3, 6]) {
      expect(await since(offset)).toMatchObject({ recovered: false, offset: 9, events: [held] });
    }
    // All that came after the seventh is there.
    expect(await since(7)).toMatchObject({ recovered: true, events: events.slice(7) });
    expect(await since(9)).toMatchObject({ recovered: true, events: [] });
    expect(channels.append(topic, { ...topicEvent(1), id: 'new' })?.event.offset).toBe(10);
  });

  it('leave, of any history, what a model keeps, and every topic goes on where it was', async () => {
    const kept = fc.record({
      topic: fc.nat(3),
      subject: fc.constantFrom(null, 'a', 'b'),
      isOpen: fc.boolean(),
      isOld: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(kept, { maxLength: 40 }),
        fc.integer({ min: 1, max: 9 }),
        async (steps, pageRows) => {
          const { sql } = test.database;
          await sql`truncate events, open_events`;
          const last = new Map<string, number>();
          const open = new Map<string, TopicEvent>();
          const aged = steps.map(({ topic: number, subject, isOpen, isOld }, index) => {
            const name = `acme/${number}`;
            const offset = (last.get(name) ?? 0) + 1;
            last.set(name, offset);
            const about = { subject, isOpen: isOpen && subject !== null };
            const event = topicEvent(offset, { topic: name, id: `e${index}`, ...about });
            if (about.isOpen) open.set(`${name} ${subject}`, event);
            else open.delete(`${name} ${subject}`);
            return { event, isOld };
          });
          const days = new Map(aged.map(({ event, isOld }) => [event.id, isOld ? 11 : 9]));
          await saveAged(
            aged.map(({ event }) => event),
            ({ id }) => days.get(id) ?? 0,
          );
          const round = sweeper({ pageRows });
          await round();
          const model = aged
            .filter(
              ({ event, isOld }) =>
                !isOld ||
                last.get(event.topic) === event.offset ||
                [...open.values()].includes(event),
            )
            .map(({ event }) => event.id);
          const left = await sql<{ event_id: string }[]>`select event_id from events`;
          expect(new Set(left.map(({ event_id: id }) => id))).toEqual(new Set(model));
          const offsets = new Map<string, number>();
          await lastOffsets(sql, (name, offset) => offsets.set(name, offset));
          expect(offsets).toEqual(last);
          expect(await round()).toEqual({});
        },
      ),
      { numRuns: 25 },
    );
  });

  it('that have to stay do not keep those behind them, a few a round', async () => {
    const single = Array.from({ length: 7 }, (_, index) =>
      topicEvent(1, { topic: `acme/trip:${index}` }),
    );
    await saveAged(single, () => 40);
    await saveAged(range(5), () => 20);
    const round = sweeper({ pageRows: 2, roundRows: 4 });
    const dropped: number[] = [];
    for (let index = 0; index < 4; index += 1) dropped.push((await round())['events'] ?? 0);
    expect(dropped).toEqual([0, 1, 3, 0]);
    expect(await offsetsLeft()).toEqual([5]);
    // The walk begins again: what had to stay then need not any more.
    await saveAged([topicEvent(2, { topic: 'acme/trip:6', id: 'more' })], () => 1);
    for (let index = 0; index < 3; index += 1) await round();
    expect(await offsetsLeft('acme/trip:6')).toEqual([2]);
    expect(await offsetsLeft('acme/trip:5')).toEqual([1]);
  });

  it('that were saved at the same moment are each looked at', async () => {
    await saveEvents(test.database.sql, range(10));
    await test.database.sql`update events set recorded_at = ${new Date(nowMs - 2 * ageMs)}`;
    expect(await sweeper({ pageRows: 3, roundRows: 6 })()).toEqual({ events: 6 });
    expect(await sweeper({ pageRows: 4 })()).toEqual({ events: 3 });
  });
});

describe('a round', () => {
  it('that is cut off has told what it dropped, and the next one goes on', async () => {
    await saveAged(range(10), () => 30);
    let asked = 0;
    const isStopped = (): boolean => (asked += 1) > 2;
    expect(await sweeper({ ages: { eventsMs: ageMs }, isStopped })()).toEqual({ events: 6 });
    expect(await offsetsLeft()).toEqual([7, 8, 9, 10]);
    expect(await sweeper()()).toEqual({ events: 3 });
  });
});
