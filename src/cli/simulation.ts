/**
 * A simulated fleet: vehicles that drive along a route, each with its own pace, clock jitter and
 * interruptions, over real connections.
 * Invariant: the schedule is open-loop: what is due depends on the seed and the clock, never on how fast
 * the engine answers, so that a slow engine shows. A fix carries the time at which it was due.
 * Bound: at most one client a vehicle, each with its bounded backlog; at most `connectsPerSecondMax`
 * new connections a second.
 */
import type { ConnectionState, TokenSource } from '../client/connection.ts';
import { createDeviceClient, type DeviceClient } from '../client/device.ts';
import type { FixKey } from '../client/reports.ts';
import type { DeviceFix } from '../client/units.ts';
import type { Clock, Timer } from '../clock.ts';
import { createRandom } from './random.ts';
import type { Route } from './route.ts';

export interface SimulationOptions {
  readonly url: string;
  readonly route: Route;
  readonly vehicles: number;
  readonly intervalMs: number;
  /** How far a fix may be from its place in the schedule, as a share of the interval. */
  readonly jitter: number;
  /** The share of the time that a vehicle is offline. */
  readonly dropouts: number;
  readonly prefix: string;
  readonly seed: number;
  readonly clock: Clock;
  /** The token of one vehicle's connection. */
  readonly tokenOf: (vehicle: string) => TokenSource;
  /** A gateway's token: one connection speaks for all vehicles. */
  readonly gatewayToken: string | null;
  onState?(state: ConnectionState): void;
  onSend?(vehicle: string, timeMs: number): void;
  onAcked?(vehicle: string, timeMs: number): void;
  onRefused?(message: string): void;
}

/** Counts of fixes, summed over the vehicles. */
export interface SimulationStats {
  readonly connected: number;
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  readonly resent: number;
  readonly dropped: number;
  readonly backlog: number;
}

export interface Simulation {
  readonly stats: SimulationStats;
  /** No more fixes are made; who is offline comes back with its backlog. */
  stop(): void;
  /** Resolves when all that was made is acked, or its client is closed for good. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

interface Driver {
  readonly vehicle: string;
  readonly client: () => DeviceClient;
  readonly random: () => number;
  /** Where on the route it starts, ms, and how many times faster than the real bus it is. */
  readonly offsetMs: number;
  readonly pace: number;
  readonly phaseMs: number;
}

const connectsPerSecondMax = 1_000;
const paceMin = 0.8;
const paceMax = 1.2;
/** How long a vehicle is offline, ms. */
const outageMinMs = 2_000;
const outageMaxMs = 8_000;
/** Receivers in a city: a few metres. */
const accuracyMinM = 2;
const accuracyMaxM = 8;
const satellitesMin = 6;
const satellitesMax = 14;

export function createSimulation(options: SimulationOptions): Simulation {
  const { clock } = options;
  const startMs = clock.monotonicMs();
  const startWallMs = clock.nowMs();
  const clients = new Map<string, DeviceClient>();
  const timers = new Map<string, Timer>();
  const spreadMs = Math.max(options.intervalMs, (options.vehicles * 1_000) / connectsPerSecondMax);
  for (let index = 0; index < options.vehicles; index++) drive(createDriver(index), 0);

  return {
    get stats() {
      return sum([...clients.values()]);
    },
    stop() {
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
      for (const client of clients.values()) {
        if (client.state.name === 'waiting') client.pause(0);
      }
    },
    async flushed() {
      await Promise.allSettled([...clients.values()].map((client) => client.flushed()));
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };

  function createDriver(index: number): Driver {
    // A seed each, so that what a vehicle does depends on no other one's timers.
    const random = createRandom(Math.imul(options.seed + index + 1, 0x9e3779b1));
    const vehicle = `${options.prefix}-${index + 1}`;
    return {
      vehicle,
      client: () => clientOf(options.gatewayToken === null ? vehicle : '', random),
      random,
      offsetMs: random() * 2 * options.route.durationMs,
      pace: paceMin + random() * (paceMax - paceMin),
      phaseMs: random() * spreadMs,
    };
  }

  function drive(driver: Driver, index: number): void {
    const shiftMs = (driver.random() - 0.5) * options.jitter * options.intervalMs;
    const dueMs = Math.max(0, driver.phaseMs + index * options.intervalMs + shiftMs);
    const aheadMs = startMs + dueMs - clock.monotonicMs();
    const timer = clock.after(Math.max(0, aheadMs), () => {
      const fix = fixAt(driver, dueMs);
      options.onSend?.(driver.vehicle, fix.timeMs);
      driver.client().send(fix);
      drive(driver, index + 1);
    });
    timers.set(driver.vehicle, timer);
  }

  function fixAt(driver: Driver, dueMs: number): DeviceFix {
    const { random, pace } = driver;
    const at = options.route.at(driver.offsetMs + dueMs * pace);
    const fix = {
      timeMs: Math.round(startWallMs + dueMs),
      latitude: at.latitude,
      longitude: at.longitude,
      speed: at.speed * pace,
      course: at.course,
      altitude: at.altitude,
      accuracy: accuracyMinM + random() * (accuracyMaxM - accuracyMinM),
      satellites: satellitesMin + Math.floor(random() * (satellitesMax - satellitesMin + 1)),
    };
    return options.gatewayToken === null ? fix : { ...fix, vehicle: driver.vehicle };
  }

  /** The client of a vehicle, or of all of them (`''`), made when it is first needed. */
  function clientOf(vehicle: string, random: () => number): DeviceClient {
    const found = clients.get(vehicle);
    if (found !== undefined) return found;
    const key = (fix: FixKey): string => fix.vehicle ?? vehicle;
    const client = createDeviceClient({
      url: options.url,
      token: options.gatewayToken ?? options.tokenOf(vehicle),
      clock,
      onState: (state) => options.onState?.(state),
      onAck: ({ fixes }) => {
        for (const fix of fixes) options.onAcked?.(key(fix), fix.timeMs);
      },
      onRefused: ({ message }) => options.onRefused?.(message),
    });
    clients.set(vehicle, client);
    if (options.dropouts > 0) scheduleOutage(vehicle, client, random);
    return client;
  }

  function scheduleOutage(vehicle: string, client: DeviceClient, random: () => number): void {
    const outageMs = outageMinMs + random() * (outageMaxMs - outageMinMs);
    const meanOnlineMs =
      (((outageMinMs + outageMaxMs) / 2) * (1 - options.dropouts)) / options.dropouts;
    const onlineMs = -Math.log(1 - random()) * meanOnlineMs;
    const timer = clock.after(onlineMs, () => {
      client.pause(outageMs);
      timers.set(
        `${vehicle} outage`,
        clock.after(outageMs, () => scheduleOutage(vehicle, client, random)),
      );
    });
    timers.set(`${vehicle} outage`, timer);
  }
}

function sum(clients: readonly DeviceClient[]): SimulationStats {
  const total = { connected: 0, sent: 0, acked: 0, refused: 0, resent: 0, dropped: 0, backlog: 0 };
  for (const { stats, state } of clients) {
    if (state.name === 'open') total.connected++;
    total.sent += stats.sent;
    total.acked += stats.acked;
    total.refused += stats.refused;
    total.resent += stats.resent;
    total.dropped += stats.dropped;
    total.backlog += stats.backlog;
  }
  return total;
}
