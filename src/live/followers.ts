/**
 * Who in the engine has to know of the events of a topic when they are published: the subscriptions of a trip, which
 * have its vehicle's positions from its start to its end.
 * Invariant: each is told of every event from `follow` on, in the order of the topic and before it is published.
 * Bound: one for each subscription of a trip.
 */
import type { TopicEvent } from './event.ts';

export type Follower = (event: TopicEvent) => void;

export interface Followers {
  /** `channel` is the topic as events have it, `<tenant>/<topic text>`. */
  follow(channel: string, follower: Follower): void;
  leave(channel: string, follower: Follower): void;
  tell(event: TopicEvent): void;
  isFollowed(channel: string): boolean;
}

export function createFollowers(): Followers {
  const channels = new Map<string, Set<Follower>>();
  return {
    follow(channel, follower) {
      channels.set(channel, (channels.get(channel) ?? new Set()).add(follower));
    },
    leave(channel, follower) {
      const followers = channels.get(channel);
      followers?.delete(follower);
      if (followers?.size === 0) channels.delete(channel);
    },
    tell(event) {
      for (const follower of channels.get(event.topic) ?? []) follower(event);
    },
    isFollowed: (channel) => channels.has(channel),
  };
}
