/**
 * A live client that follows event topics and writes down all that it is told.
 * Invariant: what is written down is what the handlers got, in that order; nothing is corrected here.
 * Bound: everything is kept; a follower lives as long as one test.
 */
import { expect } from 'vitest';
import {
  createLiveClient,
  type ConnectionState,
  type Gap,
  type LiveClient,
  type LiveClientOptions,
  type LiveError,
  type PlainMap,
  type SubscribeResult,
  type TopicEvent,
} from '../../src/client/index.ts';
import { readCounter } from './engine.ts';
import { patientBounds, type Publication, type Publisher } from './publisher.ts';

export interface FollowerOptions extends Pick<LiveClientOptions, 'url' | 'token' | 'codec'> {
  readonly topics: readonly string[];
  /** The place to start from, of every topic. */
  readonly since?: readonly [epoch: string, offset: number];
}

/** What one topic has told. */
export interface Told {
  readonly events: TopicEvent[];
  readonly snapshots: SubscribeResult[];
  readonly gaps: Gap[];
  readonly errors: LiveError[];
}

export interface Follower {
  readonly client: LiveClient;
  /** Every state that its connection was in. */
  readonly states: readonly ConnectionState[];
  of(topic: string): Told;
  /** The first answers of all topics. */
  readonly ready: Promise<readonly SubscribeResult[]>;
  /** Resolves when the topic has been followed up to this offset. */
  reaches(topic: string, offset: number): Promise<void>;
  close(): Promise<void>;
}

export function follow(options: FollowerOptions): Follower {
  const { topics, since, ...clientOptions } = options;
  const states: ConnectionState[] = [];
  const told = new Map<string, Told>();
  /** Of the last event of each topic, or where an answer went on from. */
  const places = new Map<string, number>();
  const waiters = new Set<() => void>();
  const client = createLiveClient({
    ...clientOptions,
    bounds: patientBounds,
    onState: (state) => states.push(state),
  });

  function wake(): void {
    for (const waiter of waiters) waiter();
  }

  function subscribe(topic: string): Promise<SubscribeResult> {
    const { events, snapshots, gaps, errors } = of(topic);
    const topicOptions: PlainMap | undefined = since === undefined ? undefined : { since };
    const handlers = {
      onSnapshot(_: unknown, result: SubscribeResult): void {
        snapshots.push(result);
        if (!result.recovered) places.set(topic, result.offset);
        wake();
      },
      onEvent(event: TopicEvent): void {
        events.push(event);
        places.set(topic, event.offset);
        wake();
      },
      onGap: (gap: Gap) => void gaps.push(gap),
      onError: (error: LiveError) => void errors.push(error),
    };
    return client.subscribe(topic, handlers, topicOptions).ready;
  }

  function of(topic: string): Told {
    let known = told.get(topic);
    if (known === undefined) {
      known = { events: [], snapshots: [], gaps: [], errors: [] };
      told.set(topic, known);
    }
    return known;
  }

  return {
    client,
    states,
    of,
    ready: Promise.all(topics.map(subscribe)),
    reaches(topic, offset) {
      return new Promise((resolve) => {
        const look = (): void => {
          if ((places.get(topic) ?? 0) < offset) return;
          waiters.delete(look);
          resolve();
        };
        waiters.add(look);
        look();
      });
    },
    close: () => client.close(),
  };
}

interface Line {
  readonly offset: number;
  readonly event: string;
  readonly id: unknown;
}

/** The publications of a topic after an offset, in order; there must be no gap in them. */
export function publishedAfter(publisher: Publisher, topic: string, offset: number): Line[] {
  const published = publisher.of(topic);
  return Array.from({ length: published.size - offset }, (_, index) => {
    const at = offset + 1 + index;
    const publication = published.get(at);
    if (publication === undefined) throw new Error(`${topic}: nothing was published at ${at}`);
    return { offset: at, event: publication.event, id: publication.id };
  });
}

/** Expects that a follower of the topic got everything that was published after `offset`, once and in order. */
export function expectAll(
  follower: Follower,
  publisher: Publisher,
  topic: string,
  offset = 0,
): void {
  const { events, gaps, errors } = follower.of(topic);
  expect(gaps.map(({ since, result }) => [since.offset, result.offset])).toEqual([]);
  expect(errors).toEqual([]);
  expect(linesOf(events)).toEqual(publishedAfter(publisher, topic, offset));
  // Nothing came twice, and nothing that a client had to set right.
  expect(follower.client.ignored).toBe(0);
}

/** What is open in a topic after all that was published: the newest event of each subject, in order. */
export function openIn(publisher: Publisher, topic: string): Line[] {
  const open = new Map<string, Line>();
  for (const line of publishedAfter(publisher, topic, 0)) {
    const { subject = null, isOpen = false } = publisher.of(topic).get(line.offset) ?? {};
    if (subject === null) continue;
    open.delete(subject);
    // Whoever comes to a trip late wants its last event, also when it has ended.
    if (isOpen || topic.startsWith('trip:')) open.set(subject, line);
  }
  return [...open.values()];
}

export function linesOf(events: readonly TopicEvent[]): Line[] {
  return events.map(({ offset, event, data }) => ({ offset, event, id: (data as PlainMap)['id'] }));
}

/** An event whose data says its id, for subscribers are not told ids. */
export function publicationOf(publication: Publication): Publication {
  const { id, data } = publication;
  return { ...publication, data: { id, filler: data ?? null } };
}

/** Resolves when the engine holds no connection and no topic any more. */
export async function released(url: string): Promise<void> {
  for (const gauge of ['fleetwire_connections', 'fleetwire_topics']) {
    while ((await readCounter(url, gauge)) > 0);
  }
}
