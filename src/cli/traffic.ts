/**
 * The demo's traffic: the real bus journey and a simulated fleet going in, a live subscriber looking on.
 * Invariant: every fix is in the ledger before it is sent, and marked there when it is acknowledged.
 * Bound: the ledger's size; the journey is played again and again until the traffic is stopped.
 */
import type { TokenSource } from '../client/connection.ts';
import { createDeviceClient, type DeviceClient } from '../client/device.ts';
import { createLiveClient, type LiveClient } from '../client/live.ts';
import type { Position } from '../client/units.ts';
import type { Clock } from '../clock.ts';
import type { TrackPoint } from './gpx.ts';
import type { Ledger } from './ledger.ts';
import type { Reach } from './reach.ts';
import { createRoute } from './route.ts';
import { createSimulation, type Simulation, type SimulationStats } from './simulation.ts';
import type { Subject } from './target.ts';
import { playTrack, scheduleTrack } from './track.ts';

export const busVehicle = 'bus-304';

export interface TrafficOptions {
  readonly ingestUrl: string;
  readonly liveUrl: string;
  readonly sign: (subject: Subject) => TokenSource;
  readonly journey: readonly TrackPoint[];
  /** How long the journey takes in the demo. */
  readonly journeyMs: number;
  readonly vehicles: number;
  readonly dropouts: number;
  readonly ledger: Ledger;
  readonly reach: Reach;
  readonly clock: Clock;
  /** Aborted when no more is to be sent. */
  readonly signal: AbortSignal;
}

export interface TrafficStats extends Omit<SimulationStats, 'connected'> {
  /** Fixes that the subscriber of the fleet has seen, each or as one of those that a newer stands for. */
  readonly liveFixes: number;
  /** Positions that came in on all topics. */
  readonly livePositions: number;
}

export interface Traffic {
  readonly stats: TrafficStats;
  /** Resolves when `signal` is aborted and nothing more is sent. */
  readonly played: Promise<void>;
  /** Resolves when all that was sent is acknowledged. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

const intervalMs = 1_000;
const jitter = 0.2;
const seed = 304;

/** Subscribes, then sends: resolves when the subscriber has its snapshots; rejects when it is refused. */
export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const live = { fixes: 0, positions: 0 };
  const subscriber = createLiveClient({
    url: options.liveUrl,
    token: options.sign({ sub: 'demo', role: 'viewer' }),
  });
  try {
    await subscribe(subscriber, live);
  } catch (error) {
    await subscriber.close();
    throw error;
  }
  const bus = createBus(options);
  const fleet = createFleet(options);
  options.signal.addEventListener('abort', () => fleet.stop(), { once: true });

  return {
    get stats() {
      return { ...add(bus, fleet), liveFixes: live.fixes, livePositions: live.positions };
    },
    played: playAgain(bus, options),
    async flushed() {
      await Promise.all([bus.flushed(), fleet.flushed()]);
    },
    async close() {
      await Promise.all([bus.close(), fleet.close(), subscriber.close()]);
    },
  };
}

function createBus(options: TrafficOptions): DeviceClient {
  return createDeviceClient({
    url: options.ingestUrl,
    token: options.sign({ sub: busVehicle, role: 'device' }),
    onState: options.reach.onState,
    onAck: ({ fixes }) => {
      for (const { timeMs } of fixes) options.ledger.ack(busVehicle, timeMs);
    },
  });
}

function createFleet(options: TrafficOptions): Simulation {
  const { ledger, sign } = options;
  return createSimulation({
    url: options.ingestUrl,
    route: createRoute(options.journey),
    vehicles: options.vehicles,
    intervalMs,
    jitter,
    dropouts: options.dropouts,
    prefix: 'sim',
    seed,
    clock: options.clock,
    gatewayToken: null,
    tokenOf: (vehicle) => sign({ sub: vehicle, role: 'device' }),
    onSend: (vehicle, timeMs) => ledger.send(vehicle, timeMs),
    onAcked: (vehicle, timeMs) => ledger.ack(vehicle, timeMs),
    onState: options.reach.onState,
  });
}

async function subscribe(
  subscriber: LiveClient,
  live: { fixes: number; positions: number },
): Promise<void> {
  const fleet = subscriber.subscribe('fleet', {
    onSnapshot: () => undefined,
    onPositions(positions: readonly Position[]) {
      live.positions += positions.length;
      for (const { count } of positions) live.fixes += count;
    },
  });
  const bus = subscriber.subscribe(`vehicle:${busVehicle}`, {
    onSnapshot: () => undefined,
    onPositions(positions) {
      live.positions += positions.length;
    },
  });
  await Promise.all([fleet.ready, bus.ready]);
}

async function playAgain(bus: DeviceClient, options: TrafficOptions): Promise<void> {
  const { journey, journeyMs, ledger, clock, signal } = options;
  const durationMs = (journey.at(-1)?.timeMs ?? 0) - (journey[0]?.timeMs ?? 0);
  const speed = durationMs / journeyMs;
  let lastMs = 0;
  while (!signal.aborted) {
    // Two journeys must not meet in one millisecond, whatever the wall clock does.
    const startMs = Math.max(clock.nowMs(), lastMs + 1);
    const track = scheduleTrack(journey, { speed, startMs });
    lastMs = track.at(-1)?.fix.timeMs ?? startMs;
    const onSend = ({ timeMs }: { readonly timeMs: number }): void =>
      ledger.send(busVehicle, timeMs);
    await playTrack(track, { client: bus, clock, signal, onSend });
  }
}

function add(bus: DeviceClient, fleet: Simulation): Omit<SimulationStats, 'connected'> {
  const { sent, acked, refused, resent, dropped, backlog } = fleet.stats;
  const { stats } = bus;
  return {
    sent: sent + stats.sent,
    acked: acked + stats.acked,
    refused: refused + stats.refused,
    resent: resent + stats.resent,
    dropped: dropped + stats.dropped,
    backlog: backlog + stats.backlog,
  };
}
