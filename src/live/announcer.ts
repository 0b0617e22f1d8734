/**
 * The way of an event to its topic: an offset, the journal, and, once that holds it, everyone who listens.
 * Invariant: an event is shown, published and answered in the turn in which the journal says that it holds
 * it, in the order of the journal, and never before: a crash cannot take back what somebody has seen.
 * Bound: `eventsInFlightMax` events that are not answered yet; the journal says itself when it is full. What is urgent
 * is taken beyond both, into the room that a full journal keeps for one more record of positions.
 */
import type { RefusalName } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { codecs, encodeSubscriberReply } from '../wire/encode.ts';
import type { Encoded } from '../wire/positions.ts';
import { frameTypes } from '../wire/types.ts';
import type { Channels, OpenChannel } from './channels.ts';
import {
  encodeEvent,
  eventRecordKind,
  isStorable,
  type EventBounds,
  type NewEvent,
  type TopicEvent,
} from './event.ts';
import { innerTopic } from './topics.ts';

/** The event's place, that of the earlier one where its id is a repeat; or why it has none. */
export type Announced =
  { readonly offset: number; readonly isRepeat: boolean } | { readonly refused: RefusalName };

export type Done = (outcome: Announced) => void;

export interface AnnouncerOptions {
  readonly channels: Pick<Channels, 'open' | 'append' | 'show'>;
  readonly journal: Pick<Journal, 'append' | 'isFull' | 'hasRoomFor'>;
  /** Called with each event that is about to be published. */
  readonly onShow: (event: TopicEvent) => void;
  /** Sends to everyone who has joined the native topic. */
  readonly publish: (inner: string, frame: Encoded) => void;
  readonly metrics: Metrics;
  readonly bounds: EventBounds & Pick<Limits, 'eventsInFlightMax'>;
}

export interface Announcer {
  /**
   * Calls `done` once, at once or later. A refusal is counted by whoever passes it on. After `stop` it may be
   * that nothing is called any more.
   */
  announce(
    tenant: string,
    topicText: string,
    event: NewEvent,
    done: Done,
    isUrgent?: boolean,
  ): void;
  /** The journal is durable up to `position`. */
  onDurable(position: number): void;
  /** Takes nothing more: the journal is about to be closed. */
  stop(): void;
}

/** An event that waits for the journal, and who is told. */
interface Pending {
  readonly event: TopicEvent;
  readonly tenant: string;
  readonly topicText: string;
  /** Behind its record. */
  readonly position: number;
  readonly waiters: { readonly isRepeat: boolean; readonly done: Done }[];
}

export function createAnnouncer(options: AnnouncerOptions): Announcer {
  const { channels, journal, metrics, bounds } = options;
  /** In the order of the journal. */
  const pending = new Map<TopicEvent, Pending>();
  let inFlight = 0;
  let isStopped = false;

  function announce(
    tenant: string,
    topicText: string,
    input: NewEvent,
    done: Done,
    isUrgent = false,
  ): void {
    // Events are kept by topic, whatever the codec of who reads them.
    const topic = innerTopic(tenant, topicText, 'messagepack');
    const refused = refusal(isUrgent);
    if (refused !== null) return done({ refused });
    if (inFlight >= bounds.eventsInFlightMax && !isUrgent) {
      return done({ refused: 'tooManyEvents' });
    }
    if (!isStorable(topic, input, bounds)) return done({ refused: 'badEvent' });
    inFlight += 1;
    const answer: Done = (outcome) => {
      inFlight -= 1;
      done(outcome);
    };
    channels.open(topic, (channel) => {
      // It may have taken its time.
      const refused = channel === null ? 'topicUnavailable' : refusal(isUrgent);
      if (channel === null || refused !== null) {
        return answer({ refused: refused ?? 'topicUnavailable' });
      }
      place(tenant, topicText, channel, input, answer);
    });
  }

  function refusal(isUrgent: boolean): RefusalName | null {
    if (isStopped) return 'draining';
    if (!journal.isFull) return null;
    return isUrgent && journal.hasRoomFor(bounds.eventBytesMax) ? null : 'journalFull';
  }

  function place(
    tenant: string,
    topicText: string,
    channel: OpenChannel,
    input: NewEvent,
    done: Done,
  ): void {
    const appended = channels.append(channel.topic, input);
    if (appended === null) throw new Error(`${channel.topic}: open, and not in memory`);
    const { event, isRepeat } = appended;
    const { offset } = event;
    if (!isRepeat) {
      if (journal.isFull) metrics.counters.eventsUrgent += 1;
      const position = journal.append(eventRecordKind, 0, encodeEvent(event));
      const waiters = [{ isRepeat, done }];
      pending.set(event, { event, tenant, topicText, position, waiters });
    } else if (offset <= channel.shownOffset) {
      done({ offset, isRepeat });
    } else {
      const original = pending.get(event);
      if (original === undefined) throw new Error(`${event.topic}: ${offset} waits for nothing`);
      original.waiters.push({ isRepeat, done });
    }
  }

  function onDurable(position: number): void {
    for (const [event, waiting] of pending) {
      if (waiting.position > position) return;
      pending.delete(event);
      channels.show(event);
      options.onShow(event);
      publish(waiting);
      metrics.counters.eventsPublished += 1;
      for (const { isRepeat, done } of waiting.waiters) done({ offset: event.offset, isRepeat });
    }
  }

  function publish({ event: { offset, event, data }, tenant, topicText }: Pending): void {
    const frame = { type: frameTypes.event, topic: topicText, offset, event, data } as const;
    for (const codec of codecs) {
      options.publish(innerTopic(tenant, topicText, codec), encodeSubscriberReply(frame, codec));
    }
  }

  return {
    announce,
    onDurable,
    stop() {
      isStopped = true;
    },
  };
}
