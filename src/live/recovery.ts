/**
 * What a subscriber of an event topic begins with: what it has missed, from memory where the window reaches
 * back, else from the database and memory together; or what is open.
 * Invariant: `recovered` is true only with every event after `since`, in order and without a gap; the state
 * is handed over in the turn that it was read in, so that whoever joins the native topic in that turn, while
 * events are published as they are shown, gets each later event once.
 * Bound: `recoveryEventsMax` events and `recoveryBytesMax` bytes for one subscriber, `recoveriesMax` reads
 * under way.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { OpenEvents } from '../store/events.ts';
import type { Channels } from './channels.ts';
import { eventBytes, type TopicEvent } from './event.ts';

/** The last thing that a subscriber has seen of a topic. */
export interface Since {
  readonly epoch: string;
  readonly offset: number;
}

/** What the answer to a subscribe says of an event topic, and the events that it goes with. */
export interface Recovered {
  readonly epoch: string;
  /** Of the last event that was published; the next to come is the one after it. */
  readonly offset: number;
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
  /**
   * Where it is recovered, those from the one after `since` to the one at `offset`; else the newest event of
   * each subject that is open, in order.
   */
  readonly events: readonly TopicEvent[];
  /** How many subjects are open, more than `events` where not all fit; 0 where it is recovered. */
  readonly openTotal: number;
}

export interface RecoveryOptions {
  readonly channels: Pick<Channels, 'open' | 'snapshot'>;
  readonly epoch: string;
  /** Every stored event after `offset`; null where there are more than `max`, or one is missing. */
  readonly readAfter: (
    topic: string,
    offset: number,
    max: number,
  ) => Promise<readonly TopicEvent[] | null>;
  /** Reading failed; the subscriber gets what is open, where that is known. */
  readonly onError: (error: unknown) => void;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'recoveryEventsMax' | 'recoveryBytesMax' | 'recoveriesMax'>;
}

export interface Recovery {
  /**
   * Calls `answer` with the state of the topic, once, at once or later; with null where the topic cannot be
   * read now. `since` is null for one who does not recover.
   */
  recover(topic: string, since: Since | null, answer: Answer): void;
}

export type Answer = (recovered: Recovered | null) => void;

export function createRecovery(options: RecoveryOptions): Recovery {
  const { channels, epoch, bounds } = options;
  const { counters } = options.metrics;
  let reads = 0;

  function recover(topic: string, since: Since | null, answer: Answer): void {
    if (since?.epoch !== epoch) return tellOpen(topic, since !== null, answer);
    channels.open(topic, (channel) => {
      if (channel === null) return answer(null);
      const events = channel.recover(since.offset);
      if (events !== null && fits(events)) return answer(recovered(channel.shownOffset, events));
      const mayBeStored = events === null && since.offset < channel.shownOffset;
      if (mayBeStored && reads < bounds.recoveriesMax) readStored(topic, since.offset, answer);
      else tellOpen(topic, true, answer);
    });
  }

  function readStored(topic: string, offset: number, answer: Answer): void {
    reads += 1;
    options.readAfter(topic, offset, bounds.recoveryEventsMax).then(
      (stored) => complete(topic, offset, stored, answer),
      (error: unknown) => {
        options.onError(error);
        complete(topic, offset, null, answer);
      },
    );
  }

  // The topic went on while the database was read: what came since then is in the window.
  function complete(
    topic: string,
    offset: number,
    stored: readonly TopicEvent[] | null,
    answer: Answer,
  ): void {
    reads -= 1;
    if (stored === null) return tellOpen(topic, true, answer);
    channels.open(topic, (channel) => {
      if (channel === null) return answer(null);
      const newer = channel.recover(stored.at(-1)?.offset ?? offset);
      const events = newer && [...stored, ...newer];
      if (events === null || !fits(events)) tellOpen(topic, true, answer);
      else answer(recovered(channel.shownOffset, events));
    });
  }

  function fits(events: readonly TopicEvent[]): boolean {
    return events.length <= bounds.recoveryEventsMax && newestThatFit(events) === events;
  }

  /** The newest events of at most `recoveryBytesMax` bytes; the same array where these are all. */
  function newestThatFit(events: readonly TopicEvent[]): readonly TopicEvent[] {
    let bytes = 0;
    const last = events.findLastIndex((event) => {
      bytes += eventBytes(event);
      return bytes > bounds.recoveryBytesMax;
    });
    return last < 0 ? events : events.slice(last + 1);
  }

  function recovered(offset: number, events: readonly TopicEvent[]): Recovered {
    counters.recoveriesMade += 1;
    return { epoch, offset, wasRecovering: true, recovered: true, events, openTotal: 0 };
  }

  function tellOpen(topic: string, wasRecovering: boolean, answer: Answer): void {
    channels.snapshot(topic, (snapshot) => {
      if (snapshot === null) answer(null);
      else answer(opened(snapshot, wasRecovering));
    });
  }

  function opened(snapshot: OpenEvents, wasRecovering: boolean): Recovered {
    if (wasRecovering) counters.recoveriesRefused += 1;
    const events = newestThatFit(snapshot.events.slice(-bounds.recoveryEventsMax));
    const { offset, total: openTotal } = snapshot;
    return { epoch, offset, wasRecovering, recovered: false, events, openTotal };
  }

  return { recover };
}
