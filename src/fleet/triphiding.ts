/**
 * Trips that were detected in the time of one that somebody has started: a journey is one trip, and it is the latter.
 * Invariant: what is told of detected trips in the end has no time in common with a trip that was started, unless that
 * was cancelled. What was told before somebody said so is gone over again, and removed.
 * Bound: one a vehicle that is under way.
 */
import type { Limits } from '../limits.ts';
import type { Vehicle, Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import type { StartedTrip } from '../store/trips.ts';
import type { Folds } from './folds.ts';
import type { Lateness } from './lateness.ts';
import type { TripOutputKind, TripState } from './output.ts';
import { isOverlapping } from './tripspan.ts';

export interface TripHidingOptions {
  /** The trip of the vehicle that somebody has started and that goes on. */
  readonly runningOf: (vehicle: Vehicle) => StartedTrip | null;
  readonly startedTrips: (
    tenant: string,
    vehicle: string,
    sinceMs: number,
  ) => Promise<readonly StartedTrip[]>;
  readonly folds: Pick<Folds, 'tripOf'>;
  readonly lateness: Pick<Lateness, 'mark'>;
  readonly vehicles: Pick<Vehicles, 'find'>;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'tripStartMs' | 'tripIgnitionOffMs'>;
}

export interface TripHiding {
  /** True where what the fold tells of the trip is not told on. */
  hides(vehicle: Vehicle, kind: TripOutputKind, trip: TripState): boolean;
  /** Somebody has started or ended the trip. */
  noteStart(trip: StartedTrip): void;
  noteEnd(trip: StartedTrip): void;
  noteCancel(trip: StartedTrip): void;
  /** One of an earlier run that has ended. */
  restore(trip: StartedTrip): void;
  /** What is hidden of a past that is folded again, behind `sinceMs`. */
  past(vehicle: Vehicle, sinceMs: number): Promise<HiddenPast>;
}

export interface HiddenPast {
  hides(trip: TripState): boolean;
  /** The fold goes on from there, with this trip under way. */
  goOn(running: TripState | null): void;
}

interface Hidden {
  readonly tripId: string;
  by: StartedTrip;
}

export function createTripHiding(options: TripHidingOptions): TripHiding {
  const { folds, lateness, bounds } = options;
  const { counters } = options.metrics;
  /** The trip under way, by the vehicle's key. */
  const hidden = new Map<string, Hidden>();

  const vehicleOf = ({ tenant, vehicle }: StartedTrip): Vehicle | null =>
    options.vehicles.find(tenant, vehicle);

  /** By which trip it is hidden. */
  function hiderOf(vehicle: Vehicle, trip: TripState): StartedTrip | null {
    const known = hidden.get(vehicle.key);
    if (known?.tripId === trip.id && isOverlapping(known.by, trip)) return known.by;
    const running = options.runningOf(vehicle);
    return running !== null && isOverlapping(running, trip) ? running : null;
  }

  /** True where it was told until now. */
  function keep({ key }: Vehicle, { id: tripId, endMs }: TripState, by: StartedTrip): boolean {
    const isNew = hidden.get(key)?.tripId !== tripId;
    if (isNew) counters.tripsHidden += 1;
    if (endMs === null) hidden.set(key, { tripId, by });
    else hidden.delete(key);
    return isNew;
  }

  function mark({ key }: Vehicle, sinceMs: number): void {
    lateness.mark(key, sinceMs, true);
  }

  return {
    hides(vehicle, kind, trip) {
      const by = hiderOf(vehicle, trip);
      if (by === null) {
        hidden.delete(vehicle.key);
        return false;
      }
      if (keep(vehicle, trip, by) && kind !== 'tripStarted') mark(vehicle, trip.startMs);
      return true;
    },
    noteStart(trip) {
      const vehicle = vehicleOf(trip);
      if (vehicle === null) return;
      const detected = folds.tripOf(vehicle);
      if (detected !== null && isOverlapping(trip, detected)) {
        if (keep(vehicle, detected, trip)) mark(vehicle, detected.startMs);
      }
      // What has ended since then took longer than this to do so.
      if (trip.startMs < vehicle.last.timeMs - bounds.tripIgnitionOffMs) {
        mark(vehicle, trip.startMs);
      }
    },
    noteEnd(trip) {
      const vehicle = vehicleOf(trip);
      if (vehicle === null || trip.endMs === null) return;
      const known = hidden.get(vehicle.key);
      if (known?.by.id === trip.id) known.by = trip;
      // What has begun since then may have been hidden.
      if (trip.endMs < vehicle.last.timeMs - bounds.tripStartMs) mark(vehicle, trip.endMs);
    },
    noteCancel(trip) {
      const vehicle = vehicleOf(trip);
      if (vehicle === null) return;
      const detected = folds.tripOf(vehicle);
      const sinceMs = Math.min(trip.startMs, detected?.startMs ?? Infinity);
      hidden.delete(vehicle.key);
      if (sinceMs <= vehicle.last.timeMs) mark(vehicle, sinceMs);
    },
    restore(trip) {
      const vehicle = vehicleOf(trip);
      const detected = vehicle === null ? null : folds.tripOf(vehicle);
      if (vehicle === null || detected === null || !isOverlapping(trip, detected)) return;
      hidden.set(vehicle.key, { tripId: detected.id, by: trip });
    },
    async past(vehicle, sinceMs) {
      const started = await options.startedTrips(vehicle.tenant, vehicle.id, sinceMs);
      const hiderIn = (trip: TripState): StartedTrip | undefined =>
        started.find((one) => isOverlapping(one, trip));
      return {
        hides: (trip) => hiderIn(trip) !== undefined,
        goOn(running) {
          const by = running === null ? undefined : hiderIn(running);
          if (running === null || by === undefined) hidden.delete(vehicle.key);
          else hidden.set(vehicle.key, { tripId: running.id, by });
        },
      };
    },
  };
}
