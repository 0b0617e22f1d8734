/**
 * The event topics of the engine that are in memory, by their inner names (`<tenant>/<topic text>`).
 * Invariant: a topic is let go of only when the database can tell its last offset, and none is begun anew
 * before the database was asked, unless it is known that there is no other: offsets never repeat.
 * Bound: `channelsMax` topics (what the journal brings back at a start comes on top, for it cannot be let
 * go of) and `channelsBytesMax` bytes of windows and of what is open; the least recently used give way.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { EventPlace, OpenEvents } from '../store/events.ts';
import { createChannel, type Appended, type Channel, type ChannelBounds } from './channel.ts';
import type { NewEvent, TopicEvent } from './event.ts';

export interface ChannelsOptions {
  /** The last events of a topic that the database has, in order; none where it has none. */
  readonly read: (topic: string) => Promise<readonly TopicEvent[]>;
  /** What is open in a topic, as the database has it, at most `channelOpenMax` of it. */
  readonly readOpen: (topic: string) => Promise<OpenEvents>;
  /** Reading failed; whoever waited was told, and the next use reads again. */
  readonly onError: (error: unknown) => void;
  readonly metrics: Metrics;
  readonly bounds: ChannelBounds &
    Pick<Limits, 'channelsMax' | 'channelsBytesMax' | 'channelsWaitingMax'>;
}

export interface Channels {
  /** Gives the event its offset; null where the topic is not in memory: `open` it first. */
  append(topic: string, input: NewEvent): Appended | null;
  /**
   * Calls `act` with the topic: at once where it is in memory, else after it has been read, in the order of
   * the calls; with null where it cannot be read or held now. What `act` is given is good for its turn.
   */
  open(topic: string, act: (channel: OpenChannel | null) => void): void;
  /**
   * Calls `act` with what is open at the topic's last shown event: at once where that is in memory, else
   * after it has been read; with null where it cannot be told now. What `act` is given is good for its turn.
   */
  snapshot(topic: string, act: (snapshot: OpenEvents | null) => void): void;
  /** The journal holds the event: it may be published. In the order of `append`. */
  show(event: TopicEvent): void;
  /** The database holds the events; `repeats` are those among them whose id it had already. */
  stored(events: readonly EventPlace[], repeats?: readonly EventPlace[]): void;
  /** An event of an earlier run, from the journal, or from the database (`isStored`). */
  restore(event: TopicEvent, isStored: boolean): void;
  /** The last offset of a topic in the database. */
  restoreOffset(topic: string, offset: number): void;
  /** Every topic that the database or the journal has was restored: any other is new. */
  allRestored(): void;
  readonly size: number;
  /** Of all windows, and of what is open. */
  readonly bytes: number;
}

/** What may be done with a channel from outside: only `Channels` counts and lets go of what is in it. */
export type OpenChannel = Pick<Channel, 'topic' | 'lastOffset' | 'shownOffset' | 'recover'>;

type Act = (channel: Channel | null) => void;
type SnapshotAct = (snapshot: OpenEvents | null) => void;

/** Topics looked at for one that can be let go of: while the database is away it may be that none can. */
const releaseLooksMax = 16;

