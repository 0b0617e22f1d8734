/**
 * Who listens to positions: of one vehicle, of a trip of it, of a fleet, of one cell of the grid. What nobody listens
 * to is not even encoded.
 * Invariant: `direct` counts the feeds that have joined the native topic, by codec; a feed that lags is in
 * `feeds` only. An audience lives as long as somebody listens.
 * Bound: one audience for each topic that is subscribed, so connections times `topicsPerConnectionMax`, and
 * `areaCellsMax` for each area. It is asked for every fix, by keys whose hash is cached, because asking the
 * native side costs more.
 */
import { vehicleKey } from '../identity.ts';
import type { Codec } from '../wire/encode.ts';
import type { Feed } from './feed.ts';
import { cellsOf } from './grid.ts';
import {
  areaTopic,
  cellTopicText,
  innerTopic,
  topicText,
  tripPositionsText,
  type AreaTopic,
  type FeedTopic,
} from './topics.ts';
import type { Vehicle } from './vehicles.ts';

/** Listeners of one native topic. */
export interface Audience {
  /** The topic that its frames say. */
  readonly text: string;
  /** Older fixes are not published to it. */
  readonly sinceMs: number;
  /** The native topic of each codec. */
  readonly inners: Readonly<Record<Codec, string>>;
  readonly feeds: Set<Feed>;
  /** Of `feeds`, those that see a part of the vehicles only, and so cannot share the native topic. */
  readonly served: Set<Feed>;
  readonly direct: Record<Codec, number>;
  /** Positions published to the topic since the first of these listeners came. */
  positions: number;
  /** Vehicles that moved in this tick, while it is published. */
  moved: Vehicle[];
}

/** The cells of one level that somebody listens to. */
export type Cells = ReadonlyMap<number, Audience>;

export interface Audiences {
  /** Puts the feed into the audiences of the topic and returns these. */
  join(tenant: string, topic: FeedTopic, feed: Feed): readonly Audience[];
  leave(tenant: string, topic: FeedTopic, feed: Feed): void;
  /** From one area to another; those of cells in both are the same objects. */
  move(tenant: string, from: AreaTopic, to: AreaTopic, feed: Feed): readonly Audience[];
  /** Who is sent each fix of this vehicle: its topic and those of its trips; `undefined` where nobody is. */
  ofVehicle(key: string): readonly Audience[] | undefined;
  /** How many feeds these are. */
  watchersOf(key: string): number;
  /** Who listens to the tenant's fleet. */
  ofFleet(tenant: string): Audience | undefined;
  /** The cells of the tenant that are listened to, by level; `undefined` where there are none. */
  ofAreas(tenant: string): ReadonlyMap<number, Cells> | undefined;
  /** Tenants whose fleet is listened to. */
  fleetTenants(): Iterable<string>;
  readonly topics: number;
}

