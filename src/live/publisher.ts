/**
 * Live positions on their way to topics: gathered for a tick, then one frame for each topic.
 * Invariant: `vehicle:<id>` carries every live fix in order; `fleet` carries the newest of each vehicle
 * with the count of fixes it stands for. Nobody listening, nothing encoded.
 * Bound: frames stay under `publishBytesMax`; between two ticks a fleet holds each vehicle once.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import { encodePosition, livePosition, positionFrames, type Encoded } from '../wire/positions.ts';
import type { Audience, Audiences } from './audience.ts';
import { innerTopic, vehicleTopicText } from './topics.ts';
import type { Vehicle } from './vehicles.ts';

export interface PublisherOptions {
  /** Sends to everyone who has joined the native topic. */
  readonly publish: (inner: string, frame: Encoded) => void;
  readonly audiences: Audiences;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'tickMs' | 'publishBytesMax'>;
}

export interface Publisher {
  /** The vehicle has just moved to its `last`. */
  add(vehicle: Vehicle): void;
  /** Publishes what is gathered; called by the tick, and before a subscriber joins. */
  flush(): void;
  stop(): void;
}

/** The positions of one vehicle's topic in this tick, by codec. */
type Track = Record<Codec, Encoded[]>;

const codecs: readonly Codec[] = ['messagepack', 'json'];

export function createPublisher(options: PublisherOptions): Publisher {
  const { audiences, clock, metrics, bounds } = options;
  const { counters } = metrics;
  const tracks = new Map<Vehicle, Track>();
  const fleets = new Map<string, Vehicle[]>();
  let timer: Timer | null = null;

  function add(vehicle: Vehicle): void {
    const watchers = audiences.ofVehicle(vehicle.key);
    const fleet = audiences.ofFleet(vehicle.tenant);
    if (watchers === undefined && fleet === undefined) return;
    if (watchers !== undefined) addToTrack(vehicle, watchers);
    if (fleet !== undefined) addToFleet(vehicle);
    timer ??= clock.after(bounds.tickMs, flush);
  }

  function addToTrack(vehicle: Vehicle, watchers: Audience): void {
    let track = tracks.get(vehicle);
    if (track === undefined) tracks.set(vehicle, (track = { messagepack: [], json: [] }));
    for (const codec of codecs) {
      if (watchers[codec] === 0) continue;
      track[codec].push(encodePosition(livePosition(vehicle.id, vehicle.last, 1), codec));
    }
  }

  function addToFleet(vehicle: Vehicle): void {
    if (vehicle.fixesInTick > 0) {
      counters.positionsCoalesced += 1;
    } else {
      const moved = fleets.get(vehicle.tenant);
      if (moved === undefined) fleets.set(vehicle.tenant, [vehicle]);
      else moved.push(vehicle);
    }
    vehicle.fixesInTick += 1;
  }

  function flush(): void {
    timer?.cancel();
    timer = null;
    for (const [vehicle, track] of tracks) {
      const text = vehicleTopicText(vehicle.id);
      for (const codec of codecs) publishAll(vehicle.tenant, text, codec, track[codec]);
    }
    tracks.clear();
    for (const [tenant, moved] of fleets) publishFleet(tenant, moved);
    fleets.clear();
  }

  function publishFleet(tenant: string, moved: readonly Vehicle[]): void {
    const audience = audiences.ofFleet(tenant);
    for (const codec of codecs) {
      if (audience === undefined || audience[codec] === 0) continue;
      const positions = moved.map(({ id, last, fixesInTick }) =>
        encodePosition(livePosition(id, last, fixesInTick), codec),
      );
      publishAll(tenant, 'fleet', codec, positions);
    }
    for (const vehicle of moved) vehicle.fixesInTick = 0;
  }

  function publishAll(
    tenant: string,
    text: string,
    codec: Codec,
    positions: readonly Encoded[],
  ): void {
    const inner = innerTopic(tenant, text, codec);
    for (const frame of positionFrames(text, positions, codec, bounds.publishBytesMax)) {
      options.publish(inner, frame);
      counters.framesPublished += 1;
    }
    counters.positionsPublished += positions.length;
  }

  return {
    add,
    flush,
    stop: () => timer?.cancel(),
  };
}
