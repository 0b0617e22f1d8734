import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChannels } from '../../src/live/channels.ts';
import { eventBytes } from '../../src/live/event.ts';
import { createRecovery, type Recovered, type Since } from '../../src/live/recovery.ts';
import { limits, type Limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import {
  eventsAfter,
  lastEvents,
  lastOffsets,
  readOpen,
  recentEvents,
  saveEvents,
  type OpenEvents,
  type TopicEvent,
} from '../../src/store/events.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { newEvent, topicEvent } from './events.ts';
import { createListStore } from './liststore.ts';
import { createModel, topics, type EventStore, type Step, type Tally } from './recoverymodel.ts';

const topicIndex = fc.nat(topics.length - 1);
const subscriber = fc.nat(3);
const count = fc.integer({ min: 1, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('append'), topic: topicIndex, id: fc.nat(30) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('sync'), count }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('store'), count }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('answer'), count, isStale: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join'), subscriber }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave'), subscriber }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('forge'), topic: topicIndex, ahead: fc.nat(3) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('forget') }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('crash'),
      withRecent: fc.boolean(),
      withOffsets: fc.boolean(),
    }),
  },
);

/** Bounds that everything runs into. */
const tight = {
  ...limits,
  channelEventsMax: 3,
  channelsMax: 2,
  channelsBytesMax: 2_100,
  channelBytesMax: 1_050,
  channelOpenMax: 2,
  recoveryEventsMax: 4,
  recoveryBytesMax: 300,
  eventsRecentMax: 4,
};

interface Run {
  readonly open: () => Promise<EventStore>;
  readonly bounds: typeof limits | typeof tight;
  readonly numRuns: number;
}

async function runModels({ open, bounds, numRuns }: Run): Promise<Tally> {
  const sum: Tally = { recovered: 0, refused: 0, shown: 0, shed: 0, opened: 0, cut: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const isRoomy = bounds === limits;
      const model = createModel({ store: await open(), bounds, isRoomy });
      await model.start(true, true);
      for (const each of steps) await model.take(each);
      await model.finish();
      for (const name of Object.keys(sum) as (keyof Tally)[]) sum[name] += model.tally[name];
    }),
    { numRuns, seed: 20_260_301 },
  );
  return sum;
}

describe('any order of events, crashes and subscribers', () => {
  const open = (): Promise<EventStore> => Promise.resolve(createListStore());

  it('with room for all gives each event once and in order', async () => {
    const tally = await runModels({ open, bounds: limits, numRuns: 300 });
    expect(tally.shown).toBeGreaterThan(1_000);
    expect(tally.recovered).toBeGreaterThan(300);
    expect(tally.opened).toBeGreaterThan(300);
    expect(tally).toMatchObject({ refused: 0, shed: 0, cut: 0 });
  });

  it('with room for little gives each event once and in order, or says that it does not', async () => {
    const tally = await runModels({ open, bounds: tight, numRuns: 600 });
    expect(tally.recovered).toBeGreaterThan(300);
    expect(tally.refused).toBeGreaterThan(10);
    expect(tally.shed).toBeGreaterThan(10);
    expect(tally.opened).toBeGreaterThan(300);
    expect(tally.cut).toBeGreaterThan(100);
  });
});

describe('the same on a database', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await openTestDatabase();
  });

  afterAll(async () => {
    await test.cleanup();
  });

  async function open(): Promise<EventStore> {
    const { sql } = test.database;
    await sql`truncate events, open_events`;
    return {
      save: async (events) => (await saveEvents(sql, events)).repeats,
      open: (topic, max) => readOpen(sql, topic, max),
      after: (topic, offset, max) => eventsAfter(sql, topic, offset, max),
      last: (topic, max) => lastEvents(sql, topic, max),
      lastOffsets: (visit, max) => lastOffsets(sql, visit, max),
      recent: (max) => recentEvents(sql, 600_000, max),
    };
  }

  it('with room for all', async () => {
    const tally = await runModels({ open, bounds: limits, numRuns: 20 });
    expect(tally).toMatchObject({ refused: 0, shed: 0, cut: 0 });
    expect(tally.recovered).toBeGreaterThan(20);
  });

  it('with room for little', async () => {
    const tally = await runModels({ open, bounds: tight, numRuns: 30 });
    expect(tally.recovered).toBeGreaterThan(20);
  });
});

