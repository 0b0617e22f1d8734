/**
 * Live positions on their way to topics: gathered for a tick, then one frame for each topic. A tick is the longer the more
 * sockets the last one was sent to.
 * Invariant: `vehicle:<id>`, and `trip:<id>` while it runs, carry every live fix in order; a fleet and the cells of the grid carry the newest
 * of each vehicle with the count of fixes it stands for. Nobody listening, nothing encoded; what several topics
 * carry is encoded once. Feeds that lag are served apart (feed.ts) and hold nobody up.
 * Bound: frames stay under `publishBytesMax`; between two ticks a tenant holds each vehicle once.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { codecs, type Codec } from '../wire/encode.ts';
import { encodePosition, livePosition, positionFrames, type Encoded } from '../wire/positions.ts';
import type { Audience, Audiences, Cells } from './audience.ts';
import type { EncodeOnce, Feed } from './feed.ts';
import { cellAt } from './grid.ts';
import type { Vehicle } from './vehicles.ts';

export interface PublisherOptions {
  /** Sends to everyone who has joined the native topic. */
  readonly publish: (inner: string, frame: Encoded) => void;
  readonly audiences: Audiences;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'tickMs' | 'tickMinMs' | 'tickSendsPerMs' | 'publishBytesMax'>;
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

/** The fixes of one vehicle in this tick, for its topic and those of its trips. */
interface Track {
  readonly encoded: Record<Codec, Encoded[]>;
  /** When each was taken. */
  readonly timesMs: number[];
}

