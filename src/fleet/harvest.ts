/**
 * What the folds have told and the database does not have yet: events of vehicles, and states to go over their past
 * from.
 * Invariant: taken in the turn in which the states of vehicles are, and stored before them: a state that is stored has
 * told nothing that is not. What could not be stored comes again.
 * Bound: `harvestPendingMax` of both; what is beyond it is dropped, and the vehicle of an event is folded again.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { StoredVehicleEvent } from '../store/vehicleevents.ts';
import type { StoredState } from '../store/vehiclestates.ts';

export interface Crop {
  readonly events: readonly StoredVehicleEvent[];
  readonly states: readonly StoredState[];
}

export interface HarvestOptions {
  /** An event was dropped: the vehicle has to be folded again from the fix on that told it. */
  readonly onDropped: (key: string, sinceMs: number) => void;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'harvestPendingMax'>;
}

export interface Harvest {
  addEvent(event: StoredVehicleEvent): void;
  addState(state: StoredState): void;
  /** All of it, which is then empty. */
  take(): Crop;
  /** The same of one vehicle. */
  takeOf(key: string): Crop;
  /** Puts back what could not be stored, before what has come since. */
  putBack(crop: Crop): void;
  /** Forgets what fixes of the vehicle up to `untilMs` have told: it is told again. */
  forget(key: string, untilMs: number): void;
  readonly size: number;
}

export function createHarvest(options: HarvestOptions): Harvest {
  const { bounds } = options;
  const { counters } = options.metrics;
  let events: StoredVehicleEvent[] = [];
  let states: StoredState[] = [];

  const isFull = (): boolean => events.length + states.length >= bounds.harvestPendingMax;

  return {
    addEvent(event) {
      if (!isFull()) return void events.push(event);
      counters.vehicleEventsDropped += 1;
      options.onDropped(event.key, event.toldMs);
    },
    addState(state) {
      // Without it there is only more to go over.
      if (isFull()) counters.vehicleEventsDropped += 1;
      else states.push(state);
    },
    take() {
      const crop = { events, states };
      events = [];
      states = [];
      return crop;
    },
    takeOf(key) {
      const crop = {
        events: events.filter((event) => event.key === key),
        states: states.filter((state) => state.key === key),
      };
      events = events.filter((event) => event.key !== key);
      states = states.filter((state) => state.key !== key);
      return crop;
    },
    putBack(crop) {
      events = [...crop.events, ...events];
      states = [...crop.states, ...states];
    },
    forget(key, untilMs) {
      const isKept = (one: { readonly key: string }, toldMs: number): boolean =>
        one.key !== key || toldMs > untilMs;
      events = events.filter((event) => isKept(event, event.toldMs));
      states = states.filter((state) => isKept(state, state.timeMs));
    },
    get size() {
      return events.length + states.length;
    },
  };
}
