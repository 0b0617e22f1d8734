/**
 * One event topic: which offset comes next, its newest events, and, once somebody needed it, what is open.
 * Invariant: offsets rise by one from 1. An event is given to subscribers only once it is shown, which is
 * when the journal holds it: a crash must not give the offset that one has seen to something else.
 * The window has no gap and ends with the last offset; what is recovered is all of it or null.
 * Bound: `channelEventsMax` events and `channelBytesMax` bytes in the window, and again the same bytes for
 * what is open; the rest is left to the database. An id is known as a repeat as long as its event is in the
 * window; one that only the database knows is marked when it is stored.
 */
import type { Limits } from '../limits.ts';
import type { OpenEvents } from '../store/events.ts';
import {
  heldBytes,
  isStorable,
  type EventBounds,
  type NewEvent,
  type TopicEvent,
} from './event.ts';
import { createOpenState, type OpenBounds, type OpenState } from './openstate.ts';

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
  /** In the window, and of what is open. */
  readonly bytes: number;
  /** All is shown and in the database: nothing but the window is lost with this. */
  readonly isReleasable: boolean;
  /** Gives the event the next offset. Throws where it is not `isStorable`. */
  append(input: NewEvent): Appended;
  /** The journal holds everything up to `offset`. */
  show(offset: number): void;
  /** The database holds everything up to `offset`. */
  stored(offset: number): void;
  /** The database knows the event at `offset` as a repeat, which changes nothing of what is open. */
  markRepeat(offset: number): void;
  /** Shown events after `offset`, in order; null where the window does not reach back to it. */
  recover(offset: number): readonly TopicEvent[] | null;
  /** Puts back an event of an earlier run, from the journal or the database; one before the last is ignored. */
  restore(event: TopicEvent): void;
  /** The database knows that this offset was used. */
  restoreOffset(offset: number): void;
  /** What is open at `shownOffset`; null where `loadOpen` has to come first. */
  openEvents(): OpenEvents | null;
  /** The same from what the database says is open; null where the window does not reach back to that. */
  loadOpen(start: OpenEvents): OpenEvents | null;
  /** Empties the window, and forgets what is open. */
  clear(): void;
}

export type ChannelBounds = EventBounds & OpenBounds & Pick<Limits, 'channelEventsMax'>;

interface Entry {
  readonly event: TopicEvent;
  /** The topic has an older event of the same id. */
  isRepeat: boolean;
}

export function createChannel(topic: string, bounds: ChannelBounds): Channel {
  const entries: Entry[] = [];
  const ids = new Map<string, TopicEvent>();
  let last = 0;
  let shown = 0;
  let stored = 0;
  let windowBytes = 0;
  let open: OpenState | null = null;

  /** Of the oldest event in the window; of the next where there is none. */
  const firstOffset = (): number => entries[0]?.event.offset ?? last + 1;

  function append(input: NewEvent): Appended {
    const earlier = ids.get(input.id);
    if (earlier !== undefined) return { event: earlier, isRepeat: true };
    if (!isStorable(topic, input, bounds)) {
      throw new Error(`${topic}: an event that cannot be stored`);
    }
    const { id, event: name, data, timeMs, subject, isOpen } = input;
    const event = { topic, offset: last + 1, id, event: name, data, timeMs, subject, isOpen };
    last = event.offset;
    push(event);
    return { event, isRepeat: false };
  }

  function push(event: TopicEvent): void {
    entries.push({ event, isRepeat: ids.has(event.id) });
    ids.set(event.id, event);
    windowBytes += heldBytes(event);
    while (entries.length > bounds.channelEventsMax || windowBytes > bounds.channelBytesMax) {
      const oldest = entries.shift();
      if (oldest === undefined) throw new Error(`${topic}: an empty window over its bounds`);
      windowBytes -= heldBytes(oldest.event);
      // A repeat from before a restart may have taken the id over.
      if (ids.get(oldest.event.id) === oldest.event) ids.delete(oldest.event.id);
    }
  }

  function recover(offset: number): readonly TopicEvent[] | null {
    if (offset === shown) return [];
    const first = firstOffset();
    if (offset > shown || offset + 1 < first) return null;
    return entries.slice(offset + 1 - first, shown + 1 - first).map(({ event }) => event);
  }

  function openEvents(): OpenEvents | null {
    // What is in the window from its first event on needs no database.
    if (open === null && firstOffset() === 1) goOnFrom({ offset: 0, total: 0, events: [] });
    forgetGuess();
    return tellOpen();
  }

  function loadOpen(start: OpenEvents): OpenEvents | null {
    if (start.offset + 1 < firstOffset()) return null;
    goOnFrom(start);
    const told = tellOpen();
    forgetGuess();
    return told;
  }

  // The database may be ahead: what it has stored is durable, but not shown yet.
  function tellOpen(): OpenEvents | null {
    return open === null || open.offset !== shown ? null : open.tell();
  }

  function forgetGuess(): void {
    if (open?.isGood === false) open = null;
  }

  function goOnFrom(start: OpenEvents): void {
    open = createOpenState(start, bounds);
    takeShown();
  }

  function takeShown(): void {
    const first = firstOffset();
    while (open !== null && open.offset < shown) {
      const entry = entries[open.offset + 1 - first];
      // What is not shown may have pushed it out.
      if (entry === undefined) open = null;
      else open.take(entry.event, entry.isRepeat);
    }
  }

  function markRepeat(offset: number): void {
    const entry = entries[offset - firstOffset()];
    if (entry?.isRepeat === true) return;
    if (entry !== undefined) entry.isRepeat = true;
    if (open !== null && open.offset >= offset) open = null;
  }

  function clear(): void {
    entries.length = 0;
    ids.clear();
    windowBytes = 0;
    open = null;
  }

  return {
    topic,
    append,
    recover,
    markRepeat,
    openEvents,
    loadOpen,
    clear,
    show(offset) {
      if (offset > last) throw new Error(`${topic}: ${offset} is shown, ${last} is the last`);
      shown = Math.max(shown, offset);
      takeShown();
      forgetGuess();
    },
    stored(offset) {
      stored = Math.max(stored, offset);
    },
    restore(event) {
      if (event.offset <= last) return;
      if (event.offset > last + 1) clear();
      last = shown = event.offset;
      push(event);
      takeShown();
      forgetGuess();
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
      return windowBytes + (open?.bytes ?? 0);
    },
    get isReleasable() {
      return shown === last && stored >= last;
    },
  };
}
