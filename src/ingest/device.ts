/**
 * One connected device: its session, the vehicles it speaks for, and what it is told.
 * Invariant: after `close` nothing more is sent and nothing more is taken; a vehicle that it has spoken for is
 * connected until the socket is gone.
 * Bound: the vehicles a connection remembers are those of its frames, at most `vehiclesMax` together;
 * slow-downs are told at most once in `slowDownRetryAfterMs`.
 */
import { refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Courier, Line, Told } from '../fleet/courier.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Link, Presence } from '../live/presence.ts';
import type { Reporting } from '../live/reporting.ts';
import type { Vehicle, Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import { encodeDeviceReply } from '../wire/encode.ts';
import { frameTypes, type AckLevel, type DeviceReply } from '../wire/types.ts';
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

/** The same for all devices. */
export interface DeviceOptions {
  readonly vehicles: Vehicles;
  readonly presence: Pick<Presence, 'connected' | 'disconnected'>;
  readonly courier: Pick<Courier, 'connected' | 'disconnected'>;
  readonly metrics: Metrics;
  readonly bounds: Limits;
  readonly ackFirst: 'journaled' | 'stored';
}

export function createDevice(connection: Connection, options: DeviceOptions): Device {
  return new ConnectedDevice(connection, options);
}

// A class, for there is one for each socket: methods and getters of its own cost an idle one more than all its state.
class ConnectedDevice implements Device, Link, Line {
  readonly session: Session;
  readonly connection: Connection;
  readonly isDevice: boolean;
  isClosed = false;
  isAwaitingJournal = false;
  isAwaitingStore = false;
  private readonly options: DeviceOptions;
  // Most devices are one vehicle; only a gateway's frames come here with others in turn.
  private lastVehicle: Vehicle | null = null;
  private lastSpoken: Vehicle | null = null;
  private spoken: Set<Vehicle> | null = null;
  private commanded: Set<string> | null = null;
  private slowDownNotBeforeMs = -Infinity;

  constructor(connection: Connection, options: DeviceOptions) {
    this.connection = connection;
    this.options = options;
    this.isDevice = connection.identity.role === 'device';
    this.session = createSession(options);
  }

  get identity(): Identity {
    return this.connection.identity;
  }

  get spokenFor(): Iterable<string> {
    return this.commanded ?? [];
  }

  vehicle(id: string): Vehicle {
    // An untracked one may be tracked by another connection meanwhile, as another object.
    if (this.lastVehicle?.id !== id || !this.lastVehicle.isTracked) {
      this.lastVehicle = this.options.vehicles.open(this.identity.tenant, id);
    }
    return this.lastVehicle;
  }

  spoke(vehicle: Vehicle): void {
    if (vehicle === this.lastSpoken) return;
    this.lastSpoken = vehicle;
    this.spoken ??= new Set();
    if (this.spoken.has(vehicle)) return;
    this.spoken.add(vehicle);
    this.options.presence.connected(vehicle, this);
    this.speaksFor(vehicle.id);
  }

  speaksFor(vehicleId: string): void {
    this.commanded ??= new Set();
    if (this.commanded.has(vehicleId)) return;
    this.commanded.add(vehicleId);
    this.options.courier.connected(this.identity.tenant, vehicleId, this);
  }

  report(vehicle: Vehicle, settings: Reporting): void {
    this.send({ type: frameTypes.settings, settings, vehicle: this.named(vehicle.id) });
  }

  tell(vehicleId: string, told: Told): void {
    this.send({ type: frameTypes.command, ...told, vehicle: this.named(vehicleId) });
  }

  ack(seq: number, level: AckLevel): void {
    this.send({ type: frameTypes.ack, seq, level });
  }

  refuse(seq: number, reason: RefusalName, indexes: readonly number[] | null): void {
    const { code, message } = refusals[reason];
    this.options.metrics.refused[reason] += indexes === null ? 1 : indexes.length;
    this.send({ type: frameTypes.refused, seq, code, message, indexes });
  }

  refuseFixes(seq: number, indexesByReason: ReadonlyMap<RefusalName, readonly number[]>): void {
    for (const [reason, indexes] of indexesByReason) {
      this.options.metrics.counters.fixesRefused += indexes.length;
      this.refuse(seq, reason, indexes);
    }
  }

  slowDown(nowMs: number): void {
    if (this.isClosed || nowMs < this.slowDownNotBeforeMs) return;
    const retryAfterMs = this.options.bounds.slowDownRetryAfterMs;
    this.slowDownNotBeforeMs = nowMs + retryAfterMs;
    this.options.metrics.counters.slowDownsSent += 1;
    this.send({ type: frameTypes.slowDown, retryAfterMs });
  }

  close(name: CloseName, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.connection.close(name, reason);
  }

  gone(reason: string): void {
    const { spoken, commanded, options } = this;
    this.isClosed = true;
    this.spoken = null;
    this.commanded = null;
    for (const vehicle of spoken ?? []) options.presence.disconnected(vehicle, this, reason);
    for (const vehicleId of commanded ?? []) {
      options.courier.disconnected(this.identity.tenant, vehicleId, this);
    }
  }

  private send(reply: DeviceReply): void {
    if (!this.isClosed) this.connection.send(encodeDeviceReply(reply));
  }

  /** Null for the device's own: then a frame names none. */
  private named(vehicleId: string): string | null {
    return vehicleId === this.identity.subject ? null : vehicleId;
  }
}
