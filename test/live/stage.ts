/**
 * A publisher with feeds on sockets of the tests' own: time is a manual clock, a socket is what it was sent
 * and how much of that its client has not read.
 */
import { limits, type Limits } from '../../src/limits.ts';
import { createAudiences, type Audiences } from '../../src/live/audience.ts';
import { createFeed, type Feed } from '../../src/live/feed.ts';
import { createPublisher, type Publisher } from '../../src/live/publisher.ts';
import { coverOf, type Bounds } from '../../src/live/grid.ts';
import type { AreaTopic, FeedTopic } from '../../src/live/topics.ts';
import { createVehicles, emptyFix, type Vehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import type { Codec } from '../../src/wire/encode.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import type { Encoded } from '../../src/wire/positions.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';

export interface Listener {
  readonly feed: Feed;
  /** Every frame that reached the socket, in order. */
  readonly received: unknown[][];
  readonly longest: number;
  /** Positions of the snapshot, as `begin` gave them. */
  readonly snapshot: readonly (readonly unknown[])[];
  /** Why the engine closed it. */
  readonly closed: string | null;
  /** A client that has stopped reading: what is sent stays in its socket. */
  isStalled: boolean;
  /** The client reads all that waits. */
  drain(): void;
  leave(): void;
}

export interface Stage {
  readonly clock: ManualClock;
  readonly audiences: Audiences;
  readonly vehicles: Vehicles;
  readonly metrics: Metrics;
  readonly publisher: Publisher;
  listen(topic: FeedTopic, codec: Codec, options?: ListenOptions): Listener;
  /** The latitude tells the time where no place is given. */
  move(id: string, timeMs: number, place?: Place): void;
}

export interface Place {
  readonly tenant?: string;
  readonly latE7?: number;
  readonly lonE7?: number;
}

export interface ListenOptions {
  readonly tenant?: string;
  readonly minIntervalMs?: number;
  readonly sees?: (vehicleId: string) => boolean;
}

const parse = (message: Encoded): unknown[] => {
  const parsed = typeof message === 'string' ? parseJson(message) : parseMessagePack(message);
  return ('value' in parsed ? parsed.value : []) as unknown[];
};

export function createStage(bounds: Limits = limits): Stage {
  const clock = createManualClock();
  const audiences = createAudiences();
  const vehicles = createVehicles(bounds.vehiclesMax);
  const metrics = createMetrics();
  const joined = new Map<string, Set<(message: Encoded) => void>>();
  const publisher = createPublisher({
    publish: (inner, message) => joined.get(inner)?.forEach((send) => send(message)),
    audiences,
    clock,
    metrics,
    bounds,
  });

  function listen(topic: FeedTopic, codec: Codec, options: ListenOptions = {}): Listener {
    const { tenant = 'default', minIntervalMs = 0, sees = null } = options;
    const received: unknown[][] = [];
    let waitingBytes = 0;
    let longest = 0;
    let closed: string | null = null;
    const send = (message: Encoded): void => {
      received.push(parse(message));
      longest = Math.max(longest, message.length);
      if (listener.isStalled) waitingBytes += message.length;
    };
    publisher.flush();
    const feed = createFeed({
      socket: {
        send,
        join: (name) => joined.set(name, (joined.get(name) ?? new Set()).add(send)),
        leave: (name) => joined.get(name)?.delete(send),
        bufferedBytes: () => waitingBytes,
        close: (name) => (closed = name),
      },
      codec,
      tenant,
      topic,
      audiences,
      vehicles,
      sees,
      minIntervalMs,
      metrics,
      bounds,
    });
    if (minIntervalMs > 0) publisher.paced.add(feed);
    const listener: Listener = {
      feed,
      received,
      get longest() {
        return longest;
      },
      get closed() {
        return closed;
      },
      snapshot: feed.begin(),
      isStalled: false,
      drain() {
        waitingBytes = 0;
        publisher.flush();
        feed.catchUp(clock.monotonicMs(), publisher.lastTick);
      },
      leave() {
        feed.end();
        publisher.paced.delete(feed);
      },
    };
    feed.catchUp(clock.monotonicMs(), publisher.lastTick);
    return listener;
  }

  return {
    clock,
    audiences,
    vehicles,
    metrics,
    publisher,
    listen,
    move(id, timeMs, { tenant = 'default', latE7 = timeMs, lonE7 = 0 } = {}) {
      const vehicle = vehicles.open(tenant, id);
      vehicles.track(vehicle);
      vehicles.move(vehicle, { ...emptyFix(timeMs), latE7, lonE7 }, timeMs);
      publisher.add(vehicle);
    },
  };
}

/** The wire form of what `move` makes. */
export function positionOf(id: string, timeMs: number, count: number): unknown[] {
  return [id, timeMs, timeMs, 0, null, null, null, null, null, null, 0, count];
}

/** The area of these bounds, in degrees. */
export function areaOf(west: number, south: number, east: number, north: number): AreaTopic {
  const scaled = (degrees: number): number => Math.round(degrees * 1e7);
  const bounds: Bounds = {
    westE7: scaled(west),
    southE7: scaled(south),
    eastE7: scaled(east),
    northE7: scaled(north),
  };
  return { kind: 'area', range: coverOf(bounds, limits.areaCellsMax) };
}
