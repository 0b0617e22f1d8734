/**
 * Live positions on their way to topics: gathered for a tick, then one frame for each topic.
 * Invariant: `vehicle:<id>` carries every live fix in order; `fleet` carries the newest of each vehicle
 * with the count of fixes it stands for. Nobody listening, nothing encoded. Feeds that lag are served
 * apart (feed.ts) and hold nobody up.
 * Bound: frames stay under `publishBytesMax`; between two ticks a fleet holds each vehicle once.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Codec } from '../wire/encode.ts';
import { encodePosition, livePosition, positionFrames, type Encoded } from '../wire/positions.ts';
import type { Audience, Audiences } from './audience.ts';
import type { Feed } from './feed.ts';
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
  /** Publishes what is gathered; called by the tick, and before a feed catches up. */
  flush(): void;
  /** The tick that was published last. */
  readonly lastTick: number;
  /** Feeds with an interval, which are served when theirs is over. */
  readonly paced: Set<Feed>;
  stop(): void;
}

/** The fixes of one vehicle's topic in this tick. */
interface Track {
  readonly encoded: Record<Codec, Encoded[]>;
  count: number;
}

const codecs: readonly Codec[] = ['messagepack', 'json'];

export function createPublisher(options: PublisherOptions): Publisher {
  const { audiences, clock, metrics, bounds } = options;
  const { counters } = metrics;
  const tracks = new Map<Vehicle, Track>();
  const fleets = new Map<string, Vehicle[]>();
  const paced = new Set<Feed>();
  let tick = 0;
  let timer: Timer | null = null;
  let pacedTimer: Timer | null = null;

  function add(vehicle: Vehicle): void {
    vehicle.movedTick = tick;
    const watchers = audiences.ofVehicle(vehicle.key);
    const fleet = audiences.ofFleet(vehicle.tenant);
    if (watchers === undefined && fleet === undefined) return;
    if (watchers !== undefined) addToTrack(vehicle, watchers);
    if (fleet !== undefined) addToFleet(vehicle);
    timer ??= clock.after(bounds.tickMs, flush);
  }

  function addToTrack(vehicle: Vehicle, { direct }: Audience): void {
    let track = tracks.get(vehicle);
    if (track === undefined) {
      tracks.set(vehicle, (track = { encoded: { messagepack: [], json: [] }, count: 0 }));
    }
    track.count += 1;
    for (const codec of codecs) {
      if (direct[codec] === 0) continue;
      track.encoded[codec].push(encodePosition(livePosition(vehicle.id, vehicle.last, 1), codec));
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
    const nowMs = clock.monotonicMs();
    for (const [vehicle, track] of tracks) publishTrack(vehicle, track, nowMs);
    tracks.clear();
    for (const [tenant, moved] of fleets) publishFleet(tenant, moved, nowMs);
    fleets.clear();
    tick += 1;
    servePaced(nowMs);
  }

  function publishTrack(vehicle: Vehicle, { encoded, count }: Track, nowMs: number): void {
    const audience = audiences.ofVehicle(vehicle.key);
    if (audience === undefined) return;
    for (const feed of audience.feeds) feed.check(tick, nowMs);
    for (const codec of codecs) {
      if (audience.direct[codec] === 0) continue;
      publish(vehicle.tenant, vehicleTopicText(vehicle.id), codec, encoded[codec]);
    }
    audience.positions += count;
  }

  function publishFleet(tenant: string, moved: readonly Vehicle[], nowMs: number): void {
    const audience = audiences.ofFleet(tenant);
    if (audience !== undefined) {
      for (const feed of audience.feeds) feed.check(tick, nowMs);
      for (const codec of codecs) {
        if (audience.direct[codec] === 0) continue;
        const positions = moved.map(({ id, last, fixesInTick }) =>
          encodePosition(livePosition(id, last, fixesInTick), codec),
        );
        publish(tenant, 'fleet', codec, positions);
      }
      audience.positions += moved.length;
    }
    for (const vehicle of moved) vehicle.fixesInTick = 0;
  }

  function publish(
    tenant: string,
    text: string,
    codec: Codec,
    positions: readonly Encoded[],
  ): void {
    const inner = innerTopic(tenant, text, codec);
    for (const frame of positionFrames(text, positions, codec, bounds.publishBytesMax)) {
      options.publish(inner, frame.message);
      counters.framesPublished += 1;
    }
    counters.positionsPublished += positions.length;
  }

  function servePaced(nowMs: number): void {
    let soonestMs = Infinity;
    for (const feed of paced) {
      feed.catchUp(nowMs, tick - 1);
      soonestMs = Math.min(soonestMs, feed.waitMs(nowMs, tick - 1) ?? Infinity);
    }
    pacedTimer?.cancel();
    pacedTimer = null;
    if (soonestMs === Infinity) return;
    pacedTimer = clock.after(Math.max(soonestMs, bounds.tickMs), flush);
  }

  return {
    add,
    flush,
    get lastTick() {
      return tick - 1;
    },
    paced,
    stop() {
      timer?.cancel();
      pacedTimer?.cancel();
    },
  };
}
