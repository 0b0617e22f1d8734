/**
 * Trips that somebody has started, joined with the positions of their vehicles: measured by them, told with them, and
 * in place of what was detected in their time.
 * Invariant: goes on from what the last run had in force, before anything is accepted.
 * Bound: made once, at the start; `stop` ends every timer.
 */
import { messageOf } from '../errors.ts';
import type { Desk } from '../fleet/desk.ts';
import type { Dockets } from '../fleet/dockets.ts';
import { createTripHiding, type TripHiding } from '../fleet/triphiding.ts';
import { createTripMeters, type TripMeterStore, type TripMeters } from '../fleet/tripmeters.ts';
import type { Trip } from '../fleet/trip.ts';
import type { TripWitness } from '../fleet/trips.ts';
import type { Plane } from '../live/subscription.ts';
import { tripTopicText } from '../live/topics.ts';
import type { StartedTrip } from '../store/trips.ts';
import type { Context, Storage } from './storage.ts';

export interface TripKeepingOptions {
  readonly context: Context;
  readonly storage: Storage;
  readonly plane: Plane;
  readonly desk: Pick<Desk, 'trips'>;
  readonly store: TripMeterStore;
  /** Positions are stored from then on. */
  readonly keptSinceMs: () => number;
  /** Resolves once the database has all that the journal has now. */
  readonly stored: () => Promise<void>;
}

export interface TripKeeping {
  readonly meters: TripMeters;
  readonly hiding: TripHiding;
  readonly witness: TripWitness;
  stop(): void;
}

/** An ended trip may have had its last fixes, and no totals of them, when the last run ended. */
const settledMs = 60_000;

export function createTripKeeping(options: TripKeepingOptions): TripKeeping {
  const { context, storage, plane, desk, store } = options;
  const { clock, metrics, log, config } = context;
  const { vehicles } = storage;
  const { folds, lateness } = storage.folding;
  const meters = createTripMeters({
    vehicles,
    store,
    keptSinceMs: options.keptSinceMs,
    stored: options.stored,
    correct: (tenant, id, totals, settle) =>
      desk.trips.total(tenant, id, totals, (outcome) =>
        settle('refused' in outcome ? outcome.refused : null),
      ),
    onTotals(tenant, id, totals) {
      const isFollowed = plane.stories.isFollowed(`${tenant}/${tripTopicText(id)}`);
      if (isFollowed) plane.states.tellTrip(tenant, id, totals);
    },
    onError: (trip, error) =>
      log.warn({ trip, cause: messageOf(error) }, 'not measured, trying later'),
    clock,
    metrics,
    bounds: config.bounds,
  });
  const hiding = createTripHiding({
    runningOf({ tenant, id }) {
      const trip = desk.trips.runningOf(tenant, id);
      return trip === null ? null : startedOf(tenant, trip);
    },
    startedTrips: store.startedTrips,
    ...{ folds, lateness, vehicles, metrics },
    bounds: config.bounds,
  });
  restore(storage, storage.memory.dockets, meters, hiding);
  return {
    meters,
    hiding,
    witness: {
      totalsOf: (tenant, trip) => meters.totalsOf(startedOf(tenant, trip)),
      onChange(tenant, trip, event) {
        if (event !== 'recomputed') note(meters, hiding, startedOf(tenant, trip), trip);
      },
    },
    stop: meters.stop,
  };
}

function note(meters: TripMeters, hiding: TripHiding, started: StartedTrip, trip: Trip): void {
  if (trip.state === 'cancelled') {
    meters.forget(started.tenant, started.id);
    return hiding.noteCancel(started);
  }
  meters.note(started);
  if (trip.revision === 1) hiding.noteStart(started);
  if (trip.endMs !== null) hiding.noteEnd(started);
}

function restore(
  { vehicles, folding }: Storage,
  { trips }: Pick<Dockets, 'trips'>,
  meters: TripMeters,
  hiding: TripHiding,
): void {
  for (const { tenant, state } of trips.all()) {
    if (state === null || state.state === 'cancelled') continue;
    const lastMs = vehicles.find(tenant, state.vehicle)?.last.timeMs ?? 0;
    if (lastMs <= (state.endMs ?? Infinity) + settledMs) meters.restore(startedOf(tenant, state));
  }
  for (const trip of folding.endedTrips) {
    meters.restore(trip);
    hiding.restore(trip);
  }
}

function startedOf(tenant: string, trip: Trip): StartedTrip {
  const { id, vehicle, startMs, pauses, endMs, updatedMs } = trip;
  return { tenant, id, vehicle, startMs, pauses, endMs, updatedMs };
}