export function createPublisher(options: PublisherOptions): Publisher {
  const { audiences, clock, metrics, bounds } = options;
  const { counters } = metrics;
  const tracks = new Map<Vehicle, Track>();
  /** Vehicles that moved in this tick, of tenants whose fleet or areas somebody listens to. */
  const fleets = new Map<string, Vehicle[]>();
  const paced = new Set<Feed>();
  let tick = 0;
  /** Frames to sockets of the last tick, or of this one so far. */
  let sends = 0;
  let timer: Timer | null = null;
  let pacedTimer: Timer | null = null;

  function add(vehicle: Vehicle): void {
    vehicle.movedTick = tick;
    const { key, tenant } = vehicle;
    const watchers = audiences.ofVehicle(key);
    const isListened =
      audiences.ofFleet(tenant) !== undefined || audiences.ofAreas(tenant) !== undefined;
    if (watchers === undefined && !isListened) return;
    if (watchers !== undefined) addToTrack(vehicle, watchers);
    if (isListened) addToFleet(vehicle);
    timer ??= clock.after(tickMsOf(sends, bounds), flush);
  }

  function addToTrack(vehicle: Vehicle, watchers: readonly Audience[]): void {
    let track = tracks.get(vehicle);
    if (track === undefined) {
      tracks.set(vehicle, (track = { encoded: { messagepack: [], json: [] }, timesMs: [] }));
    }
    track.timesMs.push(vehicle.last.timeMs);
    for (const codec of codecs) {
      if (watchers.every(({ direct }) => direct[codec] === 0)) continue;
      track.encoded[codec].push(encodePosition(livePosition(vehicle.id, vehicle.last, 1), codec));
    }
  }

  function addToFleet(vehicle: Vehicle): void {
    if (vehicle.fixesInTick > 0) {
      counters.positionsCoalesced += 1;
    } else {
      vehicle.fromLatE7 = vehicle.previousLatE7;
      vehicle.fromLonE7 = vehicle.previousLonE7;
      const moved = fleets.get(vehicle.tenant);
      if (moved === undefined) fleets.set(vehicle.tenant, [vehicle]);
      else moved.push(vehicle);
    }
    vehicle.fixesInTick += 1;
  }

  function flush(): void {
    timer?.cancel();
    timer = null;
    // A feed that catches up asks for what may be nothing.
    if (tracks.size + fleets.size > 0) sends = 0;
    const nowMs = clock.monotonicMs();
    for (const [vehicle, track] of tracks) publishTrack(vehicle, track, nowMs);
    tracks.clear();
    for (const [tenant, moved] of fleets) publishMoved(tenant, moved, nowMs);
    fleets.clear();
    tick += 1;
    servePaced(nowMs);
  }

  function publishTrack(vehicle: Vehicle, { encoded, timesMs }: Track, nowMs: number): void {
    for (const audience of audiences.ofVehicle(vehicle.key) ?? []) {
      const first = timesMs.findIndex((timeMs) => timeMs >= audience.sinceMs);
      if (first < 0) continue;
      for (const feed of audience.feeds) feed.check(tick, nowMs);
      for (const codec of codecs) {
        if (audience.direct[codec] > 0) publish(audience, codec, encoded[codec].slice(first));
      }
      audience.positions += timesMs.length - first;
    }
  }

  function publishMoved(tenant: string, moved: readonly Vehicle[], nowMs: number): void {
    const encode = createEncodeOnce();
    const fleet = audiences.ofFleet(tenant);
    if (fleet !== undefined) publishTo(fleet, moved, encode, nowMs);
    for (const [level, cells] of audiences.ofAreas(tenant) ?? []) {
      publishCells(level, cells, moved, encode, nowMs);
    }
    for (const vehicle of moved) vehicle.fixesInTick = 0;
  }

  function publishCells(
    level: number,
    cells: Cells,
    moved: readonly Vehicle[],
    encode: EncodeOnce,
    nowMs: number,
  ): void {
    const entered: Audience[] = [];
    const leftBehind = new Set<Feed>();
    for (const vehicle of moved) {
      const cell = cellAt(level, vehicle.last.latE7, vehicle.last.lonE7);
      const here = cells.get(cell);
      if (here !== undefined) {
        if (here.moved.length === 0) entered.push(here);
        here.moved.push(vehicle);
      }
      if (Number.isNaN(vehicle.fromLatE7)) continue;
      const from = cellAt(level, vehicle.fromLatE7, vehicle.fromLonE7);
      if (from === cell) continue;
      for (const feed of cells.get(from)?.feeds ?? []) {
        feed.crossed(vehicle);
        leftBehind.add(feed);
      }
    }
    for (const audience of entered) {
      publishTo(audience, audience.moved, encode, nowMs);
      audience.moved = [];
    }
    for (const feed of leftBehind) feed.tellLeft();
  }

  function publishTo(
    audience: Audience,
    moved: readonly Vehicle[],
    encode: EncodeOnce,
    nowMs: number,
  ): void {
    for (const feed of audience.feeds) feed.check(tick, nowMs);
    for (const codec of codecs) {
      if (audience.direct[codec] === 0) continue;
      const positions = moved.map((vehicle) => encode(vehicle, codec));
      publish(audience, codec, positions);
    }
    for (const feed of audience.served) feed.serve(moved, encode);
    sends += audience.served.size;
    audience.positions += moved.length;
  }

  function publish(audience: Audience, codec: Codec, positions: readonly Encoded[]): void {
    const { text, inners } = audience;
    for (const frame of positionFrames(text, positions, codec, bounds.publishBytesMax)) {
      options.publish(inners[codec], frame.message);
      counters.framesPublished += 1;
      sends += audience.direct[codec];
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

function tickMsOf(
  sends: number,
  { tickMs, tickMinMs, tickSendsPerMs }: PublisherOptions['bounds'],
): number {
  return Math.min(tickMs, Math.max(tickMinMs, sends / tickSendsPerMs));
}

/** Of one tick: the same bytes for the fleet, for cells and for whoever is served apart. */
function createEncodeOnce(): EncodeOnce {
  const encoded = { messagepack: new Map<Vehicle, Encoded>(), json: new Map<Vehicle, Encoded>() };
  return (vehicle, codec) => {
    let position = encoded[codec].get(vehicle);
    if (position === undefined) {
      const { id, last, fixesInTick } = vehicle;
      position = encodePosition(livePosition(id, last, fixesInTick), codec);
      encoded[codec].set(vehicle, position);
    }
    return position;
  };
}