describe('a subscriber', () => {
  const topic = 'acme/emergency';

  /** A topic with ten events, of which the window has the last three, and whatever is open. */
  function world(
    readAfter: (offset: number) => Promise<readonly TopicEvent[] | null>,
    open: Partial<OpenEvents> | null = {},
    over: Partial<Limits> = {},
  ) {
    const metrics = createMetrics();
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const few = { channelEventsMax: 3, recoveriesMax: 1, recoveryEventsMax: 9 };
    const bounds = { ...limits, ...few, ...over };
    const read = (): Promise<never> => Promise.reject(new Error('away'));
    const readOpen = (): Promise<OpenEvents> =>
      open === null ? read() : Promise.resolve({ offset: 10, total: 0, events: [], ...open });
    const channels = createChannels({ read, readOpen, onError, metrics, bounds });
    for (let offset = 1; offset <= 10; offset++) channels.restore(topicEvent(offset), true);
    const recovery = createRecovery({
      channels,
      epoch: 'now',
      readAfter: (_, offset) => readAfter(offset),
      onError,
      metrics,
      bounds,
    });
    const ask = (since: Since | null, of = topic): Promise<Recovered | null> =>
      new Promise((resolve) => {
        recovery.recover(of, since, resolve);
      });
    return { channels, recovery, ask, errors, counters: metrics.counters };
  }

  const range = (first: number, last: number): TopicEvent[] =>
    Array.from({ length: last - first + 1 }, (_, index) => topicEvent(first + index));
  const never = (): Promise<null> => Promise.reject(new Error('not to be read'));
  const fresh = { epoch: 'now', offset: 10, recovered: false, events: [], openTotal: 0 };

  it('that asks for nothing gets the offset to begin with', async () => {
    const { ask, counters } = world(never);
    expect(await ask(null)).toEqual({ ...fresh, wasRecovering: false });
    expect(counters).toMatchObject({ recoveriesMade: 0, recoveriesRefused: 0 });
  });

  it('gets what it has missed from memory at once', () => {
    const { recovery, counters } = world(never);
    let answer: Recovered | null = null;
    recovery.recover(topic, { epoch: 'now', offset: 7 }, (given) => {
      answer = given;
    });
    const recovered = { ...fresh, wasRecovering: true, recovered: true, events: range(8, 10) };
    expect(answer).toEqual(recovered);
    expect(counters.recoveriesMade).toBe(1);
  });

  it('gets the older part from the database, and what happened meanwhile from memory', async () => {
    const test = world((offset) => {
      const event = test.channels.append(topic, newEvent(11))?.event;
      if (event !== undefined) test.channels.show(event);
      return Promise.resolve(range(offset + 1, 9));
    });
    expect(await test.ask({ epoch: 'now', offset: 5 })).toEqual({
      ...fresh,
      offset: 11,
      wasRecovering: true,
      recovered: true,
      events: range(6, 11),
    });
  });

  it.each([
    ['is of another epoch', { epoch: 'before', offset: 9 }],
    ['has seen what never was', { epoch: 'now', offset: 11 }],
  ])('that %s gets a snapshot', async (_, since) => {
    const { ask, counters } = world(never);
    expect(await ask(since)).toEqual({ ...fresh, wasRecovering: true });
    expect(counters.recoveriesRefused).toBe(1);
  });

  it.each([
    ['does not know all', () => Promise.resolve(null)],
    [
      'has not come as far as the window',
      (offset: number) => Promise.resolve(range(offset + 1, 6)),
    ],
  ])('gets a snapshot when the database %s', async (_, readAfter) => {
    const { ask } = world(readAfter);
    expect(await ask({ epoch: 'now', offset: 5 })).toEqual({ ...fresh, wasRecovering: true });
  });

  it('gets a snapshot when it has missed too much', async () => {
    const { ask } = world((offset) => Promise.resolve(range(offset + 1, 9)));
    expect(await ask({ epoch: 'now', offset: 0 })).toEqual({ ...fresh, wasRecovering: true });
    expect(await ask({ epoch: 'now', offset: 1 })).toMatchObject({ recovered: true });
  });

  it('gets what is open when what it has missed cannot be read, and the engine is told', async () => {
    const { ask, errors } = world(never);
    expect(await ask({ epoch: 'now', offset: 5 })).toEqual({ ...fresh, wasRecovering: true });
    expect(errors).toEqual([new Error('not to be read')]);
  });

  it('is told that the topic cannot be read when the database is away', async () => {
    const { ask, errors, counters } = world(never, null);
    expect(await ask(null)).toBeNull();
    expect(await ask({ epoch: 'now', offset: 5 })).toBeNull();
    expect(await ask({ epoch: 'now', offset: 8 })).toMatchObject({ recovered: true });
    expect(errors.map(String)).toEqual(['Error: away', 'Error: not to be read', 'Error: away']);
    expect(counters).toMatchObject({ channelsUnavailable: 2, recoveriesRefused: 0 });
  });

  it('gets what is open, the newest of it where not all fits', async () => {
    const events = [3, 5, 8].map((offset) =>
      topicEvent(offset, { subject: `s${offset}`, isOpen: true }),
    );
    const open = { total: 3, events };
    const all = { ...fresh, wasRecovering: false, events, openTotal: 3 };
    expect(await world(never, open).ask(null)).toEqual(all);
    const recoveryBytesMax = eventBytes(events[1]!) + eventBytes(events[2]!);
    const newest = { ...all, events: events.slice(1) };
    expect(await world(never, open, { recoveryBytesMax }).ask(null)).toEqual(newest);
    expect(await world(never, open, { recoveryEventsMax: 2 }).ask(null)).toEqual(newest);
  });

  it('gets what is open when it has missed more bytes than one answer may have', async () => {
    const recoveryBytesMax = eventBytes(topicEvent(10)) + eventBytes(topicEvent(9));
    const { ask, counters } = world(never, {}, { recoveryBytesMax });
    expect(await ask({ epoch: 'now', offset: 7 })).toEqual({ ...fresh, wasRecovering: true });
    expect(await ask({ epoch: 'now', offset: 8 })).toMatchObject({ events: range(9, 10) });
    expect(counters).toMatchObject({ recoveriesMade: 1, recoveriesRefused: 1 });
  });

  it('gets what is open when what the database has of it are too many bytes', async () => {
    const read = (offset: number) => Promise.resolve(range(offset + 1, 9));
    const recoveryBytesMax = eventBytes(topicEvent(10)) * 4;
    const { ask } = world(read, {}, { recoveryBytesMax });
    expect(await ask({ epoch: 'now', offset: 5 })).toEqual({ ...fresh, wasRecovering: true });
    expect(await ask({ epoch: 'now', offset: 6 })).toMatchObject({ events: range(7, 10) });
  });

  it('gets a snapshot while too many others are recovering', async () => {
    const { ask } = world((offset) => Promise.resolve(range(offset + 1, 10)));
    const [first, second] = await Promise.all(
      [5, 5].map((offset) => ask({ epoch: 'now', offset })),
    );
    expect([first?.recovered, second?.recovered]).toEqual([true, false]);
    expect(await ask({ epoch: 'now', offset: 5 })).toMatchObject({ recovered: true });
  });

  it('is told when the topic cannot be read', async () => {
    const { ask, errors } = world(never);
    expect(await ask({ epoch: 'now', offset: 1 }, 'acme/trip:1')).toBeNull();
    expect(errors).toEqual([new Error('away')]);
  });
});
