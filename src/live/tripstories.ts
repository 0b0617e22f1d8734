/**
 * What the events of the trips that are followed say of them: whose each is, and whether it goes on.
 * Invariant: the newest event decides, by its `state`; one that says nothing changes nothing. Followers are called in
 * the order of the topic and before the event is published, when the trip begins or ends. An event is looked at once,
 * however many follow.
 * Bound: one story a followed trip, one follower a subscription of it.
 */
import { isCount, isPlainMap } from '../wire/attributes.ts';
import type { TopicEvent } from './event.ts';

/** A trip that goes on. */
export interface Run {
  readonly vehicleId: string;
  readonly sinceMs: number;
}

export interface TripStory {
  /** Whom the trip is of; null while no event has said so. */
  readonly vehicleId: string | null;
  /** Null while it does not go on. */
  readonly run: Run | null;
  /** The newest event when it was read: what was told meanwhile is newer. */
  learn(event: TopicEvent | undefined): void;
}

export interface TripStories {
  /** `channel` is the topic as events have it, `<tenant>/<topic text>`; `onTurn` is called when the trip begins or ends. */
  follow(channel: string, onTurn: () => void): TripStory;
  leave(channel: string, onTurn: () => void): void;
  tell(event: TopicEvent): void;
  isFollowed(channel: string): boolean;
}

interface Kept extends TripStory {
  readonly followers: Set<() => void>;
  tell(event: TopicEvent): void;
}

const openStates = new Set(['running', 'paused', 'stopped']);

export function createTripStories(): TripStories {
  const stories = new Map<string, Kept>();
  return {
    follow(channel, onTurn) {
      const story = stories.get(channel) ?? createStory();
      stories.set(channel, story);
      story.followers.add(onTurn);
      return story;
    },
    leave(channel, onTurn) {
      const followers = stories.get(channel)?.followers;
      followers?.delete(onTurn);
      if (followers?.size === 0) stories.delete(channel);
    },
    tell: (event) => stories.get(event.topic)?.tell(event),
    isFollowed: (channel) => stories.has(channel),
  };
}

function createStory(): Kept {
  const followers = new Set<() => void>();
  let vehicleId: string | null = null;
  let run: Run | null = null;
  let wasTold = false;

  function take(event: TopicEvent): void {
    vehicleId = event.subject ?? vehicleId;
    const said = runOf(event);
    if (said !== undefined) run = said;
  }

  return {
    followers,
    get vehicleId() {
      return vehicleId;
    },
    get run() {
      return run;
    },
    learn(event) {
      if (!wasTold && event !== undefined) take(event);
    },
    tell(event) {
      wasTold = true;
      const before = run;
      take(event);
      if ((run === null) === (before === null)) return;
      for (const onTurn of followers) onTurn();
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
