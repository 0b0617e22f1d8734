/**
 * Writes vehicles with the states of their folds, and before them what these have told and what they have not taken.
 * Invariant: a state is taken in the turn in which all that it has told is, and stored after it: no crash leaves a state
 * whose events nobody has. What could not be stored comes with the next write.
 * Bound: `harvestPageRowsMax` rows a statement, but for the vehicles, which are the caller's.
 */
import type { Limits } from '../limits.ts';
import type { Vehicle } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import type { StoredVehicleEvent } from '../store/vehicleevents.ts';
import type { KnownVehicle } from '../store/vehicles.ts';
import type { DirtyVehicle, StoredState } from '../store/vehiclestates.ts';
import type { Folds } from './folds.ts';
import type { Harvest } from './harvest.ts';
import type { Lateness } from './lateness.ts';
import type { TripNews } from './tripnews.ts';

export interface FoldStore {
  saveEvents(events: readonly StoredVehicleEvent[]): Promise<void>;
  saveStates(states: readonly StoredState[]): Promise<void>;
  saveDirty(dirty: readonly DirtyVehicle[]): Promise<void>;
  saveVehicles(vehicles: readonly KnownVehicle[]): Promise<void>;
}

export interface FoldSaverOptions {
  readonly folds: Pick<Folds, 'stateOf'>;
  readonly harvest: Pick<Harvest, 'take' | 'putBack'>;
  readonly lateness: Pick<Lateness, 'mark' | 'since' | 'unsaved'>;
  readonly news: Pick<TripNews, 'pending' | 'isPending'>;
  /** Resolves when all that the journal has now is durable. */
  readonly flushed: () => Promise<void>;
  readonly store: FoldStore;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'harvestPageRowsMax'>;
}

/** Rejects where not all of it was stored. */
export type FoldSaver = (vehicles: readonly Vehicle[]) => Promise<void>;

export function createFoldSaver(options: FoldSaverOptions): FoldSaver {
  const { folds, harvest, lateness, news, store, bounds } = options;
  const { counters } = options.metrics;

  async function saveAll<Row>(
    rows: readonly Row[],
    save: (page: readonly Row[]) => Promise<void>,
  ): Promise<void> {
    for (let start = 0; start < rows.length; start += bounds.harvestPageRowsMax) {
      await save(rows.slice(start, start + bounds.harvestPageRowsMax));
    }
  }

  return async (vehicles) => {
    const told = [...news.pending()];
    const crop = harvest.take();
    const marks = lateness.unsaved().map((mark) => ({ mark, sinceMs: mark.sinceMs }));
    const known = vehicles.map((vehicle) => {
      const { key, last, receivedAtMs } = vehicle;
      return { key, fix: { ...last }, receivedAtMs, state: folds.stateOf(vehicle) };
    });
    try {
      // Most of what is told is on its way to the journal, and a vehicle is not to be folded again for that.
      if (told.length > 0) await options.flushed();
      await saveAll(crop.events, store.saveEvents);
      await saveAll(crop.states, store.saveStates);
    } catch (error) {
      harvest.putBack(crop);
      throw error;
    }
    counters.vehicleEventsStored += crop.events.length;
    counters.vehicleStatesStored += crop.states.length;
    // A crash may take back what is not durable yet: then it is folded again.
    for (const { key, sinceMs } of told) if (news.isPending(key)) lateness.mark(key, sinceMs, true);
    // What was given up meanwhile has a mark, too.
    const lost = told.filter(({ key }) => lateness.since(key) !== null);
    const dirty = marks.map(({ mark: { key }, sinceMs }) => ({ key, sinceMs }));
    await saveAll([...lost, ...dirty], store.saveDirty);
    for (const { mark, sinceMs } of marks) mark.isSaved ||= mark.sinceMs >= sinceMs;
    if (known.length > 0) await store.saveVehicles(known);
  };
}
