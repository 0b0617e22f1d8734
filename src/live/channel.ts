/**
 * One event topic: which offset comes next, and its newest events.
 * Invariant: offsets rise by one from 1. An event is given to subscribers only once it is shown, which is
 * when the journal holds it: a crash must not give the offset that one has seen to something else.
 * The window has no gap and ends with the last offset; what is recovered is all of it or null.
 * Bound: `channelEventsMax` events and `channelBytesMax` bytes in the window; older ones are left to the
 * database. An id is known as a repeat as long as its event is in the window.
 */
import type { Limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';
import { encodeEvent, isEvent, type TopicEvent } from './event.ts';

/** An event before it has its place. */
export interface NewEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Plain;
  readonly timeMs: number;
}

export interface Appended {
  /** The earlier one where the id is a repeat. */
  readonly event: TopicEvent;
  readonly isRepeat: boolean;
}

export interface Channel {
  readonly topic: string;
  /** 0 before the first event. */
  readonly lastOffset: number;
  readonly shownOffset: number;
  /** In the window. */
  readonly bytes: number;
  /** All is shown and in the database: nothing but the window is lost with this. */
  readonly isReleasable: boolean;
  /** Gives the event the next offset. Throws where it cannot be stored or is over `eventBytesMax`. */
  append(input: NewEvent): Appended;
  /** The journal holds everything up to `offset`. */
  show(offset: number): void;
  /** The database holds everything up to `offset`. */
  stored(offset: number): void;
  /** Shown events after `offset`, in order; null where the window does not reach back to it. */
  recover(offset: number): readonly TopicEvent[] | null;
  /** Puts back an event of an earlier run, from the journal or the database; one before the last is ignored. */
  restore(event: TopicEvent): void;
  /** The database knows that this offset was used. */
  restoreOffset(offset: number): void;
  /** Empties the window. */
  clear(): void;
}

export type ChannelBounds = Pick<Limits, 'channelEventsMax' | 'channelBytesMax' | 'eventBytesMax'>;

/** What an event takes in memory beside the bytes of its contents: measured, with some room. */
export const entryBytes = 256;

interface Entry {
  readonly event: TopicEvent;
  readonly bytes: number;
}

export function createChannel(topic: string, bounds: ChannelBounds): Channel {
  const entries: Entry[] = [];
  const ids = new Map<string, TopicEvent>();
  let last = 0;
  let shown = 0;
  let stored = 0;
  let windowBytes = 0;

  function append(input: NewEvent): Appended {
    const earlier = ids.get(input.id);
    if (earlier !== undefined) return { event: earlier, isRepeat: true };
    const { id, event: name, data, timeMs } = input;
    const event = { topic, offset: last + 1, id, event: name, data, timeMs };
    if (!isEvent(event)) throw new Error(`${topic}: an event that cannot be stored`);
    const bytes = encodeEvent(event).length;
    if (bytes > bounds.eventBytesMax) throw new Error(`${topic}: an event of ${bytes} bytes`);
    last = event.offset;
    push({ event, bytes: bytes + entryBytes });
    return { event, isRepeat: false };
  }

  function push(entry: Entry): void {
    entries.push(entry);
    ids.set(entry.event.id, entry.event);
    windowBytes += entry.bytes;
    while (entries.length > bounds.channelEventsMax || windowBytes > bounds.channelBytesMax) {
      const oldest = entries.shift();
      if (oldest === undefined) throw new Error(`${topic}: an empty window over its bounds`);
      windowBytes -= oldest.bytes;
      // A repeat from before a restart may have taken the id over.
      if (ids.get(oldest.event.id) === oldest.event) ids.delete(oldest.event.id);
    }
  }

  function recover(offset: number): readonly TopicEvent[] | null {
    if (offset === shown) return [];
    const first = entries[0]?.event.offset ?? last + 1;
    if (offset > shown || offset + 1 < first) return null;
    return entries.slice(offset + 1 - first, shown + 1 - first).map(({ event }) => event);
  }

  function clear(): void {
    entries.length = 0;
    ids.clear();
    windowBytes = 0;
  }

  return {
    topic,
    append,
    recover,
    clear,
    show(offset) {
      if (offset > last) throw new Error(`${topic}: ${offset} is shown, ${last} is the last`);
      shown = Math.max(shown, offset);
    },
    stored(offset) {
      stored = Math.max(stored, offset);
    },
    restore(event) {
      if (event.offset <= last) return;
      if (event.offset > last + 1) clear();
      last = shown = event.offset;
      push({ event, bytes: encodeEvent(event).length + entryBytes });
    },
    restoreOffset(offset) {
      stored = Math.max(stored, offset);
      if (offset <= last) return;
      clear();
      last = shown = offset;
    },
    get lastOffset() {
      return last;
    },
    get shownOffset() {
      return shown;
    },
    get bytes() {
      return windowBytes;
    },
    get isReleasable() {
      return shown === last && stored >= last;
    },
  };
}
