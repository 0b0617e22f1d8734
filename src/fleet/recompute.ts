/**
 * Vehicles whose fixes or statuses came late are folded again, one after the other, from the newest state before the
 * first of them.
 * Invariant: what is stored of trips and events in the end is that of the fixes in the order of their time, whatever
 * the order they came in. A vehicle stays marked until all of it is: its rows are stored first, then its trips are
 * told, then its events, its states and the mark change in one statement. What fails is begun anew. Trips that somebody
 * has started are measured again with it.
 * Bound: one vehicle at a time, `recomputeRowsMax` fixes and statuses of it a round.
 */
import { every, type Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import { neverMs, type Vehicle, type Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import type { Gate } from '../store/gate.ts';
import type { LateRange, Past, Refold, Reflagged, StoredTrip, Stretch } from '../store/refolds.ts';
import type { KnownVehicle } from '../store/vehicles.ts';
import type { StoredState } from '../store/vehiclestates.ts';
import type { Fix } from '../wire/types.ts';
import { runningTrip, type DeriveBounds } from './derive.ts';
import type { Fold } from './fold.ts';
import type { Folds } from './folds.ts';
import type { Harvest } from './harvest.ts';
import type { Lateness, Mark } from './lateness.ts';
import type { PastFences } from './pastfences.ts';
import { refold, type Refolded } from './refold.ts';
import { createVehicleState, type VehicleState } from './state.ts';
import { decodeState, encodeState } from './statecodec.ts';
import { tripChanges, type ToldTrip, type TripChanges } from './tripchanges.ts';
import type { HiddenPast, TripHiding } from './triphiding.ts';
import type { TripMeters } from './tripmeters.ts';
import type { TripEvent, TripNews } from './tripnews.ts';

/** What is asked of the database, and stored there. */
export interface PastStore {
  lateRange(key: string, sinceMs: number): Promise<LateRange | null>;
  statesBefore(key: string, beforeMs: number): Promise<readonly StoredState[]>;
  past(stretch: Stretch, rows: number): Promise<readonly Past[]>;
  /** When the first fix from `sinceMs` on was; null for none. */
  firstFix(key: string, sinceMs: number): Promise<number | null>;
  trips(vehicle: Vehicle, afterMs: number): Promise<readonly StoredTrip[]>;
  saveFlags(key: string, fixes: readonly Reflagged[]): Promise<void>;
  saveRefold(refold: Refold): Promise<void>;
  saveClean(key: string, dirtySinceMs: number | null): Promise<void>;
  saveVehicles(vehicles: readonly KnownVehicle[]): Promise<void>;
}

export interface RecomputeOptions {
  readonly folds: Pick<Folds, 'reachedMs' | 'begin' | 'finish' | 'abort'>;
  readonly lateness: Lateness;
  readonly harvest: Pick<Harvest, 'takeOf' | 'putBack' | 'forget'>;
  readonly news: Pick<TripNews, 'tell' | 'isPending' | 'pending'>;
  readonly fences: PastFences;
  readonly hiding: Pick<TripHiding, 'past'>;
  readonly meters: Pick<TripMeters, 'measureAgain'>;
  readonly store: PastStore;
  readonly vehicles: Pick<Vehicles, 'move'>;
  /** Whoever else writes what folds tell is not at it meanwhile. */
  readonly gate: Pick<Gate, 'run'>;
  /** From when on every fix that there was is stored still: what was told by those before stays as it is. */
  readonly keptSinceMs: () => number;
  /** Resolves once the database has all that the journal has now. */
  readonly stored: () => Promise<void>;
  /** The vehicle is further than it was known to be. */
  readonly onMoved: (vehicle: Vehicle) => void;
  readonly onError: (key: string, error: unknown) => void;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: DeriveBounds &
    Pick<
      Limits,
      'recomputeIntervalMs' | 'recomputeRowsMax' | 'recomputePageRowsMax' | 'snapshotIntervalMs'
    >;
}

export interface Recompute {
  /** Works on what is due until there is nothing; the same promise while it is at it. Never rejects. */
  run(): Promise<void>;
  stop(): void;
}

/** From where a past is folded. */
interface Base {
  readonly state: VehicleState;
  /** What was told by fixes behind it is replaced. */
  readonly afterMs: number;
}

export function createRecompute(options: RecomputeOptions): Recompute {
  const { folds, lateness, harvest, news, store, gate, clock, bounds } = options;
  const { counters } = options.metrics;
  let running: Promise<void> | null = null;
  let isStopped = false;
  const timer = every(clock, bounds.recomputeIntervalMs, () => void run());

  function run(): Promise<void> {
    running ??= runAll().finally(() => {
      running = null;
    });
    return running;
  }

  async function runAll(): Promise<void> {
    while (!isStopped) {
      const mark = lateness.next();
      if (mark === null || !(await attempt(mark))) return;
    }
  }

  /** False where it failed: the database may be away, and the next look is soon enough for the others. */
  async function attempt(mark: Mark): Promise<boolean> {
    try {
      await redo(mark);
      return true;
    } catch (error) {
      // The database may have done more than it has answered.
      mark.isSaved = false;
      lateness.fail(mark);
      if (isStopped) return false;
      counters.vehiclesRecomputesFailed += 1;
      options.onError(mark.key, error);
      return false;
    }
  }

  async function redo(mark: Mark): Promise<void> {
    const { key } = mark;
    await options.stored();
    const keptMs = options.keptSinceMs();
    const sinceMs = Math.max(mark.sinceMs, keptMs);
    // Where it is certain, only what the fold has not come to matters: the rest may be years of fixes.
    const lookMs = mark.isCertain ? Math.max(sinceMs, folds.reachedMs(key)) : sinceMs;
    const late = await store.lateRange(key, lookMs);
    if (late === null && !mark.isCertain) return clean(mark);
    const fromMs = mark.isCertain || late === null ? sinceMs : late.firstMs;
    // What is on its way to the trips' topics would come behind what is told here.
    if (news.isPending(key)) return lateness.giveBack(mark);
    const fold = folds.begin(key, late?.lastMs ?? sinceMs, late?.lastStatusMs ?? sinceMs);
    if (fold === null) return clean(mark);
    try {
      await redoFold(mark, fold, fromMs, keptMs);
    } finally {
      if (fold.redo !== null) folds.abort(fold);
    }
    counters.vehiclesRecomputed += 1;
  }

  async function redoFold(mark: Mark, fold: Fold, fromMs: number, keptMs: number): Promise<void> {
    const { vehicle, redo } = fold;
    if (redo === null) throw new Error(`recompute: ${vehicle.key} is not begun`);
    await options.stored();
    const base = await baseOf(vehicle, fromMs, keptMs);
    const refolded = await refold({
      vehicle,
      state: base.state,
      afterMs: base.afterMs,
      untilMs: redo.untilMs,
      fences: await options.fences.of(vehicle.tenant, base.afterMs),
      read: (afterMs, rows) => {
        const { untilMs, statusUntilMs } = redo;
        return store.past({ key: vehicle.key, afterMs, untilMs, statusUntilMs }, rows);
      },
      bounds,
    });
    counters.recomputeRowsRead += refolded.rows;
    const hidden = await options.hiding.past(vehicle, base.afterMs);
    const changes = await changesOf(vehicle, base, refolded, hidden);
    await tellAll(vehicle, changes, fromMs);
    await saveFlags(vehicle.key, refolded.reflagged);
    await options.meters.measureAgain(vehicle, fromMs);
    if (refolded.isWhole) hidden.goOn(runningTrip(refolded.state, bounds));
    await gate.run(() => save(mark, fold, base, refolded, changes));
  }

  async function saveFlags(key: string, fixes: readonly Reflagged[]): Promise<void> {
    const rows = bounds.recomputePageRowsMax;
    for (let start = 0; start < fixes.length; start += rows) {
      await store.saveFlags(key, fixes.slice(start, start + rows));
    }
  }

  // Kept states are tried from the newest on: one of another version is of no use. Of fixes between one and `keptMs` some
  // may be gone, and what they have told stays: mostly there were none, for a vehicle that moves keeps a state a day.
  async function baseOf(vehicle: Vehicle, fromMs: number, keptMs: number): Promise<Base> {
    for (const { timeMs, state: bytes } of await store.statesBefore(vehicle.key, fromMs)) {
      const state = decodeState(vehicle.id, bytes);
      if (state !== null) return { state, afterMs: Math.max(timeMs, keptMs - 1) };
    }
    // What followed from fixes that are not stored any more stays.
    const startMs = await store.firstFix(vehicle.key, keptMs);
    // A status from before the first fix may have told something where later fixes came first.
    const afterMs = Math.min(startMs ?? fromMs, fromMs) - 1;
    return { state: createVehicleState(vehicle.id), afterMs };
  }

  async function changesOf(
    vehicle: Vehicle,
    base: Base,
    { state, trips, isWhole, reachedMs }: Refolded,
    { hides }: HiddenPast,
  ): Promise<TripChanges> {
    const before = await store.trips(vehicle, base.afterMs);
    const running = runningTrip(state, bounds);
    return tripChanges(before, {
      told: new Map([...trips].filter(([, trip]) => !hides(trip))),
      running: running === null || hides(running) ? null : { ...running, toldMs: reachedMs },
      untilMs: isWhole ? null : reachedMs,
    });
  }

  async function tellAll(
    vehicle: Vehicle,
    { recomputed, removed }: TripChanges,
    sinceMs: number,
  ): Promise<void> {
    const told = [
      ...removed.map((id) => removalOf(vehicle, id, sinceMs)),
      ...recomputed.map((trip) => recomputationOf(trip, sinceMs)),
    ];
    await Promise.all(told.map((event) => tell(vehicle, event)));
    counters.tripsRecomputed += recomputed.length;
    counters.tripsRemoved += removed.length;
  }

  function tell(vehicle: Vehicle, event: TripEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      news.tell(vehicle, event, (isDurable) => {
        if (isDurable) resolve();
        else reject(new Error(`trip ${event.trip} could not be told`));
      });
    });
  }

  // The same trip may be recomputed to what it was before: that is no repeat.
  function eventOf(trip: string, event: string, sinceMs: number): Omit<TripEvent, 'data'> {
    return { trip, id: `${event}:${options.newId()}`, event, timeMs: clock.nowMs(), sinceMs };
  }

  function recomputationOf(trip: ToldTrip, sinceMs: number): TripEvent {
    return { ...eventOf(trip.id, 'recomputed', sinceMs), data: trip };
  }

  function removalOf({ id: vehicle }: Vehicle, id: string, sinceMs: number): TripEvent {
    return { ...eventOf(id, 'removed', sinceMs), data: { id, vehicle, state: 'removed' } };
  }

  /** Alone with the database: nothing that the state as it was has told is on its way there. */
  async function save(
    mark: Mark,
    fold: Fold,
    { afterMs }: Base,
    refolded: Refolded,
    { removed: removedTrips }: TripChanges,
  ): Promise<void> {
    const { vehicle } = fold;
    const { key, tenant } = vehicle;
    const { state, isWhole, reachedMs, events, states } = refolded;
    // What the state as it was has told, and is not stored yet, would be stored behind this.
    if (isWhole) replace(fold, state);
    else harvest.forget(key, reachedMs);
    // Also with a round that is not the last: that one may find nothing that counts.
    move(vehicle, refolded.newest);
    // A crash may take back what was told of the fixes that came meanwhile: then it is folded again.
    for (const told of news.pending()) {
      if (told.key === key) lateness.mark(key, told.sinceMs, true);
    }
    // With what has been told of the fixes that came meanwhile.
    const crop = isWhole ? harvest.takeOf(key) : { events: [], states: [] };
    // In the turn of what it has told: what comes while this is stored is in neither.
    const known = isWhole ? knownOf(vehicle, fold.state) : null;
    const since = lateness.since(key);
    const restMs = isWhole ? (since?.sinceMs ?? null) : reachedMs + 1;
    try {
      // Before the mark is gone, there has to be a row that has the state.
      if (known !== null) await store.saveVehicles([known]);
      await store.saveRefold({
        key,
        tenant,
        afterMs,
        untilMs: isWhole ? null : reachedMs,
        events: [...events, ...crop.events],
        states: [...states, ...crop.states],
        state: known?.state ?? null,
        removedTrips,
        dirtySinceMs: restMs === null ? null : Math.min(restMs, since?.sinceMs ?? restMs),
      });
    } catch (error) {
      harvest.putBack(crop);
      // It is further in memory than in the database, where it has to be made good in any case.
      mark.isCertain = true;
      throw error;
    }
    if (isWhole) return lateness.done(mark);
    mark.sinceMs = reachedMs + 1;
    mark.isCertain = true;
    mark.isSaved = true;
    lateness.giveBack(mark);
  }

  function replace(fold: Fold, state: VehicleState): void {
    const { vehicle, redo } = fold;
    if (redo === null) throw new Error('more fixes came meanwhile than a tail holds');
    harvest.forget(vehicle.key, Infinity);
    folds.finish(fold, state);
  }

  function move(vehicle: Vehicle, newest: Fix | null): void {
    if (newest === null || newest.timeMs <= vehicle.last.timeMs) return;
    options.vehicles.move(vehicle, newest, clock.nowMs());
    options.onMoved(vehicle);
  }

  function clean(mark: Mark): Promise<void> {
    return gate.run(async () => {
      await store.saveClean(mark.key, lateness.since(mark.key)?.sinceMs ?? null);
      lateness.done(mark);
    });
  }

  return {
    run,
    stop() {
      isStopped = true;
      timer.cancel();
    },
  };
}

/** Null where it has no position. */
function knownOf({ key, last, receivedAtMs }: Vehicle, state: VehicleState) {
  if (last.timeMs === neverMs) return null;
  return { key, fix: { ...last }, receivedAtMs, state: encodeState(state) };
}
