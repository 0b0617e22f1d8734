/**
 * The folds over the fixes of vehicles, with what they need: geofences, what is late, and what waits to be stored.
 * Invariant: a state of a vehicle is stored after all that it has told, and after all that it has not taken was marked;
 * only then is the journal cut. Whoever stores any of it is alone at it.
 * Bound: that of each part.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../errors.ts';
import { createAlarms, type Alarms } from '../fleet/alarms.ts';
import type { Desk } from '../fleet/desk.ts';
import type { FenceIndex } from '../fleet/fenceindex.ts';
import { createFolds, type Folds } from '../fleet/folds.ts';
import { createFoldSaver, type FoldSaver, type FoldStore } from '../fleet/foldsaver.ts';
import { createHarvest, type Harvest } from '../fleet/harvest.ts';
import { createLateness, type Lateness } from '../fleet/lateness.ts';
import { createPastFences, type PastFences } from '../fleet/pastfences.ts';
import { createRecompute, type PastStore } from '../fleet/recompute.ts';
import type { TripHiding } from '../fleet/triphiding.ts';
import type { TripMeterStore } from '../fleet/tripmeters.ts';
import { createTripNews, tripEventOf, type TripNews } from '../fleet/tripnews.ts';
import type { Plane } from '../live/subscription.ts';
import type { Vehicles } from '../live/vehicles.ts';
import type { Database } from '../store/database.ts';
import { agesOf } from '../retention.ts';
import { withinOrReset } from '../store/deadline.ts';
import { createGate, type Gate } from '../store/gate.ts';
import { loadGeofences } from '../store/geofences.ts';
import {
  detectedTrips,
  firstFix,
  lateRange,
  readFixes,
  readPast,
  saveClean,
  saveFlags,
  saveRefold,
} from '../store/refolds.ts';
import { endedLast, startedTrips, type StartedTrip } from '../store/trips.ts';
import { saveVehicleEvents } from '../store/vehicleevents.ts';
import { loadVehicles, saveVehicles } from '../store/vehicles.ts';
import { loadDirty, saveDirty, saveVehicleStates, statesBefore } from '../store/vehiclestates.ts';
import { openFences } from './fences.ts';
import type { Context, Storage } from './storage.ts';
import { createTripKeeping, type TripKeeping } from './tripkeeping.ts';

/** What there is of folds before anything is accepted. */
export interface FoldMemory {
  /** A change of a geofence goes through this one. */
  readonly fences: FenceIndex;
  /** When one has changed last, by the monotonic clock. */
  readonly fencesChangedAtMs: () => number;
  readonly folds: Folds;
  readonly harvest: Harvest;
  readonly lateness: Lateness;
  /** Of the last events of trips that the journal has, by their topics. */
  readonly lastIds: Map<string, string>;
  /** Of each vehicle the started trip that ended last, where its fixes were not further or may still be of it. */
  readonly endedTrips: readonly StartedTrip[];
}

/** The vehicles of the table, and their folds as they were stored. */
export async function openFolds(
  context: Context,
  database: Database,
  vehicles: Vehicles,
): Promise<FoldMemory> {
  const { config, clock, metrics } = context;
  const { bounds } = config;
  const { fences, changedAtMs } = watched(await openFences(context, database), clock.monotonicMs);
  const lateness = createLateness({ monotonicMs: clock.monotonicMs, bounds });
  const harvest = createHarvest({
    onDropped: (key, sinceMs) => lateness.mark(key, sinceMs, true),
    metrics,
    bounds,
  });
  const folds = createFolds({ vehicles, fences, harvest, lateness, clock, metrics, bounds });
  await loadVehicles(database.sql, ({ key, fix, receivedAtMs, state = null }) => {
    const vehicle = vehicles.restore(key, fix, receivedAtMs, 'table');
    if (vehicle !== null) folds.restore(vehicle, state);
  });
  await loadDirty(database.sql, lateness.restore);
  const endedTrips = (await endedLast(database.sql)).filter(({ tenant, vehicle: id, endMs }) => {
    const vehicle = vehicles.find(tenant, id);
    if (vehicle === null || endMs === null) return false;
    return vehicle.last.timeMs <= endMs || folds.tripOf(vehicle) !== null;
  });
  const told = { lastIds: new Map<string, string>(), endedTrips };
  return { fences, fencesChangedAtMs: changedAtMs, folds, harvest, lateness, ...told };
}

