/**
 * How many connections listen to each topic, by codec: what nobody listens to is not even encoded.
 * Invariant: the counts are those of the native topics; an entry lives as long as somebody listens.
 * Bound: one entry for each topic that is subscribed, so connections times `topicsPerConnectionMax`.
 * It is asked for every fix, by keys whose hash is cached, because asking the native side costs more.
 */
import { vehicleKey } from '../identity.ts';
import type { Codec } from '../wire/encode.ts';
import type { Topic } from './topics.ts';

/** Listeners of one topic. */
export type Audience = Record<Codec, number>;

export interface Audiences {
  join(tenant: string, topic: Topic, codec: Codec): void;
  leave(tenant: string, topic: Topic, codec: Codec): void;
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
    join(tenant, topic, codec) {
      const [audiences, key] = place(tenant, topic);
      const audience = audiences.get(key);
      if (audience === undefined) audiences.set(key, { messagepack: 0, json: 0, [codec]: 1 });
      else audience[codec] += 1;
    },
    leave(tenant, topic, codec) {
      const [audiences, key] = place(tenant, topic);
      const audience = audiences.get(key);
      if (audience === undefined || audience[codec] === 0) {
        throw new Error(`audience: nobody listens to ${key}`);
      }
      audience[codec] -= 1;
      if (audience.messagepack + audience.json === 0) audiences.delete(key);
    },
    ofVehicle: (key) => vehicles.get(key),
    ofFleet: (tenant) => fleets.get(tenant),
    get topics() {
      return vehicles.size + fleets.size;
    },
  };
}
