/** Events through the writer: whatever fails, each is stored or set aside, and nothing waits for ever. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { loadEpoch } from '../../src/store/epoch.ts';
import { lastEvents, readOpen, type TopicEvent } from '../../src/store/events.ts';
import { createWriter, type Writer, type WriterOptions } from '../../src/store/writer.ts';
import { newEvent, opening, topicEvent } from '../live/events.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;
let metrics: Metrics;
let writer: Writer;
let dead: TopicEvent[];

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate events, open_events, dead_letters`;
  open({});
});

afterAll(async () => {
  await test.cleanup();
});

function open(over: Partial<WriterOptions>): void {
  metrics = createMetrics();
  dead = [];
  writer = createWriter({
    database: test.database,
    bounds: { ...limits, retryDelayMinMs: 1, retryDelayMaxMs: 10 },
    metrics,
    clock: systemClock,
    random: Math.random,
    onDeadEvent: (event) => dead.push(event),
    ...over,
  });
}

const topic = 'acme/emergency';
const range = (first: number, last: number): TopicEvent[] =>
  Array.from({ length: last - first + 1 }, (_, index) => topicEvent(first + index));
const stored = async (): Promise<number[]> =>
  (await lastEvents(test.database.sql, topic, 1_000)).map(({ offset }) => offset);

describe('events', () => {
  it('are stored, and those that repeat an id are told of', async () => {
    expect(await writer.writeEvents(range(1, 3))).toEqual([]);
    const repeat = topicEvent(4, newEvent(2));
    expect(await writer.writeEvents([repeat, topicEvent(5)])).toEqual([{ topic, offset: 4 }]);
    expect(await writer.writeEvents([])).toEqual([]);
    expect(await stored()).toEqual([1, 2, 3, 4, 5]);
    expect(metrics.counters).toMatchObject({ eventsStored: 5, eventsDead: 0, batchesFailed: 0 });
  });

  it('are stored page by page', async () => {
    open({ bounds: { ...limits, eventsPageRowsMax: 7 } });
    await writer.writeEvents(range(1, 20));
    expect(await stored()).toEqual(range(1, 20).map(({ offset }) => offset));
    expect(metrics.counters.eventsStored).toBe(20);
  });

  it('wait for the database, and are stored when it is back', async () => {
    const { sql } = test.database;
    await sql`alter table events rename to elsewhere`;
    const retried = new Promise<unknown>((resolve) => {
      open({ onRetry: resolve });
    });
    const writing = writer.writeEvents(range(1, 3));
    await retried;
    expect(writer.isAvailable).toBe(false);
    await sql`alter table elsewhere rename to events`;
    await writing;
    expect(await stored()).toEqual([1, 2, 3]);
    expect(metrics.counters.eventsDead).toBe(0);
  });

  it('are given up when the writer is closed', async () => {
    const { sql } = test.database;
    await sql`alter table events rename to elsewhere`;
    try {
      const outcomes = await Promise.allSettled([writer.writeEvents(range(1, 3)), writer.close()]);
      expect(outcomes).toMatchObject([
        { status: 'rejected', reason: { code: 'WRITER_CLOSED' } },
        { status: 'fulfilled' },
      ]);
    } finally {
      await sql`alter table elsewhere rename to events`;
    }
  });
});

describe('an event that the database refuses', () => {
  async function withConstraint(check: string, work: () => Promise<void>): Promise<void> {
    const { sql } = test.database;
    await sql.unsafe(`alter table events add constraint test_poison ${check}`);
    try {
      await work();
    } finally {
      await sql.unsafe('alter table events drop constraint test_poison');
    }
  }

  it('is set aside whole, and its neighbours are stored', async () => {
    const { sql } = test.database;
    const poison = topicEvent(6, { ...opening(6, 'a'), event: 'poison', data: { text: 'é\0' } });
    const epoch = await loadEpoch(sql);
    await writer.writeEvents([...range(1, 5), poison, ...range(7, 11)]);
    expect(await stored()).toEqual([1, 2, 3, 4, 5, 7, 8, 9, 10, 11]);
    expect(await readOpen(sql, topic, 9)).toMatchObject({ offset: 11, total: 0 });
    const letters = await sql<{ kind: string; sqlstate: string; row: Uint8Array }[]>`
      select kind, sqlstate, row from dead_letters`;
    expect(letters.map(({ kind, sqlstate }) => [kind, sqlstate])).toEqual([['event', '22P05']]);
    expect(JSON.parse(Buffer.from(letters[0]!.row).toString())).toEqual(poison);
    expect(dead).toEqual([poison]);
    expect(metrics.counters).toMatchObject({ eventsStored: 10, eventsDead: 1 });
    // Its offset may be given again after a restart, so nobody may recover across that.
    expect(await loadEpoch(sql)).not.toBe(epoch);
  });

  it('may be refused by a constraint, for its content or for being there twice', async () => {
    const poison = topicEvent(2, { event: 'poison' });
    await withConstraint(`check (event <> 'poison')`, async () => {
      await writer.writeEvents([topicEvent(1), poison, topicEvent(3)]);
    });
    await withConstraint('unique (time)', async () => {
      await writer.writeEvents([topicEvent(4, { timeMs: topicEvent(3).timeMs }), topicEvent(5)]);
    });
    expect(await stored()).toEqual([1, 3, 5]);
    expect(dead.map(({ offset }) => offset)).toEqual([2, 4]);
  });

  it('that comes again is set aside once', async () => {
    const poison = topicEvent(1, { event: 'poison' });
    await withConstraint(`check (event <> 'poison')`, async () => {
      await writer.writeEvents([poison]);
      await writer.writeEvents([poison]);
    });
    const letters = await test.database.sql`select kind from dead_letters`;
    expect(letters).toHaveLength(1);
  });
});