function watched(fences: FenceIndex, nowMs: () => number) {
  let changedMs = -Infinity;
  const changing = <Result>(result: Result): Result => {
    changedMs = nowMs();
    return result;
  };
  const index: FenceIndex = {
    put: (fence) => changing(fences.put(fence)),
    add: (fence) => changing(fences.add(fence)),
    remove: (tenant, id) => changing(fences.remove(tenant, id)),
    newest: fences.newest,
    of: fences.of,
    get size() {
      return fences.size;
    },
  };
  return { fences: index, changedAtMs: () => changedMs };
}

export interface Folding {
  readonly save: FoldSaver;
  /** Whoever saves is alone at it. */
  readonly gate: Gate;
  readonly trips: TripKeeping;
  /** The database has everything up to `position`. */
  onStored(position: number): void;
  stop(): void;
}

export interface FoldingOptions {
  readonly context: Context;
  readonly storage: Storage;
  readonly plane: Plane;
  readonly desk: Desk;
  /** Everything before is in the database. */
  readonly stored: () => number;
}

export function createFolding(options: FoldingOptions): Folding {
  const { context, storage } = options;
  const { clock, metrics, config } = context;
  const { bounds } = config;
  const { folds, lateness, harvest, lastIds } = storage.folding;
  const gate = createGate();
  const waiters = createWaiters(() => storage.journal.end, options.stored);
  const news = createTripNews({
    announcer: options.plane.announcer,
    lastIds,
    onDropped: (key, sinceMs) => lateness.mark(key, sinceMs, true),
    clock,
    metrics,
    bounds,
  });
  const store = createPastStore(context, storage.database);
  const trips = createTripKeeping({
    ...options,
    store,
    keptSinceMs: () => keptSinceMs(context),
    stored: waiters.wait,
  });
  const alarms = listen(options, news, trips.hiding);
  const recompute = createRecompute({
    ...{ folds, lateness, harvest, news, gate },
    fences: createPast(context, storage),
    ...trips,
    store,
    vehicles: storage.vehicles,
    keptSinceMs: () => keptSinceMs(context),
    stored: waiters.wait,
    onMoved: options.plane.publisher.add,
    onError: (vehicle, error) =>
      context.log.warn({ vehicle, cause: messageOf(error) }, 'not folded again, trying later'),
    newId: randomUUID,
    clock,
    metrics,
    bounds,
  });
  return {
    save: createFoldSaver({
      ...{ folds, harvest, lateness, news },
      flushed: () => storage.journal.flush(),
      store: createFoldStore(context, storage.database),
      metrics,
      bounds,
    }),
    gate,
    trips,
    onStored: waiters.onStored,
    stop() {
      trips.stop();
      recompute.stop();
      news.stop();
      alarms.stop();
      folds.stop();
    },
  };
}

/** Retention has dropped no position and no status from then on. */
function keptSinceMs({ config, clock }: Context): number {
  const { positionsMs, statusesMs } = agesOf(config);
  // Statuses are kept for no less, but for positions that are kept for ever.
  const keptMs = positionsMs === 0 ? statusesMs : positionsMs;
  return keptMs === 0 ? 0 : Math.max(0, clock.nowMs() - keptMs);
}

