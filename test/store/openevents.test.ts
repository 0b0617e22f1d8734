/** What is open, as the database keeps it: what a fold of the stored events says, whatever happened. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readOpen, saveEvents, type OpenEvents, type TopicEvent } from '../../src/store/events.ts';
import { closing, foldOpen, newEvent, opening, topicEvent } from '../live/events.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate events, open_events`;
});

afterAll(async () => {
  await test.cleanup();
});

const topic = 'acme/emergency';
const save = (events: readonly TopicEvent[], pageRows?: number) =>
  saveEvents(test.database.sql, events, pageRows);
const open = (max = 100): Promise<OpenEvents> => readOpen(test.database.sql, topic, max);
const opened = (offset: number, subject: string): TopicEvent =>
  topicEvent(offset, opening(offset, subject));
const closed = (offset: number, subject: string): TopicEvent =>
  topicEvent(offset, closing(offset, subject));

describe('what is open', () => {
  it('is nothing of a topic that is not there', async () => {
    expect(await open()).toEqual({ offset: 0, total: 0, events: [] });
  });

  it('is the newest event of each subject that is not closed, in order', async () => {
    const events = [
      opened(1, 'a'),
      opened(2, 'b'),
      topicEvent(3),
      opened(4, 'c'),
      closed(5, 'b'),
      opened(6, 'a'),
    ];
    await save(events);
    expect(await open()).toEqual({ offset: 6, total: 2, events: [events[3], events[5]] });
    await save([closed(7, 'a'), closed(8, 'c'), closed(9, 'd')]);
    expect(await open()).toEqual({ offset: 9, total: 0, events: [] });
  });

  it('is told as its newest ones where there are more, and how many', async () => {
    await save(['a', 'b', 'c', 'd'].map((subject, index) => opened(index + 1, subject)));
    expect(await open(2)).toEqual({
      offset: 4,
      total: 4,
      events: [opened(3, 'c'), opened(4, 'd')],
    });
  });

  it('is of each topic for itself', async () => {
    const other = { ...closed(1, 'a'), topic: 'acme/trip:1' };
    await save([opened(1, 'a'), other]);
    expect(await open()).toEqual({ offset: 1, total: 1, events: [opened(1, 'a')] });
  });

  it('does not change when events come again', async () => {
    const events = [opened(1, 'a'), opened(2, 'b'), closed(3, 'a'), opened(4, 'c'), closed(5, 'c')];
    await save(events);
    const now = await open();
    expect(now).toMatchObject({ total: 1, events: [events[1]] });
    for (const again of [events, events.slice(0, 2), [events[0]!], [events[3]!]]) {
      await save(again);
      expect(await open()).toEqual(now);
    }
  });

  it('does not change when an event repeats the id of another', async () => {
    await save([opened(1, 'a'), closed(2, 'a'), opened(3, 'b')]);
    const repeats = [
      topicEvent(4, opening(1, 'a')),
      topicEvent(5, { ...closing(1, 'b') }),
      topicEvent(6, { ...newEvent(6), subject: 'b', isOpen: true }),
      topicEvent(7, { ...newEvent(6), subject: 'b', isOpen: false }),
    ];
    await save(repeats);
    expect(await open()).toEqual({ offset: 7, total: 1, events: [repeats[2]] });
  });

  it('is what a fold of the stored events says, whatever was saved in whatever order', async () => {
    const anyHappening = fc.record({
      subject: fc.constantFrom('a', 'b', 'c', null),
      isOpen: fc.boolean(),
    });
    const anySave = fc.record({
      offsets: fc.array(fc.nat(11)),
      pageRows: fc.constantFrom(1, 3, 9),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyHappening, { minLength: 12, maxLength: 12 }),
        fc.array(anySave, { maxLength: 5 }),
        async (happenings, saves) => {
          await test.database.sql`truncate events, open_events`;
          const events = happenings.map(({ subject, isOpen }, index) =>
            topicEvent(index + 1, { subject, isOpen: isOpen && subject !== null }),
          );
          const stored = new Set<TopicEvent>();
          for (const { offsets, pageRows } of saves) {
            const some = offsets.map((offset) => events[offset]!);
            for (const event of some) stored.add(event);
            await save(some, pageRows);
            const known = events.filter((event) => stored.has(event));
            const fold = foldOpen(known);
            const offset = known.at(-1)?.offset ?? 0;
            expect(await open()).toEqual({ offset, total: fold.length, events: fold });
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('looks at the index once for each row, however many events there are', async () => {
    const { sql } = test.database;
    await sql`
      insert into events (topic, position, event_id, event, data, time, subject, is_open)
      select ${topic}, p, p::text, 'raised', '{}', now(), 's' || p % 2000, p % 3 > 0
      from generate_series(1, 20000) as p`;
    await sql.unsafe('analyze events; analyze open_events');
    const plan = await sql`
      explain select max(known.position) from events as known
      where known.topic = ${topic} and known.subject = 's1' and not known.is_repeat`;
    expect(JSON.stringify(plan)).toContain('events_subject');
    expect(JSON.stringify(plan)).toContain('Limit');
  });
});
