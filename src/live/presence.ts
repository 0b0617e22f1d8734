/**
 * Which vehicles are heard of: online, idle (connected, but silent), offline; and how often each is asked to
 * report, which depends on who watches.
 * Invariant: a vehicle with a connection is never offline, one without never anything else. The reason is that of
 * the last connection that ended. A slower report is asked for at the next sweep, so that one who looks away and
 * back costs nothing; a faster one at once.
 * Bound: one entry for each vehicle that is connected; a sweep every `presenceSweepIntervalMs` looks at all of them.
 */
import { every, type Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import {
  batteryPercentOf,
  reportingOf,
  type Reporting,
  type ReportingBounds,
} from './reporting.ts';
import type { PresenceState, Vehicle } from './vehicles.ts';

/** The connection of a device that speaks for a vehicle. */
export interface Link {
  report(vehicle: Vehicle, reporting: Reporting): void;
}

export interface PresenceOptions {
  /** Who watches the vehicle now. */
  readonly watchersOf: (vehicle: Vehicle) => number;
  /** The state of the vehicle has changed. */
  readonly onChange: (vehicle: Vehicle) => void;
  readonly clock: Clock;
  readonly bounds: ReportingBounds &
    Pick<Limits, 'presenceIdleAfterMs' | 'presenceSweepIntervalMs'>;
}

export interface Presence {
  /** A device speaks for the vehicle; once for each connection and vehicle. */
  connected(vehicle: Vehicle, link: Link): void;
  /** A live fix of a vehicle has come. */
  heard(vehicle: Vehicle): void;
  disconnected(vehicle: Vehicle, link: Link, reason: string): void;
  /** Somebody has begun to watch the vehicle. */
  watched(vehicle: Vehicle): void;
  /** Vehicles that are connected. */
  readonly size: number;
  stop(): void;
}

interface Entry {
  readonly links: Set<Link>;
  readonly connectedAtMs: number;
  reported: Reporting | null;
}

export function createPresence(options: PresenceOptions): Presence {
  const { clock, bounds } = options;
  const entries = new Map<Vehicle, Entry>();
  const timer = every(clock, bounds.presenceSweepIntervalMs, sweep);

  function change(vehicle: Vehicle, state: PresenceState, reason: string | null): void {
    if (vehicle.state === state) return;
    vehicle.state = state;
    vehicle.stateSinceMs = clock.nowMs();
    vehicle.offlineReason = reason;
    options.onChange(vehicle);
  }

  function sweep(): void {
    const silentSinceMs = clock.nowMs() - bounds.presenceIdleAfterMs;
    for (const [vehicle, entry] of entries) {
      const heardAtMs = Math.max(vehicle.receivedAtMs, entry.connectedAtMs);
      if (heardAtMs < silentSinceMs) change(vehicle, 'idle', null);
      ask(vehicle, entry, wantedOf(vehicle));
    }
  }

  function wantedOf(vehicle: Vehicle): Reporting {
    const isWatched = options.watchersOf(vehicle) > 0;
    return reportingOf(isWatched, batteryPercentOf(vehicle.last), bounds);
  }

  function ask(vehicle: Vehicle, entry: Entry, wanted: Reporting): void {
    const { reported } = entry;
    const isSame =
      reported?.intervalMs === wanted.intervalMs && reported.displacementM === wanted.displacementM;
    if (isSame) return;
    entry.reported = wanted;
    for (const link of entry.links) link.report(vehicle, wanted);
  }

  return {
    connected(vehicle, link) {
      let entry = entries.get(vehicle);
      if (entry === undefined) {
        entry = { links: new Set(), connectedAtMs: clock.nowMs(), reported: null };
        entries.set(vehicle, entry);
      }
      entry.links.add(link);
      // Every connection is told, whatever an older one was.
      entry.reported = null;
      ask(vehicle, entry, wantedOf(vehicle));
      change(vehicle, 'online', null);
    },
    heard(vehicle) {
      if (vehicle.state === 'idle') change(vehicle, 'online', null);
    },
    disconnected(vehicle, link, reason) {
      const entry = entries.get(vehicle);
      if (entry?.links.delete(link) !== true)
        throw new Error(`presence: ${vehicle.key} has no link`);
      if (entry.links.size > 0) return;
      entries.delete(vehicle);
      change(vehicle, 'offline', reason);
    },
    watched(vehicle) {
      const entry = entries.get(vehicle);
      if (entry === undefined) return;
      const wanted = wantedOf(vehicle);
      const { reported } = entry;
      if (reported === null || wanted.intervalMs < reported.intervalMs) ask(vehicle, entry, wanted);
    },
    get size() {
      return entries.size;
    },
    stop: () => timer.cancel(),
  };
}