function listen(
  { context, storage, plane, desk }: FoldingOptions,
  news: TripNews,
  hiding: TripHiding,
): Alarms {
  const { fences, folds } = storage.folding;
  const { config, clock, metrics, log } = context;
  const alarms = createAlarms({
    notifications: desk.notifications,
    fences,
    onRefused: (vehicle, kind, refused) =>
      log.warn({ vehicle, kind, refused }, 'nobody was notified of an event'),
    clock,
    metrics,
    bounds: config.bounds,
  });
  folds.listen({
    onTrip(vehicle, kind, trip, isLapse) {
      if (hiding.hides(vehicle, kind, trip)) return;
      news.tell(vehicle, tripEventOf(kind, trip, isLapse ? `:${randomUUID()}` : ''));
    },
    onEvent(vehicle, event) {
      plane.states.tellVehicle(vehicle, event.kind, {
        timeMs: event.timeMs,
        subject: event.subject,
        latE7: event.latE7,
        lonE7: event.lonE7,
        isLate: event.isLate,
        data: event.data,
      });
      alarms.raise(vehicle, event);
    },
  });
  return alarms;
}

function createFoldStore({ clock }: Context, database: Database): FoldStore {
  const { sql } = database;
  const run = (query: Promise<void>): Promise<void> => withinOrReset(clock, database, query);
  return {
    saveEvents: (events) => run(saveVehicleEvents(sql, events)),
    saveStates: (states) => run(saveVehicleStates(sql, states)),
    saveDirty: (dirty) => run(saveDirty(sql, dirty)),
    saveVehicles: (vehicles) => run(saveVehicles(sql, vehicles)),
  };
}

function createPast({ config, clock, log }: Context, { database, folding }: Storage): PastFences {
  return createPastFences({
    load: (sinceMs, visit) => loadGeofences(database.sql, sinceMs, visit),
    changedAtMs: folding.fencesChangedAtMs,
    settleMs: config.bounds.apiQueryDeadlineMs,
    onLeftOut: ({ tenant, id }, refused) =>
      log.warn({ tenant, id, refused }, 'a geofence is not looked at in the past'),
    clock,
    bounds: config.bounds,
  });
}

/** States that are tried, where those of another version come before one that is good. */
const statesTried = 8;

function createPastStore({ clock }: Context, database: Database): PastStore & TripMeterStore {
  const { sql } = database;
  const run = <Answer>(query: Promise<Answer>): Promise<Answer> =>
    withinOrReset(clock, database, query);
  return {
    lateRange: (key, sinceMs) => run(lateRange(sql, key, sinceMs)),
    statesBefore: (key, beforeMs) => run(statesBefore(sql, key, beforeMs, statesTried)),
    startedTrips: (tenant, vehicle, sinceMs) => run(startedTrips(sql, tenant, vehicle, sinceMs)),
    fixes: (key, afterMs, untilMs, rows) => run(readFixes(sql, key, afterMs, untilMs, rows)),
    past: (stretch, rows) => run(readPast(sql, stretch, rows)),
    firstFix: (key, sinceMs) => run(firstFix(sql, key, sinceMs)),
    trips: ({ tenant, id }, afterMs) => run(detectedTrips(sql, tenant, id, afterMs)),
    saveFlags: (key, fixes) => run(saveFlags(sql, key, fixes)),
    saveRefold: (refold) => run(saveRefold(sql, refold)),
    saveClean: (key, dirtySinceMs) => run(saveClean(sql, key, dirtySinceMs)),
    saveVehicles: (vehicles) => run(saveVehicles(sql, vehicles)),
  };
}

/** Who waits until the database has what the journal had. */
function createWaiters(end: () => number, stored: () => number) {
  let waiting: { readonly position: number; readonly go: () => void }[] = [];
  return {
    wait(): Promise<void> {
      const position = end();
      if (stored() >= position) return Promise.resolve();
      return new Promise((go) => void waiting.push({ position, go }));
    },
    onStored(position: number): void {
      const reached = waiting.filter((one) => one.position <= position);
      if (reached.length === 0) return;
      waiting = waiting.filter((one) => one.position > position);
      for (const { go } of reached) go();
    },
  };
}
