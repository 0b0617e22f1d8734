/**
 * What a subscriber of an event topic has missed: from memory where the window reaches back, else from the
 * database and memory together.
 * Invariant: `recovered` is true only with every event after `since`, in order and without a gap; the state
 * is handed over in the turn that it was read in, so that whoever joins the native topic in that turn, while
 * events are published as they are shown, gets each later event once.
 * Bound: `recoveryEventsMax` events for one subscriber, `recoveriesMax` reads under way.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Channels, OpenChannel } from './channels.ts';
import type { TopicEvent } from './event.ts';

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
  /** From the one after `since` to the one at `offset`; none where it is not recovered. */
  readonly events: readonly TopicEvent[];
}

export interface RecoveryOptions {
  readonly channels: Pick<Channels, 'open'>;
  readonly epoch: string;
  /** Every stored event after `offset`; null where there are more than `max`, or one is missing. */
  readonly readAfter: (
    topic: string,
    offset: number,
    max: number,
  ) => Promise<readonly TopicEvent[] | null>;
  /** Reading failed; the subscriber is told that nothing is recovered. */
  readonly onError: (error: unknown) => void;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'recoveryEventsMax' | 'recoveriesMax'>;
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
    channels.open(topic, (channel) => {
      if (channel === null) return answer(null);
      if (since === null) return answer(state(channel, null, false));
      if (since.epoch !== epoch) return answer(state(channel, null, true));
      const events = channel.recover(since.offset);
      const isStoredMaybe = since.offset < channel.shownOffset && reads < bounds.recoveriesMax;
      if (events !== null || !isStoredMaybe) return answer(state(channel, events, true));
      readStored(topic, since.offset, answer);
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
    channels.open(topic, (channel) => {
      if (channel === null) return answer(null);
      const newer = stored && channel.recover(stored.at(-1)?.offset ?? offset);
      answer(state(channel, stored && newer && [...stored, ...newer], true));
    });
  }

  function state(
    channel: OpenChannel,
    found: readonly TopicEvent[] | null,
    wasRecovering: boolean,
  ): Recovered {
    const events = found !== null && found.length <= bounds.recoveryEventsMax ? found : null;
    if (wasRecovering && events !== null) counters.recoveriesMade += 1;
    if (wasRecovering && events === null) counters.recoveriesRefused += 1;
    return {
      epoch,
      offset: channel.shownOffset,
      wasRecovering,
      recovered: events !== null,
      events: events ?? [],
    };
  }

  return { recover };
}
