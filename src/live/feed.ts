/**
 * One position topic on one connection. A feed that keeps up is direct: it has joined the native topic and
 * costs nothing more. One that lags has left it, and catches up with the newest of each vehicle when its
 * socket has room again: positions conflate, and the client is told how many it did not get.
 * Invariant: every vehicle that moved is sent, at the latest when the feed has caught up; nothing falls
 * between lagging and direct, and nothing comes twice. A snapshot is the same thing from the start.
 * Bound: a cursor, whatever the size of the fleet: vehicles know themselves in which tick they moved.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { encodeSubscriberReply, type Codec } from '../wire/encode.ts';
import { encodePosition, livePosition, positionFrames, type Encoded } from '../wire/positions.ts';
import { frameTypes, type LivePosition } from '../wire/types.ts';
import type { Audience } from './audience.ts';
import { innerTopic, topicText, type Topic } from './topics.ts';
import { neverMs, type Vehicle, type Vehicles } from './vehicles.ts';

/** What a feed needs of its connection. */
export interface FeedSocket {
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
  /** Bytes that the client has not read yet. */
  bufferedBytes(): number;
}

export interface FeedOptions {
  readonly socket: FeedSocket;
  readonly codec: Codec;
  readonly tenant: string;
  readonly topic: Topic;
  readonly audience: Audience;
  readonly vehicles: Pick<Vehicles, 'find' | 'ofTenant'>;
  /** The least time between two frames; 0 sends every tick. */
  readonly minIntervalMs: number;
  readonly metrics: Metrics;
  readonly bounds: Pick<
    Limits,
    'publishBytesMax' | 'subscriberHighWaterBytes' | 'subscriberLowWaterBytes'
  >;
}

export interface Feed {
  readonly isDirect: boolean;
  /** The first positions of the snapshot, as many as fit one answer; `catchUp` sends the others. */
  begin(): readonly LivePosition[];
  /** Before tick `tick` is published: a direct feed whose client does not read leaves the native topic. */
  check(tick: number, nowMs: number): void;
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
  const { socket, codec, tenant, topic, audience, bounds, metrics } = options;
  /** The topic as the client knows it, and as the native side does. */
  const text = topicText(topic);
  const inner = innerTopic(tenant, text, codec);
  let isDirect = false;
  let isSnapshot = true;
  let cursor: Cursor = { tick: -Infinity, key: lastKey };
  let laggingSinceMs = 0;
  let lastSentMs = -Infinity;
  /** What the topic had published, and what this feed sent by itself, when it began to lag. */
  let publishedBefore = 0;
  let sentSince = 0;

  /** The vehicles that the topic is about, now. */
  function subjects(): Iterable<Vehicle> {
    if (topic.kind === 'fleet') return options.vehicles.ofTenant(tenant);
    const vehicle = options.vehicles.find(tenant, topic.vehicleId);
    return vehicle === null ? [] : [vehicle];
  }

  function moved(): Vehicle[] {
    const list: Vehicle[] = [];
    for (const vehicle of subjects()) {
      if (vehicle.last.timeMs !== neverMs && isBehind(cursor, vehicle)) list.push(vehicle);
    }
    return list.toSorted(inOrder);
  }

  function advance(vehicle: Vehicle | undefined): void {
    if (vehicle !== undefined) cursor = { tick: vehicle.movedTick, key: vehicle.key };
  }

  function lag(tick: number, nowMs: number): void {
    isDirect = false;
    audience.direct[codec] -= 1;
    socket.leave(inner);
    metrics.counters.feedsLagging += 1;
    cursor = { tick: tick - 1, key: lastKey };
    laggingSinceMs = nowMs;
    publishedBefore = audience.positions;
    sentSince = 0;
  }

  function becomeDirect(): void {
    isDirect = true;
    audience.direct[codec] += 1;
    socket.join(inner);
  }

  /** True when everything that moved is sent. */
  function sendMoved(): boolean {
    const list = moved();
    const encoded = list.map(({ id, last }) => encodePosition(livePosition(id, last, 1), codec));
    let sent = 0;
    for (const frame of positionFrames(text, encoded, codec, bounds.publishBytesMax)) {
      if (socket.bufferedBytes() > bounds.subscriberHighWaterBytes) return false;
      socket.send(frame.message);
      sent += frame.positions;
      sentSince += frame.positions;
      metrics.counters.positionsPublished += frame.positions;
      advance(list[sent - 1]);
    }
    return true;
  }

  function tellSkipped(nowMs: number): void {
    const skipped = audience.positions - publishedBefore - sentSince;
    const durationMs = Math.round(nowMs - laggingSinceMs);
    laggingSinceMs = nowMs;
    publishedBefore = audience.positions;
    sentSince = 0;
    if (isSnapshot || skipped <= 0) return;
    metrics.counters.positionsConflated += skipped;
    const notice = { type: frameTypes.conflated, topic: text, skipped, durationMs };
    socket.send(encodeSubscriberReply(notice, codec));
  }

  return {
    get isDirect() {
      return isDirect;
    },
    begin() {
      const first = moved().slice(0, snapshotPositionsMax);
      advance(first.at(-1));
      publishedBefore = audience.positions;
      return first.map(({ id, last }) => livePosition(id, last, 1));
    },
    check(tick, nowMs) {
      if (!isDirect || socket.bufferedBytes() <= bounds.subscriberHighWaterBytes) return;
      lag(tick, nowMs);
    },
    lost(tick, nowMs) {
      if (isDirect) lag(tick, nowMs);
    },
    catchUp(nowMs, lastTick) {
      if (isDirect || nowMs - lastSentMs < options.minIntervalMs) return;
      // Before looking at the fleet: this is asked again and again while a client does not read.
      if (socket.bufferedBytes() > bounds.subscriberLowWaterBytes) return;
      if (!sendMoved()) return;
      cursor = { tick: lastTick, key: lastKey };
      lastSentMs = nowMs;
      tellSkipped(nowMs);
      isSnapshot = false;
      if (options.minIntervalMs === 0) becomeDirect();
    },
    waitMs(nowMs, lastTick) {
      if (options.minIntervalMs === 0 || cursor.tick >= lastTick) return null;
      return Math.max(0, lastSentMs + options.minIntervalMs - nowMs);
    },
    end() {
      if (isDirect) {
        isDirect = false;
        audience.direct[codec] -= 1;
        socket.leave(inner);
      }
    },
  };
}

function isBehind(cursor: Cursor, { movedTick, key }: Vehicle): boolean {
  return movedTick > cursor.tick || (movedTick === cursor.tick && key > cursor.key);
}

function inOrder(one: Vehicle, other: Vehicle): number {
  if (one.movedTick !== other.movedTick) return one.movedTick - other.movedTick;
  return one.key < other.key ? -1 : 1;
}
