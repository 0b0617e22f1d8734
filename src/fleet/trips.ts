/**
 * Trips that somebody starts and ends: their cases, and which one a vehicle has.
 * Invariant: a vehicle has at most one that has not ended, counted from the moment that it is asked for. Each change
 * carries what the vehicle's positions say by then, where that is known.
 * Bound: `tripsOpenMax` that have not ended; one that has ended is read from its topic when it is asked for.
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { OpenEvents } from '../store/events.ts';
import type { PlainMap } from '../wire/types.ts';
import { createCases, type Guard, type Outcome, type Settle } from './cases.ts';
import type { DeskContext } from './context.ts';
import { topicOf } from './dockets.ts';
import {
  createTripMachine,
  type Trip,
  type TripDetails,
  type TripInput,
  type TripMachineBounds,
} from './trip.ts';

export interface TripStart {
  readonly id: string;
  readonly vehicle: string;
  readonly details: TripDetails;
  readonly timeMs: number;
  readonly by: string;
}

export type TripChange = Exclude<TripInput, { readonly kind: 'start' | 'total' }>;

export interface Trips {
  start(tenant: string, start: TripStart, settle: Settle<Trip>): void;
  /** `mayTouch` says whether it may be done to a trip of this vehicle. */
  change(
    tenant: string,
    id: string,
    change: TripChange,
    settle: Settle<Trip>,
    mayTouch?: (vehicle: string) => boolean,
  ): void;
  /** Its vehicle's positions say something else of a trip. */
  total(tenant: string, id: string, totals: PlainMap, settle: Settle<Trip>): void;
  /** The trip of the vehicle that has not ended. */
  runningOf(tenant: string, vehicle: string): Trip | null;
}

/** What positions say of trips. */
export interface TripWitness {
  /** What the totals of the trip are in this state; null where that is not known now. */
  totalsOf(tenant: string, trip: Trip): PlainMap | null;
  /** The state is in force, and was announced as `event`. */
  onChange(tenant: string, trip: Trip, event: string): void;
}

export interface TripsOptions extends DeskContext {
  /** Calls back with what is in a topic; with null where that cannot be told now. */
  readonly snapshot: (
    tenant: string,
    topic: string,
    tell: (snapshot: Pick<OpenEvents, 'events'> | null) => void,
  ) => void;
  readonly witness: TripWitness;
  readonly bounds: TripMachineBounds & Pick<Limits, 'caseInputsMax'>;
}

export function createTrips(options: TripsOptions): Trips {
  const { dockets, witness, bounds } = options;
  const machine = createTripMachine(bounds);
  /** The id of the trip that each vehicle has, or has asked for. */
  const running = new Map<string, string>();
  for (const { tenant, state } of dockets.trips.all()) {
    if (state !== null && machine.isOpen(state))
      running.set(keyOf(tenant, state.vehicle), state.id);
  }

  const cases = createCases({
    ...options,
    machine,
    docket: dockets.trips,
    look({ tenant, topic }, tell) {
      options.snapshot(tenant, topic, (snapshot) => {
        const newest = snapshot?.events.at(-1);
        tell(snapshot === null ? undefined : machine.read(newest?.data ?? null));
      });
    },
    complete: ({ tenant }, state) =>
      machine.withTotals(state, witness.totalsOf(tenant, state) ?? state.totals),
    onChange({ tenant }, state, event) {
      if (!machine.isOpen(state)) release(tenant, state.vehicle, state.id);
      witness.onChange(tenant, state, event);
    },
  });

  const placeOf = (tenant: string, id: string) => ({ tenant, topic: topicOf.trip(id), id });

  function release(tenant: string, vehicle: string, id: string): void {
    const key = keyOf(tenant, vehicle);
    if (running.get(key) === id) running.delete(key);
  }

  /** The trip goes on, so that its vehicle stays taken whatever an input came to. */
  function goesOn(tenant: string, vehicle: string, id: string): boolean {
    const state = cases.find(placeOf(tenant, id));
    return state !== null && machine.isOpen(state) && state.vehicle === vehicle;
  }

  return {
    start(tenant, { id, vehicle, ...told }, settle) {
      const key = keyOf(tenant, vehicle);
      const other = running.get(key);
      const hasOther = other !== undefined && other !== id;
      if (!hasOther) running.set(key, id);
      const input: TripInput = { kind: 'start', id, vehicle, ...told, hasOther };
      cases.put(placeOf(tenant, id), input, (outcome: Outcome<Trip>) => {
        if (!goesOn(tenant, vehicle, id)) release(tenant, vehicle, id);
        settle(outcome);
      });
    },
    change(tenant, id, change, settle, mayTouch = () => true) {
      const guard: Guard<Trip> = ({ vehicle }): RefusalName | null =>
        mayTouch(vehicle) ? null : 'callNotAllowed';
      cases.put(placeOf(tenant, id), change, settle, guard);
    },
    total(tenant, id, totals, settle) {
      cases.put(placeOf(tenant, id), { kind: 'total', totals }, settle);
    },
    runningOf(tenant, vehicle) {
      const id = running.get(keyOf(tenant, vehicle));
      return id === undefined ? null : cases.find(placeOf(tenant, id));
    },
  };
}

function keyOf(tenant: string, vehicle: string): string {
  return `${tenant}/${vehicle}`;
}
