/**
 * A publisher with feeds on sockets of the tests' own: time is a manual clock, a socket is what it was sent
 * and how much of that its client has not read.
 */
import { limits } from '../../src/limits.ts';
import { createAudiences, type Audiences } from '../../src/live/audience.ts';
import { createFeed, type Feed } from '../../src/live/feed.ts';
import { createPublisher, type Publisher } from '../../src/live/publisher.ts';
import type { Topic } from '../../src/live/topics.ts';
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
  listen(topic: Topic, codec: Codec, options?: ListenOptions): Listener;
  move(id: string, timeMs: number, tenant?: string): void;
}

export interface ListenOptions {
  readonly tenant?: string;
  readonly minIntervalMs?: number;
}

const parse = (message: Encoded): unknown[] => {
  const parsed = typeof message === 'string' ? parseJson(message) : parseMessagePack(message);
  return ('value' in parsed ? parsed.value : []) as unknown[];
};

export function createStage(bounds = limits): Stage {
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

  function listen(topic: Topic, codec: Codec, options: ListenOptions = {}): Listener {
    const { tenant = 'default', minIntervalMs = 0 } = options;
    const received: unknown[][] = [];
    let waitingBytes = 0;
    let longest = 0;
    const send = (message: Encoded): void => {
      received.push(parse(message));
      longest = Math.max(longest, message.length);
      if (listener.isStalled) waitingBytes += message.length;
    };
    publisher.flush();
    const feed = audiences.join(tenant, topic, (audience) =>
      createFeed({
        socket: {
          send,
          join: (name) => joined.set(name, (joined.get(name) ?? new Set()).add(send)),
          leave: (name) => joined.get(name)?.delete(send),
          bufferedBytes: () => waitingBytes,
        },
        codec,
        tenant,
        topic,
        audience,
        vehicles,
        minIntervalMs,
        metrics,
        bounds,
      }),
    );
    if (minIntervalMs > 0) publisher.paced.add(feed);
    const listener: Listener = {
      feed,
      received,
      get longest() {
        return longest;
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
        audiences.leave(tenant, topic, feed);
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
    move(id, timeMs, tenant = 'default') {
      const vehicle = vehicles.open(tenant, id);
      vehicles.track(vehicle);
      vehicles.move(vehicle, { ...emptyFix(timeMs), latE7: timeMs }, timeMs);
      publisher.add(vehicle);
    },
  };
}

/** The wire form of what `move` makes. */
export function positionOf(id: string, timeMs: number, count: number): unknown[] {
  return [id, timeMs, timeMs, 0, null, null, null, null, null, null, 0, count];
}
