/**
 * One position topic on one connection. A feed that keeps up is direct: it has joined the native topics and
 * costs nothing more. One that lags has left them, and catches up with the newest of each vehicle when its
 * socket has room again: positions conflate, and the client is told how many it did not get. One that sees
 * a part of the vehicles only cannot share a native topic: it is served each tick, and lags like the others.
 * Invariant: every vehicle that moved is sent, at the latest when the feed has caught up; nothing falls
 * between lagging and direct, and nothing comes twice. A snapshot is the same thing from the start.
 * Bound: a cursor, whatever the size of the fleet: vehicles know themselves in which tick they moved. An area
 * remembers who has left it while its client did not read, at most `areaLeftVehiclesMax`.
 */
import type { CloseName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { encodeSubscriberReply, type Codec } from '../wire/encode.ts';
import { encodePosition, livePosition, positionFrames, type Encoded } from '../wire/positions.ts';
import { frameTypes, type LivePosition } from '../wire/types.ts';
import type { Audience, Audiences } from './audience.ts';
import { contains } from './grid.ts';
import { createLeavers } from './leavers.ts';
import { topicText, type AreaTopic, type FeedTopic } from './topics.ts';
import { neverMs, type Vehicle, type Vehicles } from './vehicles.ts';

/** What a feed needs of its connection. */
export interface FeedSocket {
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
  /** Bytes that the client has not read yet. */
  bufferedBytes(): number;
  close(name: CloseName, reason: string): void;
}

export interface FeedOptions {
  readonly socket: FeedSocket;
  readonly codec: Codec;
  readonly tenant: string;
  readonly topic: FeedTopic;
  readonly audiences: Audiences;
  readonly vehicles: Pick<Vehicles, 'find' | 'ofTenant'>;
  /** Which vehicles it may show; null where these are all of the topic. */
  readonly sees: ((vehicleId: string) => boolean) | null;
  /** The least time between two frames; 0 sends every tick. */
  readonly minIntervalMs: number;
  readonly metrics: Metrics;
  readonly bounds: Pick<
    Limits,
    | 'publishBytesMax'
    | 'subscriberHighWaterBytes'
    | 'subscriberLowWaterBytes'
    | 'areaMoveVehiclesMax'
    | 'areaLeftVehiclesMax'
  >;
}

/** The newest position of a vehicle, encoded once a tick. */
export type EncodeOnce = (vehicle: Vehicle, codec: Codec) => Encoded;

export interface Feed {
  readonly isDirect: boolean;
  /** The first positions of the snapshot, as many as fit one answer; `catchUp` sends the others. */
  begin(): readonly LivePosition[];
  /**
   * Moves an area, in the turn that `answer` is called in with the first positions that are new in it; the
   * others follow in frames. False where it cannot be done like this: it lags, or too many are new.
   */
  move(to: AreaTopic, answer: (fresh: readonly LivePosition[]) => void): boolean;
  /** Before tick `tick` is published: a direct feed whose client does not read leaves the native topics. */
  check(tick: number, nowMs: number): void;
  /** Of a feed that sees a part only: those that moved in its topic. */
  serve(moved: readonly Vehicle[], encode: EncodeOnce): void;
  /** The vehicle has left a cell of the area. */
  crossed(vehicle: Vehicle): void;
  /** After the tick: tells who has left the area, unless it lags. */
  tellLeft(): void;
  /** A frame of tick `tick` was not delivered. */
  lost(tick: number, nowMs: number): void;
  /** After tick `lastTick` was published: sends what has moved, as far as the socket has room. */
  catchUp(nowMs: number, lastTick: number): void;
  /** Ms until a feed with an interval may send what has moved; `null` where it waits for nothing. */
  waitMs(nowMs: number, lastTick: number): number | null;
  end(): void;
}

/** How far a feed has come: the tick and the key of the vehicle that was sent last, in that order. */
interface Cursor {
  readonly tick: number;
  readonly key: string;
}

/** Sorts behind every key of a vehicle. */
const lastKey = '\uffff';
const snapshotPositionsMax = 100;

export function createFeed(options: FeedOptions): Feed {
  const { socket, codec, tenant, audiences, sees, bounds, metrics } = options;
  /** The topic as the client knows it. */
  const text = topicText(options.topic);
  const leavers = createLeavers(bounds.areaLeftVehiclesMax);
  let topic = options.topic;
  let isDirect = false;
  let isSnapshot = true;
  let cursor: Cursor = { tick: -Infinity, key: lastKey };
  let checkedTick = -1;
  let laggingSinceMs = 0;
  let lastSentMs = -Infinity;
  /** Positions that this feed alone was served, or would have been. */
  let served = 0;
  /** What the topic had published, and what this feed sent by itself, when it began to lag. */
  let publishedBefore = 0;
  let sentSince = 0;

  const feed: Feed = {
    get isDirect() {
      return isDirect;
    },
    begin,
    move,
    check(tick, nowMs) {
      if (!isDirect || checkedTick === tick) return;
      checkedTick = tick;
      if (socket.bufferedBytes() > bounds.subscriberHighWaterBytes) lag(tick, nowMs);
    },
    serve,
    crossed(vehicle) {
      if (covers(topic, vehicle) || (sees !== null && !sees(vehicle.id))) return;
      if (!leavers.add(vehicle))
        socket.close('slow', 'too many vehicles have left the area unread');
    },
    tellLeft() {
      if (isDirect) sendLeft();
    },
    lost(tick, nowMs) {
      if (isDirect) lag(tick, nowMs);
    },
    catchUp,
    waitMs(nowMs, lastTick) {
      if (options.minIntervalMs === 0 || cursor.tick >= lastTick) return null;
      return Math.max(0, lastSentMs + options.minIntervalMs - nowMs);
    },
    end() {
      if (isDirect) isDirect = leaveNative(heard);
      audiences.leave(tenant, topic, feed);
    },
  };
  let heard = audiences.join(tenant, topic, feed);
  if (sees !== null) for (const audience of heard) audience.served.add(feed);
  return feed;

  function begin(): readonly LivePosition[] {
    const first = moved().slice(0, snapshotPositionsMax);
    advance(first.at(-1));
    publishedBefore = published();
    return first.map(positionOf);
  }

  /** The vehicles that the topic is about, now. */
  function* subjects(): Iterable<Vehicle> {
    if (topic.kind === 'vehicle' || topic.kind === 'tripPositions') {
      const vehicle = options.vehicles.find(tenant, topic.vehicleId);
      if (vehicle !== null && vehicle.last.timeMs !== neverMs && covers(topic, vehicle)) {
        yield vehicle;
      }
      return;
    }
    for (const vehicle of options.vehicles.ofTenant(tenant)) {
      if (covers(topic, vehicle) && (sees === null || sees(vehicle.id))) yield vehicle;
    }
  }

  function moved(): Vehicle[] {
    const list: Vehicle[] = [];
    for (const vehicle of subjects()) if (isBehind(cursor, vehicle)) list.push(vehicle);
    return list.toSorted(inOrder);
  }

  function advance(vehicle: Vehicle | undefined): void {
    if (vehicle !== undefined) cursor = { tick: vehicle.movedTick, key: vehicle.key };
  }

  function published(): number {
    if (sees !== null) return served;
    return heard.reduce((sum, audience) => sum + audience.positions, 0);
  }

  function move(to: AreaTopic, answer: (fresh: readonly LivePosition[]) => void): boolean {
    const from = topic;
    if (from.kind !== 'area') throw new Error(`feed: ${text} cannot be moved`);
    if (!isSettled()) return false;
    topic = to;
    const fresh = [...subjects()].filter((vehicle) => !covers(from, vehicle));
    if (fresh.length > bounds.areaMoveVehiclesMax) {
      topic = from;
      return false;
    }
    const before = heard;
    const unsent = published() - publishedBefore;
    heard = audiences.move(tenant, from, to, feed);
    publishedBefore = published() - unsent;
    if (sees !== null) for (const audience of heard) audience.served.add(feed);
    if (isDirect) {
      // First in, then out: what was published in this turn waits with the socket's native membership.
      joinNative(heard.filter((audience) => !before.includes(audience)));
      leaveNative(before.filter((audience) => !heard.includes(audience)));
    }
    answer(fresh.slice(0, snapshotPositionsMax).map(positionOf));
    for (const { message } of framesOf(fresh.slice(snapshotPositionsMax))) socket.send(message);
    return true;
  }

  /** The client has all that the topic had until the last tick, or its last round. */
  function isSettled(): boolean {
    if (isDirect) return true;
    if (options.minIntervalMs === 0 || isSnapshot || cursor.key !== lastKey) return false;
    return socket.bufferedBytes() <= bounds.subscriberHighWaterBytes;
  }

  function serve(movedNow: readonly Vehicle[], encode: EncodeOnce): void {
    const seen = movedNow.filter(({ id }) => sees?.(id) === true);
    served += seen.length;
    if (!isDirect || seen.length === 0) return;
    const encoded = seen.map((vehicle) => encode(vehicle, codec));
    for (const frame of positionFrames(text, encoded, codec, bounds.publishBytesMax)) {
      socket.send(frame.message);
    }
    metrics.counters.positionsPublished += seen.length;
  }

  function lag(tick: number, nowMs: number): void {
    isDirect = leaveNative(heard);
    metrics.counters.feedsLagging += 1;
    cursor = { tick: tick - 1, key: lastKey };
    laggingSinceMs = nowMs;
    publishedBefore = published();
    sentSince = 0;
  }

  function joinNative(joining: readonly Audience[]): void {
    if (sees !== null) return;
    for (const audience of joining) {
      audience.direct[codec] += 1;
      socket.join(audience.inners[codec]);
    }
  }

  function leaveNative(leaving: readonly Audience[]): false {
    if (sees !== null) return false;
    for (const audience of leaving) {
      audience.direct[codec] -= 1;
      socket.leave(audience.inners[codec]);
    }
    return false;
  }

  function catchUp(nowMs: number, lastTick: number): void {
    if (isDirect || nowMs - lastSentMs < options.minIntervalMs) return;
    // Before looking at the fleet: this is asked again and again while a client does not read.
    if (socket.bufferedBytes() > bounds.subscriberLowWaterBytes) return;
    const sentBefore = sentSince;
    if (!sendMoved()) return;
    cursor = { tick: lastTick, key: lastKey };
    // A round without positions is none. To look at a whole fleet for them costs as much as one.
    if (sentSince > sentBefore || topic.kind !== 'vehicle') lastSentMs = nowMs;
    sendLeft();
    tellSkipped(nowMs);
    isSnapshot = false;
    if (options.minIntervalMs > 0) return;
    isDirect = true;
    joinNative(heard);
  }

  /** True when everything that moved is sent. */
  function sendMoved(): boolean {
    const list = moved();
    let sent = 0;
    for (const frame of framesOf(list)) {
      if (socket.bufferedBytes() > bounds.subscriberHighWaterBytes) return false;
      socket.send(frame.message);
      sent += frame.positions;
      sentSince += frame.positions;
      metrics.counters.positionsPublished += frame.positions;
      advance(list[sent - 1]);
    }
    return true;
  }

  function framesOf(list: readonly Vehicle[]) {
    const encoded = list.map((vehicle) => encodePosition(positionOf(vehicle), codec));
    return positionFrames(text, encoded, codec, bounds.publishBytesMax);
  }

  function sendLeft(): void {
    const isInside = (vehicle: Vehicle): boolean => covers(topic, vehicle);
    for (const ids of leavers.take(isInside)) {
      const event = { topic: text, offset: 0, event: 'left', data: ids };
      socket.send(encodeSubscriberReply({ type: frameTypes.event, ...event }, codec));
    }
  }

  function tellSkipped(nowMs: number): void {
    const skipped = published() - publishedBefore - sentSince;
    const durationMs = Math.round(nowMs - laggingSinceMs);
    laggingSinceMs = nowMs;
    publishedBefore = published();
    sentSince = 0;
    if (isSnapshot || skipped <= 0) return;
    metrics.counters.positionsConflated += skipped;
    const notice = { type: frameTypes.conflated, topic: text, skipped, durationMs };
    socket.send(encodeSubscriberReply(notice, codec));
  }
}

function covers(topic: FeedTopic, { last }: Vehicle): boolean {
  if (topic.kind === 'tripPositions') return last.timeMs >= topic.sinceMs;
  return topic.kind !== 'area' || contains(topic.range, last.latE7, last.lonE7);
}

function positionOf({ id, last }: Vehicle): LivePosition {
  return livePosition(id, last, 1);
}

function isBehind(cursor: Cursor, { movedTick, key }: Vehicle): boolean {
  return movedTick > cursor.tick || (movedTick === cursor.tick && key > cursor.key);
}

function inOrder(one: Vehicle, other: Vehicle): number {
  if (one.movedTick !== other.movedTick) return one.movedTick - other.movedTick;
  return one.key < other.key ? -1 : 1;
}