export function createChannels(options: ChannelsOptions): Channels {
  const { bounds } = options;
  const { counters } = options.metrics;
  /** The least recently used first, as in `holding`, which has those with a window. */
  const channels = new Map<string, Channel>();
  const holding = new Set<Channel>();
  const waiting = new Map<string, Act[]>();
  const waitingSnapshots = new Map<string, SnapshotAct[]>();
  let waitingActs = 0;
  let bytes = 0;
  let isAllRestored = false;
  /** Of a topic that has events; from then on one that is not in memory may be in the database. */
  let hasForgotten = false;

  const mayBeStored = (): boolean => !isAllRestored || hasForgotten;

  function find(topic: string): Channel | null {
    const known = channels.get(topic);
    if (known !== undefined) {
      channels.delete(topic);
      channels.set(topic, known);
      return known;
    }
    return mayBeStored() ? null : make(topic);
  }

  function make(topic: string): Channel | null {
    if (channels.size >= bounds.channelsMax && !releaseOne()) return null;
    return add(topic);
  }

  function add(topic: string): Channel {
    const channel = createChannel(topic, bounds);
    channels.set(topic, channel);
    return channel;
  }

  function releaseOne(): boolean {
    for (const channel of [...first(channels.values(), releaseLooksMax)]) {
      channels.delete(channel.topic);
      if (channel.isReleasable) {
        change(channel, () => channel.clear());
        if (channel.lastOffset > 0) hasForgotten = true;
        counters.channelsReleased += 1;
        return true;
      }
      channels.set(channel.topic, channel);
    }
    return false;
  }

  /** Whatever changes what a channel holds is done in here, which keeps the bytes of all of them. */
  function change<Result>(channel: Channel, work: () => Result): Result {
    const before = channel.bytes;
    const result = work();
    bytes += channel.bytes - before;
    holding.delete(channel);
    if (channel.bytes > 0) holding.add(channel);
    while (bytes > bounds.channelsBytesMax) clearOldest();
    return result;
  }

  function clearOldest(): void {
    const [oldest] = holding;
    if (oldest === undefined) throw new Error('channels: bytes that no channel holds');
    holding.delete(oldest);
    bytes -= oldest.bytes;
    oldest.clear();
  }

  function append(topic: string, input: NewEvent): Appended | null {
    const channel = find(topic);
    if (channel === null) {
      counters.channelsUnavailable += 1;
      return null;
    }
    const appended = change(channel, () => channel.append(input));
    if (appended.isRepeat) counters.eventsRepeated += 1;
    else counters.eventsAppended += 1;
    return appended;
  }

  function open(topic: string, act: Act): void {
    const channel = find(topic);
    if (channel !== null) return act(channel);
    if (!mayBeStored() || waitingActs >= bounds.channelsWaitingMax) return refuse(act);
    waitingActs += 1;
    const acts = waiting.get(topic);
    if (acts !== undefined) {
      acts.push(act);
      return;
    }
    waiting.set(topic, [act]);
    options.read(topic).then(
      (events) => settle(topic, events),
      (error: unknown) => {
        options.onError(error);
        settle(topic, null);
      },
    );
  }

  function settle(topic: string, events: readonly TopicEvent[] | null): void {
    const acts = waiting.get(topic) ?? [];
    waiting.delete(topic);
    waitingActs -= acts.length;
    const channel = events === null ? null : (channels.get(topic) ?? make(topic));
    if (channel !== null) {
      counters.channelsRead += 1;
      for (const event of events ?? []) restoreInto(channel, event, true);
    }
    for (const act of acts) {
      if (channel === null) refuse(act);
      else act(channel);
    }
  }

  function refuse(act: (nothing: null) => void): void {
    counters.channelsUnavailable += 1;
    act(null);
  }

  function snapshot(topic: string, act: SnapshotAct): void {
    open(topic, (channel) => {
      if (channel === null) return act(null);
      const found = change(channel, () => channel.openEvents());
      if (found === null) readOpen(topic, act);
      else act(found);
    });
  }

  function readOpen(topic: string, act: SnapshotAct): void {
    if (waitingActs >= bounds.channelsWaitingMax) return refuse(act);
    waitingActs += 1;
    const acts = waitingSnapshots.get(topic);
    if (acts !== undefined) {
      acts.push(act);
      return;
    }
    waitingSnapshots.set(topic, [act]);
    options.readOpen(topic).then(
      (found) => settleOpen(topic, found),
      (error: unknown) => {
        options.onError(error);
        settleOpen(topic, null);
      },
    );
  }

  function settleOpen(topic: string, found: OpenEvents | null): void {
    const acts = waitingSnapshots.get(topic) ?? [];
    waitingSnapshots.delete(topic);
    waitingActs -= acts.length;
    for (const act of acts) {
      if (found === null) refuse(act);
      else takeOpen(topic, found, act);
    }
  }

  // The topic may have been let go of while the database was read, and went on if it was not.
  function takeOpen(topic: string, found: OpenEvents, act: SnapshotAct): void {
    open(topic, (channel) => {
      if (channel === null) return act(null);
      const now = change(channel, () => channel.openEvents() ?? channel.loadOpen(found));
      if (now === null) refuse(act);
      else act(now);
    });
  }

  function restoreInto(channel: Channel, event: TopicEvent, isStored: boolean): void {
    change(channel, () => channel.restore(event));
    if (isStored) channel.stored(event.offset);
  }

  return {
    append,
    open,
    snapshot,
    show({ topic, offset }) {
      const channel = channels.get(topic);
      if (channel === undefined) throw new Error(`${topic}: let go of before its event was shown`);
      change(channel, () => channel.show(offset));
    },
    stored(events, repeats = []) {
      for (const { topic, offset } of events) channels.get(topic)?.stored(offset);
      for (const { topic, offset } of repeats) {
        const channel = channels.get(topic);
        if (channel !== undefined) change(channel, () => channel.markRepeat(offset));
      }
    },
    restore(event, isStored) {
      const known = channels.get(event.topic);
      const channel = known ?? (isStored ? make(event.topic) : add(event.topic));
      if (channel === null) hasForgotten = true;
      else restoreInto(channel, event, isStored);
    },
    restoreOffset(topic, offset) {
      const channel = channels.get(topic) ?? make(topic);
      if (channel === null) hasForgotten = true;
      else change(channel, () => channel.restoreOffset(offset));
    },
    allRestored() {
      isAllRestored = true;
    },
    get size() {
      return channels.size;
    },
    get bytes() {
      return bytes;
    },
  };
}

function* first<Item>(items: Iterable<Item>, max: number): Iterable<Item> {
  let taken = 0;
  for (const item of items) {
    if (taken++ >= max) return;
    yield item;
  }
}
