/**
 * An engine's way with events, as a model: appended, durable, shown, stored, forgotten, lost in a crash, and
 * subscribers that come and go. The journal is a list of payloads; the database is whatever `EventStore` is.
 * Invariant, checked at every step: an offset that was shown never means another event; a subscriber gets
 * each event after the last it has seen once and in order, or is told that it does not, and what is open.
 */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { Appended } from '../../src/live/channel.ts';
import { createChannels, type Channels } from '../../src/live/channels.ts';
import { decodeEvent, encodeEvent, type NewEvent } from '../../src/live/event.ts';
import { createRecovery, type Recovered, type Recovery } from '../../src/live/recovery.ts';
import type { Limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { EventPlace, OpenEvents, TopicEvent } from '../../src/store/events.ts';
import { newEvent, openLists } from './events.ts';

/** What an engine asks of the database. */
export interface EventStore {
  /** Gives back the repeats among them. */
  save(events: readonly TopicEvent[]): Promise<readonly EventPlace[]>;
  open(topic: string, max: number): Promise<OpenEvents>;
  after(topic: string, offset: number, max: number): Promise<readonly TopicEvent[] | null>;
  last(topic: string, max: number): Promise<readonly TopicEvent[]>;
  lastOffsets(visit: (topic: string, offset: number) => void, max: number): Promise<boolean>;
  recent(max: number): Promise<readonly TopicEvent[]>;
}

export type Step =
  | { readonly do: 'append'; readonly topic: number; readonly id: number }
  | { readonly do: 'sync' | 'store'; readonly count: number }
  | { readonly do: 'answer'; readonly count: number; readonly isStale: boolean }
  | { readonly do: 'join' | 'leave'; readonly subscriber: number }
  | { readonly do: 'forge'; readonly topic: number; readonly ahead: number }
  | { readonly do: 'forget' }
  | { readonly do: 'crash'; readonly withRecent: boolean; readonly withOffsets: boolean };

export interface ModelOptions {
  readonly store: EventStore;
  readonly bounds: Limits;
  /** Nothing is beyond a bound: whoever comes back has missed nothing, and no id is shown twice. */
  readonly isRoomy: boolean;
}

export const topics = ['acme/emergency', 'acme/trip:1', 'other/emergency'];
const subscribersCount = 4;

/** The event with this id: always about the same subject, and the same about it. */
function eventWith(id: number): NewEvent {
  return newEvent(id, { subject: `s${id % 4}`, isOpen: id % 3 !== 0 });
}

const epoch = 'epoch-1';

interface Subscriber {
  readonly topic: string;
  isJoined: boolean;
  /** Asked, but not answered. */
  isJoining: boolean;
  lastOffset: number | null;
}

interface Engine {
  readonly channels: Channels;
  readonly recovery: Recovery;
  /** Reads of the database that are not answered yet. */
  readonly reads: ((isStale: boolean) => Promise<void>)[];
}

/** Counts of what happened, so that a test can see that it did. */
export interface Tally {
  recovered: number;
  refused: number;
  shown: number;
  shed: number;
  /** Answers with something open in them, and those of them where not all was given. */
  opened: number;
  cut: number;
}

export function createModel(options: ModelOptions) {
  const { store, bounds, isRoomy } = options;
  /** Every event that was shown, by topic: the truth. */
  const shown = new Map(topics.map((topic) => [topic, [] as TopicEvent[]]));
  const subscribers = Array.from({ length: subscribersCount }, (_, index): Subscriber => ({
    topic: topics[index % topics.length]!,
    isJoined: false,
    isJoining: false,
    lastOffset: null,
  }));
  const tally: Tally = { recovered: 0, refused: 0, shown: 0, shed: 0, opened: 0, cut: 0 };
  /** The last offset of each topic that the database has. */
  const storedOffsets = new Map(topics.map((topic) => [topic, 0]));
  let journal: Buffer[] = [];
  let durable = 0;
  let stored = 0;
  let engine = createEngine();

  function createEngine(): Engine {
    const metrics = createMetrics();
    const reads: Engine['reads'] = [];
    const held = <Value>(read: () => Promise<Value>): Promise<Value> => {
      const early = read();
      return new Promise((resolve) => {
        reads.push(async (isStale) => resolve(await (isStale ? early : read())));
      });
    };
    const onError = (error: unknown): void => {
      throw error;
    };
    const channels = createChannels({
      read: (topic) => held(() => store.last(topic, bounds.channelEventsMax)),
      readOpen: (topic) => held(() => store.open(topic, bounds.channelOpenMax)),
      onError,
      metrics,
      bounds,
    });
    const recovery = createRecovery({
      channels,
      epoch,
      readAfter: (topic, offset, max) => held(() => store.after(topic, offset, max)),
      onError,
      metrics,
      bounds,
    });
    return { channels, recovery, reads };
  }

  async function start(withRecent: boolean, withOffsets: boolean): Promise<void> {
    engine = createEngine();
    const { channels } = engine;
    if (withRecent) {
      for (const event of await store.recent(bounds.eventsRecentMax)) channels.restore(event, true);
    }
    for (const payload of journal) channels.restore(decodeEvent(payload), false);
    if (!withOffsets) return;
    if (await store.lastOffsets(channels.restoreOffset, bounds.channelsMax)) channels.allRestored();
  }

  function append(topic: string, id: number): void {
    const appended = engine.channels.append(topic, eventWith(id));
    if (appended !== null) return take(appended, id);
    engine.channels.open(topic, (channel) => {
      const again = channel && engine.channels.append(topic, eventWith(id));
      if (again === null) tally.shed += 1;
      else take(again, id);
    });
  }

  function take({ event, isRepeat }: Appended, id: number): void {
    expect(event.id).toBe(`e${id}`);
    if (!isRepeat) journal.push(Buffer.from(encodeEvent(event)));
  }

  function sync(count: number): void {
    for (const payload of journal.slice(durable, durable + count)) {
      const event = decodeEvent(payload);
      const before = shown.get(event.topic)!;
      expect(event.offset).toBe(before.length + 1);
      if (isRoomy) expect(before.map(({ id }) => id)).not.toContain(event.id);
      engine.channels.show(event);
      before.push(event);
      tally.shown += 1;
      durable += 1;
      for (const subscriber of subscribers) {
        if (subscriber.topic !== event.topic || !subscriber.isJoined) continue;
        expect(event.offset).toBe(subscriber.lastOffset! + 1);
        subscriber.lastOffset = event.offset;
      }
    }
  }

  async function save(count: number): Promise<void> {
    const events = journal.slice(stored, Math.min(durable, stored + count)).map(decodeEvent);
    const repeats = await store.save(events);
    stored += events.length;
    for (const { topic, offset } of events) {
      storedOffsets.set(topic, Math.max(offset, storedOffsets.get(topic)!));
    }
    engine.channels.stored(events, repeats);
  }

  function join(subscriber: Subscriber): void {
    if (subscriber.isJoined || subscriber.isJoining) return;
    const { topic, lastOffset } = subscriber;
    const asked = engine;
    subscriber.isJoining = true;
    const since = lastOffset === null ? null : { epoch, offset: lastOffset };
    engine.recovery.recover(topic, since, (answer) => {
      if (asked !== engine) return;
      subscriber.isJoining = false;
      if (answer === null) return;
      check(topic, lastOffset, answer);
      subscriber.isJoined = true;
      subscriber.lastOffset = answer.offset;
    });
  }

  function check(topic: string, lastOffset: number | null, answer: Recovered): void {
    const truth = shown.get(topic)!;
    expect(answer).toMatchObject({ epoch, offset: truth.length });
    expect(answer.wasRecovering).toBe(lastOffset !== null);
    if (isRoomy) expect(answer.recovered).toBe(lastOffset !== null);
    if (answer.recovered) {
      expect(answer.events).toEqual(truth.slice(lastOffset!));
      tally.recovered += 1;
    } else {
      checkOpen(topic, answer, isRoomy);
      if (lastOffset !== null) tally.refused += 1;
    }
  }

  /** The newest of what is open; `isWhole` where everything that may be given has to be. */
  function checkOpen(topic: string, { events, openTotal }: Recovered, isWhole: boolean): void {
    expect(openTotal).toBeGreaterThanOrEqual(events.length);
    const found = openLists(shown.get(topic)!, storedOffsets.get(topic)!).find((open) =>
      isDeepStrictEqual(events, open.slice(open.length - events.length)),
    );
    expect({ topic, events, isOpen: found !== undefined }).toMatchObject({ isOpen: true });
    const open = found ?? [];
    if (isWhole) {
      expect(openTotal).toBe(open.length);
      expect(events).toEqual(open.slice(-bounds.channelOpenMax));
    }
    if (events.length > 0) tally.opened += 1;
    if (events.length < openTotal) tally.cut += 1;
  }

  /** Of another epoch, and of an offset that nobody has seen. */
  function forge(topic: string, ahead: number): void {
    const offset = shown.get(topic)!.length;
    for (const since of [
      { epoch: 'epoch-0', offset },
      { epoch, offset: offset + 1_000_000 + ahead },
    ]) {
      engine.recovery.recover(topic, since, (answer) => {
        if (answer !== null) {
          expect(answer).toMatchObject({ wasRecovering: true, recovered: false });
          checkOpen(topic, answer, isRoomy);
        }
      });
    }
  }

  async function crash(withRecent: boolean, withOffsets: boolean): Promise<void> {
    journal = journal.slice(0, durable);
    stored = 0;
    for (const subscriber of subscribers) subscriber.isJoined = subscriber.isJoining = false;
    await start(withRecent, withOffsets);
  }

  async function answer(count: number, isStale: boolean): Promise<void> {
    for (const read of engine.reads.splice(0, count)) await read(isStale);
    // What waits for the answer goes on in microtasks.
    await new Promise(setImmediate);
  }

  /** All is stored, so whatever has happened, what is open is what a fold of all events says. */
  async function tellAll(topic: string): Promise<void> {
    let told: Recovered | null = null;
    engine.recovery.recover(topic, null, (answer) => {
      told = answer;
    });
    while (engine.reads.length > 0) await answer(100, false);
    expect(told).not.toBeNull();
    checkOpen(topic, told!, true);
  }

  return {
    tally,
    start,
    async take(step: Step): Promise<void> {
      switch (step.do) {
        case 'append':
          return append(topics[step.topic]!, step.id);
        case 'sync':
          return sync(step.count);
        case 'store':
          return save(step.count);
        case 'answer':
          return answer(step.count, step.isStale);
        case 'join':
          return join(subscribers[step.subscriber]!);
        case 'leave':
          subscribers[step.subscriber]!.isJoined = false;
          return;
        case 'forge':
          return forge(topics[step.topic]!, step.ahead);
        case 'forget':
          journal = journal.slice(stored);
          durable -= stored;
          stored = 0;
          return;
        case 'crash':
          return crash(step.withRecent || isRoomy, step.withOffsets);
      }
    },
    /** All is made durable and every subscriber comes back: each has everything, or was told. */
    async finish(): Promise<void> {
      while (engine.reads.length > 0) await answer(100, false);
      sync(journal.length);
      for (let round = 0; round < 2; round++) {
        subscribers.forEach(join);
        while (engine.reads.length > 0) await answer(100, false);
      }
      for (const { topic, isJoined, lastOffset } of subscribers) {
        if (isJoined) expect(lastOffset).toBe(shown.get(topic)!.length);
      }
      await save(journal.length);
      for (const topic of topics) await tellAll(topic);
    },
  };
}
