/**
 * A subscription of a position topic: the answer with its snapshot, the feed behind it, and the state beside it.
 * Invariant: the snapshot is taken and the native topics joined in one turn, after what was gathered has been
 * published, so that nothing falls between snapshot and live. An area that moves answers in one turn as well.
 * Bound: one feed; what a client does not read is bounded by it.
 */
import type { Identity } from '../identity.ts';
import { positionFrames, encodePosition } from '../wire/positions.ts';
import type { LivePosition, Plain } from '../wire/types.ts';
import { mayFollow, maySubscribe, seesAll } from './access.ts';
import { createFeed, type Feed } from './feed.ts';
import { edgesOf } from './grid.ts';
import { stateFrame } from './states.ts';
import type { Listener, Plane, Subscription } from './subscription.ts';
import { stateTopic, topicText, type AreaTopic, type PositionTopic } from './topics.ts';

export interface PositionRequest {
  readonly request: number;
  readonly topic: PositionTopic;
  readonly minIntervalMs: number;
}

export interface PositionSubscription extends Subscription {
  /** An area that is asked for again, elsewhere. */
  move(request: number, topic: AreaTopic, minIntervalMs: number): void;
}

export function openPositions(
  plane: Plane,
  listener: Listener,
  asked: PositionRequest,
): PositionSubscription {
  const { publisher, audiences, vehicles, states, metrics, bounds } = plane;
  const { socket, codec } = listener;
  let identity = listener.identity();
  const { tenant } = identity;
  const text = topicText(asked.topic);
  let topic = asked.topic;
  let { minIntervalMs } = asked;
  let feed = open();
  answer(asked.request, begin(), false);
  catchUp();
  joinState();

  function open(): Feed {
    const { kind } = topic;
    return createFeed({
      socket,
      codec,
      tenant,
      topic,
      audiences,
      vehicles,
      sees: kind === 'vehicle' || seesAll(identity, kind) ? null : (id) => maySee(id),
      minIntervalMs,
      metrics,
      bounds,
    });
  }

  function maySee(vehicleId: string): boolean {
    return mayFollow(identity, topic.kind, vehicleId);
  }

  function begin(): readonly LivePosition[] {
    publisher.flush();
    const first = feed.begin();
    // Not before: it would be served by this very flush, ahead of the answer.
    if (minIntervalMs > 0) publisher.paced.add(feed);
    return first;
  }

  function close(): void {
    publisher.paced.delete(feed);
    feed.end();
  }

  function catchUp(): void {
    feed.catchUp(plane.clock.monotonicMs(), publisher.lastTick);
  }

  function answer(request: number, snapshot: readonly Plain[], hasMoved: boolean): void {
    const { epoch } = plane;
    const result = { epoch, offset: 0, wasRecovering: false, recovered: false, snapshot };
    if (topic.kind !== 'area') return listener.succeed(request, result);
    const { west, south, east, north } = edgesOf(topic.range);
    const area = [west, south, east, north];
    listener.succeed(request, { ...result, area, moved: hasMoved });
  }

  function joinState(): void {
    if (topic.kind === 'vehicle') {
      socket.join(stateTopic(tenant, text, codec));
      const vehicle = vehicles.find(tenant, topic.vehicleId);
      if (vehicle === null) return;
      plane.presence.watched(vehicle);
      socket.send(stateFrame(text, 'presence', states.presenceOf(vehicle), codec));
    } else if (topic.kind === 'fleet' && seesAll(identity, 'fleet')) {
      socket.join(stateTopic(tenant, text, codec));
      const summary = states.summaryOf(tenant);
      if (summary !== null) socket.send(stateFrame(text, 'summary', summary, codec));
    }
  }

  // What it may see is another part now: what the client has is as good as nothing.
  function restart(): void {
    close();
    socket.leave(stateTopic(tenant, text, codec));
    feed = open();
    const positions = begin().map((position) => encodePosition(position, codec));
    for (const { message } of positionFrames(text, positions, codec, bounds.publishBytesMax)) {
      socket.send(message);
    }
    catchUp();
    joinState();
  }

  return {
    move(request, to, intervalMs) {
      publisher.flush();
      const isMoved =
        intervalMs === minIntervalMs &&
        feed.move(to, (fresh) => {
          topic = to;
          answer(request, fresh, true);
        });
      if (isMoved) return;
      close();
      topic = to;
      minIntervalMs = intervalMs;
      feed = open();
      answer(request, begin(), false);
      catchUp();
    },
    drained: (nowMs) => feed.catchUp(nowMs, publisher.lastTick),
    lost: (nowMs) => feed.lost(publisher.lastTick, nowMs),
    refreshed() {
      const before = identity;
      identity = listener.identity();
      if (!maySubscribe(identity, topic)) return false;
      if (topic.kind !== 'vehicle' && !isSameReach(before, identity)) restart();
      return true;
    },
    end() {
      close();
      if (topic.kind !== 'area') socket.leave(stateTopic(tenant, text, codec));
    },
  };
}

/** The role stays the same for the life of a connection. */
function isSameReach({ vehicles: one }: Identity, { vehicles: other }: Identity): boolean {
  return one === other || (one !== null && other !== null && one.join() === other.join());
}
