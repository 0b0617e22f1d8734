import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { loadEpoch, renewEpoch } from '../../src/store/epoch.ts';
import {
  eventsAfter,
  lastEvents,
  lastOffsets,
  recentEvents,
  saveEvents,
  type TopicEvent,
} from '../../src/store/events.ts';
import { anyEvent, topicEvent } from '../live/events.ts';
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
const range = (first: number, last: number, over: Partial<TopicEvent> = {}): TopicEvent[] =>
  Array.from({ length: last - first + 1 }, (_, index) => topicEvent(first + index, over));
const after = (offset: number, max = 100) => eventsAfter(test.database.sql, topic, offset, max);

/** How many of them were not there yet. */
async function saved(events: readonly TopicEvent[], pageRows?: number): Promise<number> {
  return (await saveEvents(test.database.sql, events, pageRows)).saved;
}

async function offsets(topicsMax?: number, pageRows?: number) {
  const found: [string, number][] = [];
  const isAll = await lastOffsets(
    test.database.sql,
    (name, offset) => found.push([name, offset]),
    topicsMax,
    pageRows,
  );
  return { found, isAll };
}

async function repeats(): Promise<unknown[]> {
  const rows = await test.database.sql<{ position: number; is_repeat: boolean }[]>`
    select position::integer, is_repeat from events order by topic, position`;
  return rows.map((row) => [row.position, row.is_repeat]);
}

