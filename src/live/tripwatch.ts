/**
 * The positions of a trip's vehicle on the trip's topic, for one subscription of it: from the trip's start to its end.
 * Invariant: positions of before the end are sent before the event that tells of it, and none afterwards.
 * Bound: one feed while the trip runs, none else; what a client does not read is bounded by it.
 */
import type { LivePosition } from '../wire/types.ts';
import type { TopicEvent } from './event.ts';
import { createFeed, type Feed } from './feed.ts';
import { stateFrame } from './states.ts';
import type { Listener, Plane } from './subscription.ts';
import { stateTopic, tripTopicText } from './topics.ts';
import type { Run } from './tripstories.ts';

export interface TripWatch {
  /** Whom the trip is of; null while no event has said so. */
  readonly vehicleId: string | null;
  /** The newest event when it was read: what has come meanwhile is newer. */
  learn(event: TopicEvent | undefined): void;
  /** In the turn in which the events of the topic are joined: where its vehicle is. */
  begin(): readonly LivePosition[];
  /** After the answer that has these. */
  goOn(): void;
  drained(nowMs: number): void;
  lost(nowMs: number): void;
  end(): void;
}

export function openTripWatch(plane: Plane, listener: Listener, tripId: string): TripWatch {
  const { publisher, stories, vehicles, presence, states, clock } = plane;
  const { socket, codec } = listener;
  const { tenant } = listener.identity();
  const text = tripTopicText(tripId);
  const channel = `${tenant}/${text}`;
  const story = stories.follow(channel, turn);
  let hasBegun = false;
  let feed: Feed | null = null;

  /** The trip has begun or ended. */
  function turn(): void {
    if (!hasBegun) return;
    const { run } = story;
    if (run === null) close();
    else open(run).catchUp(clock.monotonicMs(), publisher.lastTick);
  }

  function open({ vehicleId, sinceMs }: Run): Feed {
    publisher.flush();
    const opened = createFeed({
      socket,
      codec,
      tenant,
      topic: { kind: 'tripPositions', tripId, vehicleId, sinceMs },
      audiences: plane.audiences,
      vehicles,
      sees: null,
      minIntervalMs: 0,
      metrics: plane.metrics,
      bounds: plane.bounds,
    });
    feed = opened;
    const vehicle = vehicles.find(tenant, vehicleId);
    if (vehicle !== null) presence.watched(vehicle);
    return opened;
  }

  function close(): void {
    if (feed === null) return;
    // What was gathered is from before the end.
    publisher.flush();
    feed.end();
    feed = null;
  }

  return {
    get vehicleId() {
      return story.vehicleId;
    },
    learn: story.learn,
    begin() {
      hasBegun = true;
      socket.join(stateTopic(tenant, text, codec));
      return story.run === null ? [] : open(story.run).begin();
    },
    goOn() {
      feed?.catchUp(clock.monotonicMs(), publisher.lastTick);
      const totals = states.tripTotals(tenant, tripId);
      if (totals !== null) socket.send(stateFrame(text, 'totals', totals, codec));
    },
    drained: (nowMs) => feed?.catchUp(nowMs, publisher.lastTick),
    lost: (nowMs) => feed?.lost(publisher.lastTick, nowMs),
    end() {
      stories.leave(channel, turn);
      close();
      if (hasBegun) socket.leave(stateTopic(tenant, text, codec));
    },
  };
}
