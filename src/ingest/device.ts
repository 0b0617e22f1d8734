/**
 * One connected device: its session, the vehicles it speaks for, and what it is told.
 * Invariant: after `close` nothing more is sent and nothing more is taken; a vehicle that it has spoken for is
 * connected until the socket is gone.
 * Bound: the vehicles a connection remembers are those of its frames, at most `vehiclesMax` together;
 * slow-downs are told at most once in `slowDownRetryAfterMs`.
 */
import { refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Courier, Line } from '../fleet/courier.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Link, Presence } from '../live/presence.ts';
import type { Vehicle, Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import { encodeDeviceReply } from '../wire/encode.ts';
import { frameTypes, type AckLevel } from '../wire/types.ts';
import { createSession, type Session } from './session.ts';

/** What the gateway gives for one socket. */
export interface Connection {
  /** Who it is now; a refreshed token replaces it. */
  readonly identity: Identity;
  send(bytes: Uint8Array): void;
  close(name: CloseName, reason: string): void;
  /** The client sent a new token; verifying it takes time, so it answers by itself. */
  refresh(token: string): void;
}

export interface Device {
  readonly identity: Identity;
  readonly session: Session;
  readonly connection: Connection;
  readonly isClosed: boolean;
  /** In the pipeline's lists of those that wait for a level. */
  isAwaitingJournal: boolean;
  isAwaitingStore: boolean;
  vehicle(id: string): Vehicle;
  /** It has sent fixes of a vehicle that is tracked. */
  spoke(vehicle: Vehicle): void;
  /** It gets the commands of the vehicle from now on. */
  speaksFor(vehicleId: string): void;
  /** The vehicles that it speaks for, by what it has sent and by its token. */
  readonly spokenFor: Iterable<string>;
  ack(seq: number, level: AckLevel): void;
  refuse(seq: number, reason: RefusalName, indexes: readonly number[] | null): void;
  refuseFixes(seq: number, indexesByReason: ReadonlyMap<RefusalName, readonly number[]>): void;
  slowDown(nowMs: number): void;
  /** Closes the socket with this code. */
  close(name: CloseName, reason: string): void;
  /** The socket is gone, and why. */
  gone(reason: string): void;
}

export interface DeviceOptions {
  readonly connection: Connection;
  readonly vehicles: Vehicles;
  readonly presence: Pick<Presence, 'connected' | 'disconnected'>;
  readonly courier: Pick<Courier, 'connected' | 'disconnected'>;
  readonly metrics: Metrics;
  readonly bounds: Limits;
  readonly ackFirst: 'journaled' | 'stored';
}

export function createDevice(options: DeviceOptions): Device {
  const { connection, vehicles, presence, courier, metrics, bounds } = options;
  const session = createSession({
    framesInFlightMax: bounds.framesInFlightMax,
    ackFirst: options.ackFirst,
  });
  // Most devices are one vehicle; only a gateway's frames come here with others in turn.
  let lastVehicle: Vehicle | null = null;
  let lastSpoken: Vehicle | null = null;
  const spoken = new Set<Vehicle>();
  const commanded = new Set<string>();
  let slowDownNotBeforeMs = -Infinity;
  let isClosed = false;

  function refuse(seq: number, reason: RefusalName, indexes: readonly number[] | null): void {
    const { code, message } = refusals[reason];
    metrics.refused[reason] += indexes === null ? 1 : indexes.length;
    if (isClosed) return;
    connection.send(encodeDeviceReply({ type: frameTypes.refused, seq, code, message, indexes }));
  }

  const link: Link = {
    report({ id }, settings) {
      if (isClosed) return;
      const vehicle = id === connection.identity.subject ? null : id;
      connection.send(encodeDeviceReply({ type: frameTypes.settings, settings, vehicle }));
    },
  };

  const line: Line = {
    isDevice: connection.identity.role === 'device',
    tell(id, told) {
      if (isClosed) return;
      const vehicle = id === connection.identity.subject ? null : id;
      connection.send(encodeDeviceReply({ type: frameTypes.command, ...told, vehicle }));
    },
  };

  function speaksFor(vehicleId: string): void {
    if (commanded.has(vehicleId)) return;
    commanded.add(vehicleId);
    courier.connected(connection.identity.tenant, vehicleId, line);
  }

  return {
    get identity() {
      return connection.identity;
    },
    session,
    connection,
    get isClosed() {
      return isClosed;
    },
    isAwaitingJournal: false,
    isAwaitingStore: false,
    vehicle(id) {
      // An untracked one may be tracked by another connection meanwhile, as another object.
      if (lastVehicle?.id !== id || !lastVehicle.isTracked) {
        lastVehicle = vehicles.open(connection.identity.tenant, id);
      }
      return lastVehicle;
    },
    spoke(vehicle) {
      if (vehicle === lastSpoken) return;
      lastSpoken = vehicle;
      if (spoken.has(vehicle)) return;
      spoken.add(vehicle);
      presence.connected(vehicle, link);
      speaksFor(vehicle.id);
    },
    speaksFor,
    get spokenFor() {
      return commanded;
    },
    ack(seq, level) {
      if (!isClosed) connection.send(encodeDeviceReply({ type: frameTypes.ack, seq, level }));
    },
    refuse,
    refuseFixes(seq, indexesByReason) {
      for (const [reason, indexes] of indexesByReason) {
        metrics.counters.fixesRefused += indexes.length;
        refuse(seq, reason, indexes);
      }
    },
    slowDown(nowMs) {
      if (isClosed || nowMs < slowDownNotBeforeMs) return;
      slowDownNotBeforeMs = nowMs + bounds.slowDownRetryAfterMs;
      metrics.counters.slowDownsSent += 1;
      const retryAfterMs = bounds.slowDownRetryAfterMs;
      connection.send(encodeDeviceReply({ type: frameTypes.slowDown, retryAfterMs }));
    },
    close(name, reason) {
      if (isClosed) return;
      isClosed = true;
      connection.close(name, reason);
    },
    gone(reason) {
      isClosed = true;
      for (const vehicle of spoken) presence.disconnected(vehicle, link, reason);
      spoken.clear();
      for (const vehicleId of commanded) {
        courier.disconnected(connection.identity.tenant, vehicleId, line);
      }
      commanded.clear();
    },
  };
}