describe('events', () => {
  it('come back as they were saved', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyEvent, { selector: ({ id }) => id, maxLength: 20 }),
        async (events) => {
          await test.database.sql`truncate events, open_events`;
          const placed = events.map((event, index) => ({ ...event, topic, offset: index + 1 }));
          expect(await saved(placed, 7)).toBe(placed.length);
          expect(await after(0)).toEqual(placed);
          expect(await lastEvents(test.database.sql, topic, 5)).toEqual(placed.slice(-5));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('are saved once, however often they are given', async () => {
    expect(await saved(range(1, 5))).toBe(5);
    expect(await saved(range(3, 8))).toBe(3);
    expect(await saved([...range(8, 9), ...range(9, 9)])).toBe(1);
    expect(await saved([])).toBe(0);
    expect(await after(0)).toEqual(range(1, 9));
    expect((await repeats()).every((row) => (row as unknown[])[1] === false)).toBe(true);
  });

  it('keep the offset of an id that comes again, so that there is no gap', async () => {
    const { sql } = test.database;
    const again = topicEvent(4, { id: 'e2' });
    await saveEvents(sql, range(1, 3));
    const more = [again, topicEvent(5, { id: 'x' }), topicEvent(6, { id: 'x' })];
    const told = (await saveEvents(sql, more)).repeats;
    expect(told.toSorted((one, other) => one.offset - other.offset)).toEqual([
      { topic, offset: 4 },
      { topic, offset: 6 },
    ]);
    const { saved: added, repeats: toldAgain } = await saveEvents(sql, [again, ...range(1, 3)]);
    expect({ added, toldAgain }).toEqual({ added: 0, toldAgain: [{ topic, offset: 4 }] });
    expect((await after(3))?.map(({ id }) => id)).toEqual(['e2', 'x', 'x']);
    expect(await repeats()).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [4, true],
      [5, false],
      [6, true],
    ]);
  });

  it('keep their offsets also when the later one of an id was saved first', async () => {
    await saveEvents(test.database.sql, [topicEvent(2, { id: 'x' })]);
    await saveEvents(test.database.sql, [topicEvent(1, { id: 'x' })]);
    expect(await repeats()).toEqual([
      [1, true],
      [2, false],
    ]);
  });

  it('of one id may be in many topics', async () => {
    const events = ['acme/a', 'acme/b'].map((name) => topicEvent(1, { topic: name }));
    expect(await saved(events)).toBe(2);
    expect(await repeats()).toEqual([
      [1, false],
      [1, false],
    ]);
  });

  it('are saved by many writers at once', async () => {
    const events = range(1, 300);
    const counts = await Promise.all([0, 1, 2, 3].map(() => saved(events, 50)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(300);
    expect(await after(0, 300)).toEqual(events);
  });
});

describe('the events after an offset', () => {
  it('are all of them, or none are given', async () => {
    await saveEvents(test.database.sql, range(1, 10));
    await saveEvents(test.database.sql, range(1, 20, { topic: 'acme/emergency2' }));
    expect(await after(0)).toEqual(range(1, 10));
    expect(await after(4, 6)).toEqual(range(5, 10));
    expect(await after(4, 5)).toBeNull();
    expect(await after(10)).toEqual([]);
    expect(await after(11)).toBeNull();
  });

  it('are none of a topic that is not there', async () => {
    expect(await after(0)).toEqual([]);
    expect(await after(1)).toBeNull();
  });

  it('are not given across a gap', async () => {
    await saveEvents(test.database.sql, [...range(2, 4), ...range(6, 8)]);
    expect(await after(0)).toBeNull();
    expect(await after(1)).toBeNull();
    expect(await after(3)).toBeNull();
    expect(await after(5)).toBeNull();
    expect(await after(6)).toEqual(range(7, 8));
  });

  it('are what a list of them says, whatever was saved in whatever order', async () => {
    const anyOffset = fc.integer({ min: 1, max: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyOffset, { maxLength: 6 }), { maxLength: 4 }),
        fc.nat(13),
        fc.nat(12),
        async (saves, since, max) => {
          await test.database.sql`truncate events, open_events`;
          for (const save of saves) {
            await saveEvents(
              test.database.sql,
              save.map((offset) => topicEvent(offset)),
            );
          }
          const stored = new Set([0, ...saves.flat()]);
          const last = Math.max(...stored);
          const missed = range(since + 1, last);
          const isWhole = [since, ...missed.map(({ offset }) => offset)].every((one) =>
            stored.has(one),
          );
          const found = await after(since, max);
          // What follows the first `max` is not looked at: too many is reason enough.
          if (isWhole && missed.length <= max) expect(found).toEqual(missed);
          else expect(found).toBeNull();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are found by the index', async () => {
    const { sql } = test.database;
    await saveEvents(sql, range(1, 5_000));
    await sql`analyze events`;
    const plan = await sql`
      explain select * from events where topic = ${topic} and position >= 4000
      order by position limit 10`;
    expect(JSON.stringify(plan)).toContain('events_pkey');
    expect(JSON.stringify(plan)).not.toContain('Sort');
  });
});

describe('the last offsets', () => {
  it('are those of every topic in the order of their names, page by page', async () => {
    const names = ['acme/b', 'acme/B', 'acme/a', 'b/a', 'acme/a2'];
    const events = names.flatMap((name, index) => range(1, index + 1, { topic: name }));
    await saveEvents(test.database.sql, events);
    const expected = [
      ['acme/B', 2],
      ['acme/a', 3],
      ['acme/a2', 5],
      ['acme/b', 1],
      ['b/a', 4],
    ];
    for (const pageRows of [1, 2, 5, 100]) {
      expect(await offsets(100, pageRows)).toEqual({ found: expected, isAll: true });
      expect(await offsets(5, pageRows)).toEqual({ found: expected, isAll: true });
      expect(await offsets(4, pageRows)).toEqual({ found: expected.slice(0, 4), isAll: false });
    }
  });

  it('are none where there are no events', async () => {
    expect(await offsets()).toEqual({ found: [], isAll: true });
    expect(await lastEvents(test.database.sql, topic, 5)).toEqual([]);
  });

  it('of many topics with many events are all found', async () => {
    const { sql } = test.database;
    await sql`
      insert into events (topic, position, event_id, event, data, time)
      select 't/' || t, p, p::text, 'raised', '{}', now()
      from generate_series(1, 300) as t, generate_series(1, 100) as p`;
    const { found, isAll } = await offsets(1_000, 128);
    expect(isAll).toBe(true);
    expect(found).toHaveLength(300);
    expect(new Set(found.map(([, offset]) => offset))).toEqual(new Set([100]));
  });
});

describe('the recent events', () => {
  it('are the newest of all topics, of each in order', async () => {
    const { sql } = test.database;
    await saveEvents(sql, range(1, 3));
    await sql`update events set recorded_at = now() - interval '1 hour'`;
    await saveEvents(sql, [...range(4, 6), ...range(1, 2, { topic: 'acme/a' })]);
    const recent = [...range(1, 2, { topic: 'acme/a' }), ...range(4, 6)];
    expect(await recentEvents(sql, 60_000, 100)).toEqual(recent);
    expect(await recentEvents(sql, 60_000, 3)).toHaveLength(3);
    expect(await recentEvents(sql, 2 * 3_600_000, 100)).toHaveLength(8);
  });
});

describe('the epoch', () => {
  it('is made once for a database, whoever asks, and stays over a restart', async () => {
    const { sql } = test.database;
    const [first, ...others] = await Promise.all([1, 2, 3, 4].map(() => loadEpoch(sql)));
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set([first, ...others])).toEqual(new Set([first]));
    if (test.url !== null) {
      const again = await openDatabase(test.options);
      expect(await loadEpoch(again.sql)).toBe(first);
      await again.close();
    }
  });

  it('is another after it was renewed', async () => {
    const { sql } = test.database;
    const first = await loadEpoch(sql);
    const second = await renewEpoch(sql);
    expect(second).not.toBe(first);
    expect(await loadEpoch(sql)).toBe(second);
  });
});
