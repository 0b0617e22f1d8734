/**
 * The positions of a trip's vehicle on the trip's topic, for one subscription of it: from the trip's start to its end.
 * Invariant: what the newest event says decides, as its `state`; one that says nothing changes nothing. Positions of
 * before the end are sent before the event that tells of it, and none afterwards.
 * Bound: one feed while the trip runs, none else; what a client does not read is bounded by it.
 */
import { isCount, isPlainMap } from '../wire/attributes.ts';
import type { LivePosition } from '../wire/types.ts';
import type { TopicEvent } from './event.ts';
import { createFeed, type Feed } from './feed.ts';
import { stateFrame } from './states.ts';
import type { Listener, Plane } from './subscription.ts';
import { stateTopic, tripTopicText } from './topics.ts';

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

/** A trip that goes on. */
interface Run {
  readonly vehicleId: string;
  readonly sinceMs: number;
}

const openStates = new Set(['running', 'paused', 'stopped']);

export function openTripWatch(plane: Plane, listener: Listener, tripId: string): TripWatch {
  const { publisher, followers, vehicles, presence, states, clock } = plane;
  const { socket, codec } = listener;
  const { tenant } = listener.identity();
  const text = tripTopicText(tripId);
  const channel = `${tenant}/${text}`;
  let vehicleId: string | null = null;
  let run: Run | null = null;
  let hasHeard = false;
  let hasBegun = false;
  let feed: Feed | null = null;
  followers.follow(channel, hear);

  function hear(event: TopicEvent): void {
    hasHeard = true;
    take(event);
    if (!hasBegun) return;
    if (run === null) close();
    else if (feed === null) open(run).catchUp(clock.monotonicMs(), publisher.lastTick);
  }

  function take(event: TopicEvent): void {
    vehicleId = event.subject ?? vehicleId;
    const said = runOf(event);
    if (said !== undefined) run = said;
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
      return vehicleId;
    },
    learn(event) {
      if (!hasHeard && event !== undefined) take(event);
    },
    begin() {
      hasBegun = true;
      socket.join(stateTopic(tenant, text, codec));
      return run === null ? [] : open(run).begin();
    },
    goOn() {
      feed?.catchUp(clock.monotonicMs(), publisher.lastTick);
      const totals = states.tripTotals(tenant, tripId);
      if (totals !== null) socket.send(stateFrame(text, 'totals', totals, codec));
    },
    drained: (nowMs) => feed?.catchUp(nowMs, publisher.lastTick),
    lost: (nowMs) => feed?.lost(publisher.lastTick, nowMs),
    end() {
      followers.leave(channel, hear);
      close();
      if (hasBegun) socket.leave(stateTopic(tenant, text, codec));
    },
  };
}

/** Null for a trip that is over; undefined where the event says nothing of that. */
function runOf({ subject, data }: TopicEvent): Run | null | undefined {
  if (subject === null || !isPlainMap(data)) return undefined;
  const { state, startMs } = data;
  if (typeof state !== 'string') return undefined;
  if (!openStates.has(state)) return null;
  return { vehicleId: subject, sinceMs: isCount(startMs) ? startMs : -Infinity };
}