export function createAudiences(): Audiences {
  const vehicles = new Map<string, Audience[]>();
  const fleets = new Map<string, Audience>();
  const areas = new Map<string, Map<number, Map<number, Audience>>>();
  let vehicleTopics = 0;
  let cellTopics = 0;

  function enter(audiences: Map<string, Audience>, key: string, make: () => Audience): Audience {
    let audience = audiences.get(key);
    if (audience === undefined) audiences.set(key, (audience = make()));
    return audience;
  }

  function enterVehicle(key: string, text: string, make: () => Audience): Audience {
    const ofVehicle = vehicles.get(key) ?? [];
    vehicles.set(key, ofVehicle);
    const known = ofVehicle.find((audience) => audience.text === text);
    if (known !== undefined) return known;
    const audience = make();
    ofVehicle.push(audience);
    vehicleTopics += 1;
    return audience;
  }

  function enterCells(tenant: string, level: number, cells: readonly number[]): Audience[] {
    let ofTenant = areas.get(tenant);
    if (ofTenant === undefined) areas.set(tenant, (ofTenant = new Map()));
    let ofLevel = ofTenant.get(level);
    if (ofLevel === undefined) ofTenant.set(level, (ofLevel = new Map()));
    return cells.map((cell) => {
      let audience = ofLevel.get(cell);
      if (audience === undefined) {
        audience = createAudience(tenant, areaTopic, cellTopicText(level, cell));
        ofLevel.set(cell, audience);
        cellTopics += 1;
      }
      return audience;
    });
  }

  function enterTopic(tenant: string, topic: FeedTopic): Audience[] {
    const text = topicText(topic);
    const make = (): Audience => createAudience(tenant, text, text);
    switch (topic.kind) {
      case 'vehicle':
        return [enterVehicle(vehicleKey(tenant, topic.vehicleId), text, make)];
      case 'tripPositions': {
        const { tripId, vehicleId, sinceMs } = topic;
        return [
          enterVehicle(vehicleKey(tenant, vehicleId), text, () =>
            createAudience(tenant, text, tripPositionsText(tripId), sinceMs),
          ),
        ];
      }
      case 'fleet':
        return [enter(fleets, tenant, make)];
      case 'area':
        return enterCells(tenant, topic.range.level, cellsOf(topic.range));
    }
  }

  function leaveVehicle(key: string, text: string, feed: Feed): void {
    const ofVehicle = vehicles.get(key) ?? [];
    const at = ofVehicle.findIndex((audience) => audience.text === text);
    if (!part(ofVehicle[at], feed)) return;
    ofVehicle.splice(at, 1);
    vehicleTopics -= 1;
    if (ofVehicle.length === 0) vehicles.delete(key);
  }

  function leaveCells(tenant: string, level: number, cells: readonly number[], feed: Feed): void {
    const ofTenant = areas.get(tenant);
    const ofLevel = ofTenant?.get(level);
    for (const cell of cells) {
      if (part(ofLevel?.get(cell), feed)) {
        ofLevel?.delete(cell);
        cellTopics -= 1;
      }
    }
    if (ofLevel?.size === 0) ofTenant?.delete(level);
    if (ofTenant?.size === 0) areas.delete(tenant);
  }

  return {
    join(tenant, topic, feed) {
      const entered = enterTopic(tenant, topic);
      for (const audience of entered) audience.feeds.add(feed);
      return entered;
    },
    leave(tenant, topic, feed) {
      if (topic.kind === 'area') {
        leaveCells(tenant, topic.range.level, cellsOf(topic.range), feed);
      } else if (topic.kind === 'fleet') {
        if (part(fleets.get(tenant), feed)) fleets.delete(tenant);
      } else {
        leaveVehicle(vehicleKey(tenant, topic.vehicleId), topicText(topic), feed);
      }
    },
    move(tenant, from, to, feed) {
      const entered = enterTopic(tenant, to);
      for (const audience of entered) audience.feeds.add(feed);
      const { level } = from.range;
      const kept = new Set(level === to.range.level ? cellsOf(to.range) : []);
      const left = cellsOf(from.range).filter((cell) => !kept.has(cell));
      leaveCells(tenant, level, left, feed);
      return entered;
    },
    ofVehicle: (key) => vehicles.get(key),
    watchersOf: (key) =>
      vehicles.get(key)?.reduce((count, audience) => count + audience.feeds.size, 0) ?? 0,
    ofFleet: (tenant) => fleets.get(tenant),
    ofAreas: (tenant) => areas.get(tenant),
    fleetTenants: () => fleets.keys(),
    get topics() {
      return vehicleTopics + fleets.size + cellTopics;
    },
  };
}

/** True where the feed was the last one. */
function part(audience: Audience | undefined, feed: Feed): boolean {
  if (audience?.feeds.delete(feed) !== true) throw new Error('audience: the feed is not in it');
  audience.served.delete(feed);
  return audience.feeds.size === 0;
}

function createAudience(
  tenant: string,
  text: string,
  native: string,
  sinceMs = -Infinity,
): Audience {
  return {
    text,
    sinceMs,
    inners: {
      messagepack: innerTopic(tenant, native, 'messagepack'),
      json: innerTopic(tenant, native, 'json'),
    },
    feeds: new Set(),
    served: new Set(),
    direct: { messagepack: 0, json: 0 },
    positions: 0,
    moved: [],
  };
}
