/**
 * Who listens to each position topic: what nobody listens to is not even encoded.
 * Invariant: `direct` counts the feeds that have joined the native topic, by codec; a feed that lags is in
 * `feeds` only. An audience lives as long as somebody listens.
 * Bound: one audience for each topic that is subscribed, so connections times `topicsPerConnectionMax`.
 * It is asked for every fix, by keys whose hash is cached, because asking the native side costs more.
 */
import { vehicleKey } from '../identity.ts';
import type { Codec } from '../wire/encode.ts';
import type { Feed } from './feed.ts';
import type { Topic } from './topics.ts';

/** Listeners of one topic. */
export interface Audience {
  readonly feeds: Set<Feed>;
  readonly direct: Record<Codec, number>;
  /** Positions published to the topic since the first of these listeners came. */
  positions: number;
}

export interface Audiences {
  /** The audience of the topic with `feed` in it; `make` is given the audience that it will be in. */
  join(tenant: string, topic: Topic, make: (audience: Audience) => Feed): Feed;
  leave(tenant: string, topic: Topic, feed: Feed): void;
  /** Who listens to this vehicle; `undefined` where nobody does. */
  ofVehicle(key: string): Audience | undefined;
  /** Who listens to the tenant's fleet. */
  ofFleet(tenant: string): Audience | undefined;
  readonly topics: number;
}

export function createAudiences(): Audiences {
  const vehicles = new Map<string, Audience>();
  const fleets = new Map<string, Audience>();

  function place(tenant: string, topic: Topic): [Map<string, Audience>, string] {
    return topic.kind === 'fleet'
      ? [fleets, tenant]
      : [vehicles, vehicleKey(tenant, topic.vehicleId)];
  }

  return {
    join(tenant, topic, make) {
      const [audiences, key] = place(tenant, topic);
      const audience = audiences.get(key) ?? createAudience();
      const feed = make(audience);
      audience.feeds.add(feed);
      audiences.set(key, audience);
      return feed;
    },
    leave(tenant, topic, feed) {
      const [audiences, key] = place(tenant, topic);
      const audience = audiences.get(key);
      if (audience?.feeds.delete(feed) !== true) throw new Error(`audience: not in that of ${key}`);
      if (audience.feeds.size === 0) audiences.delete(key);
    },
    ofVehicle: (key) => vehicles.get(key),
    ofFleet: (tenant) => fleets.get(tenant),
    get topics() {
      return vehicles.size + fleets.size;
    },
  };
}

function createAudience(): Audience {
  return { feeds: new Set(), direct: { messagepack: 0, json: 0 }, positions: 0 };
}
