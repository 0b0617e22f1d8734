/**
 * The meters of trips that somebody has started: fed with live fixes while these run, and read again from the stored
 * ones after a restart, after late fixes, and where somebody tells too late when a trip has paused or ended.
 * Invariant: a meter has taken every stored fix of its trip that counts, or it is being read and has no totals. One
 * of a trip that has ended stays until its vehicle is further: what comes in between is of the trip too.
 * Bound: one a trip that runs, and `casesClosedMax` that have ended; one is read at a time, page by page.
 */
import { every, type Clock } from '../clock.ts';
import { isTemporary, type RefusalName } from '../errors.ts';
import { vehicleKey } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Vehicle, Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import type { StartedTrip } from '../store/trips.ts';
import type { Fix } from '../wire/types.ts';
import { excludedFlags } from './filter.ts';
import { isSameSpan, isTakenAlike } from './tripspan.ts';
import {
  createMeter,
  takeFix,
  totalsOf,
  type Meter,
  type MeterBounds,
  type TripTotals,
} from './tripmeter.ts';

export interface TripMetersOptions {
  readonly vehicles: Pick<Vehicles, 'find'>;
  readonly store: TripMeterStore;
  /** Positions are stored from then on: an older trip cannot be measured again, and keeps what it has. */
  readonly keptSinceMs: () => number;
  /** Resolves once the database has all that the journal has now. */
  readonly stored: () => Promise<void>;
  /** The totals of a trip that has ended are others. */
  readonly correct: (
    tenant: string,
    id: string,
    totals: TripTotals,
    settle: (refused: RefusalName | null) => void,
  ) => void;
  /** The totals of a trip that runs are others, at most once in `tripTotalsIntervalMs`. */
  readonly onTotals: (tenant: string, id: string, totals: TripTotals) => void;
  readonly onError: (trip: string, error: unknown) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: MeterBounds &
    Pick<
      Limits,
      | 'tripTotalsIntervalMs'
      | 'tripMeasureRowsMax'
      | 'recomputePageRowsMax'
      | 'recomputeTailMax'
      | 'casesClosedMax'
    >;
}

export interface TripMeterStore {
  fixes(key: string, afterMs: number, untilMs: number, rows: number): Promise<readonly Fix[]>;
  startedTrips(tenant: string, vehicle: string, sinceMs: number): Promise<readonly StartedTrip[]>;
}

export interface TripMeters {
  /** The vehicle has moved to its last fix, live. */
  take(vehicle: Vehicle): void;
  /** The trip is new, or has changed. */
  note(trip: StartedTrip): void;
  /** A trip of an earlier run that goes on, or whose vehicle was not further than its end. */
  restore(trip: StartedTrip): void;
  /** It was cancelled. */
  forget(tenant: string, id: string): void;
  /** What its totals are where `trip` is what it comes to; null where that is not known now. */
  totalsOf(trip: StartedTrip): TripTotals | null;
  /** Of a trip that has not ended, by now. */
  running(tenant: string, id: string): TripTotals | null;
  /** Fixes of the vehicle from `sinceMs` on have come late, or count no more. Rejects where it has to be done again. */
  measureAgain(vehicle: Vehicle, sinceMs: number): Promise<void>;
  readonly size: number;
  stop(): void;
}

interface Entry {
  readonly key: string;
  trip: StartedTrip;
  meter: Meter;
  /** Fixes that come while it is read; null where it is good. */
  tail: Fix[] | null;
  /** The vehicle is further than its end. */
  isPassed: boolean;
}

export function createTripMeters(options: TripMetersOptions): TripMeters {
  const { vehicles, store, clock, bounds } = options;
  const { counters } = options.metrics;
  const entries = new Map<string, Entry>();
  const byVehicle = new Map<string, Entry[]>();
  /** The totals are others than those that were told last. */
  const changed = new Set<Entry>();
  /** Not read yet. */
  const unread = new Set<Entry>();
  /** Of trips that have ended, the first to end first. */
  const ended = new Set<Entry>();
  let reading: Promise<void> | null = null;
  let isStopped = false;
  const timer = every(clock, bounds.tripTotalsIntervalMs, () => {
    for (const entry of [...changed]) void tell(entry);
    readAll();
  });

  function add(trip: StartedTrip): Entry {
    const key = vehicleKey(trip.tenant, trip.vehicle);
    const entry: Entry = { key, trip, meter: createMeter(), tail: null, isPassed: false };
    entries.set(nameOf(trip), entry);
    byVehicle.set(key, [...(byVehicle.get(key) ?? []), entry]);
    return entry;
  }

  function remove(entry: Entry): void {
    entries.delete(nameOf(entry.trip));
    const others = (byVehicle.get(entry.key) ?? []).filter((one) => one !== entry);
    if (others.length > 0) byVehicle.set(entry.key, others);
    else byVehicle.delete(entry.key);
    for (const set of [changed, unread, ended]) set.delete(entry);
  }

  function markEnded(entry: Entry): void {
    ended.add(entry);
    entry.isPassed = lastMsOf(entry.trip) > (entry.trip.endMs ?? Infinity);
    for (const oldest of ended) {
      if (ended.size <= bounds.casesClosedMax) return;
      counters.tripMetersDropped += 1;
      remove(oldest);
    }
  }

  function lastMsOf({ tenant, vehicle }: StartedTrip): number {
    return vehicles.find(tenant, vehicle)?.last.timeMs ?? -1;
  }

  function takeInto(entry: Entry, fix: Fix): void {
    if (entry.tail !== null) {
      // One that has lost some is read again. No map is kept: their text is enough, and smaller.
      if (entry.tail.length >= bounds.recomputeTailMax) readAgain(entry);
      else entry.tail.push({ ...fix, attributesMap: null });
    } else if (takeFix(entry.meter, entry.trip, fix, bounds)) {
      changed.add(entry);
    }
    if (fix.timeMs <= (entry.trip.endMs ?? Infinity)) return;
    entry.isPassed = true;
    if (changed.has(entry)) void tell(entry);
    else if (entry.tail === null) remove(entry);
  }

  /** False where it has to be tried again. */
  function tell(entry: Entry): Promise<boolean> {
    if (entry.tail !== null) return Promise.resolve(false);
    changed.delete(entry);
    const { trip, meter } = entry;
    const totals = totalsOf(meter, trip, trip.updatedMs, bounds);
    if (trip.endMs === null) {
      options.onTotals(trip.tenant, trip.id, totals);
      return Promise.resolve(true);
    }
    return correct(trip, totals).then((isDone) => {
      if (!isDone) changed.add(entry);
      else if (entry.isPassed && !changed.has(entry)) remove(entry);
      return isDone;
    });
  }

  function correct({ tenant, id }: StartedTrip, totals: TripTotals): Promise<boolean> {
    return new Promise((resolve) => {
      options.correct(tenant, id, totals, (refused) => {
        const isLater = refused !== null && isTemporary(refused);
        if (isLater) counters.casesRetried += 1;
        else if (refused !== null) counters.casesDropped += 1;
        resolve(!isLater);
      });
    });
  }

  function readAgain(entry: Entry): void {
    entry.tail = [];
    unread.add(entry);
    readAll();
  }

  function readAll(): void {
    reading ??= readEach().finally(() => {
      reading = null;
    });
  }

  async function readEach(): Promise<void> {
    // After this turn, in which a fix is taken before it is in the journal.
    await Promise.resolve();
    for (const entry of unread) {
      if (isStopped) return;
      try {
        await read(entry);
      } catch (error) {
        if (!isStopped) options.onError(entry.trip.id, error);
        return;
      }
    }
  }

  async function read(entry: Entry): Promise<void> {
    const tail: Fix[] = [];
    entry.tail = tail;
    unread.add(entry);
    const { trip } = entry;
    await options.stored();
    const meter = await measure(entry.key, trip);
    // Somebody else reads it, or it is gone.
    if (entry.tail !== tail || entries.get(nameOf(trip)) !== entry) return;
    if (!isSameSpan(trip, entry.trip)) return read(entry);
    unread.delete(entry);
    if (meter === null) return remove(entry);
    for (const fix of tail) takeFix(meter, trip, fix, bounds);
    entry.meter = meter;
    entry.tail = null;
    changed.add(entry);
    if (trip.endMs !== null && !(await tell(entry))) throw new Error('its totals were refused');
  }

  /** Null where it has more fixes than are read, or some that are not stored any more. */
  async function measure(key: string, trip: StartedTrip): Promise<Meter | null> {
    const meter = createMeter();
    const untilMs = trip.endMs ?? Number.MAX_SAFE_INTEGER / 1_000;
    let afterMs = trip.startMs - 1;
    const isWhole = trip.startMs >= options.keptSinceMs();
    for (let rows = 0; isWhole && rows < bounds.tripMeasureRowsMax;) {
      const page = await store.fixes(key, afterMs, untilMs, bounds.recomputePageRowsMax);
      for (const fix of page) {
        if ((fix.flags & excludedFlags) === 0) takeFix(meter, trip, fix, bounds);
      }
      if (page.length < bounds.recomputePageRowsMax) return meter;
      rows += page.length;
      afterMs = page.at(-1)?.timeMs ?? afterMs;
    }
    counters.tripMetersDropped += 1;
    return null;
  }

  async function measureStored(key: string, trip: StartedTrip): Promise<void> {
    const meter = await measure(key, trip);
    if (meter === null) return;
    const isDone = await correct(trip, totalsOf(meter, trip, trip.updatedMs, bounds));
    if (!isDone) throw new Error(`the totals of trip ${trip.id} were refused`);
  }

  return {
    take(vehicle) {
      for (const entry of byVehicle.get(vehicle.key) ?? []) takeInto(entry, vehicle.last);
    },
    note(trip) {
      const known = entries.get(nameOf(trip));
      if (known === undefined) {
        if (trip.endMs !== null) return;
        const entry = add(trip);
        const last = vehicles.find(trip.tenant, trip.vehicle)?.last;
        if (last === undefined || trip.startMs >= last.timeMs) {
          if (last !== undefined) takeFix(entry.meter, trip, last, bounds);
        } else {
          readAgain(entry);
        }
        return;
      }
      const isGood = known.tail !== null || isTakenAlike(known.trip, trip, known.meter.lastMs);
      known.trip = trip;
      if (!isGood) readAgain(known);
      if (trip.endMs === null) changed.add(known);
      else markEnded(known);
    },
    restore(trip) {
      if (entries.has(nameOf(trip))) return;
      const entry = add(trip);
      if (trip.endMs !== null) markEnded(entry);
      readAgain(entry);
    },
    forget(tenant, id) {
      const entry = entries.get(nameOf({ tenant, id }));
      if (entry !== undefined) remove(entry);
    },
    totalsOf(trip) {
      const entry = entries.get(nameOf(trip));
      if (entry === undefined || entry.tail !== null) return null;
      if (!isTakenAlike(entry.trip, trip, entry.meter.lastMs)) return null;
      return totalsOf(entry.meter, trip, trip.updatedMs, bounds);
    },
    running(tenant, id) {
      const entry = entries.get(nameOf({ tenant, id }));
      if (entry === undefined || entry.tail !== null || entry.trip.endMs !== null) return null;
      return totalsOf(entry.meter, entry.trip, entry.trip.updatedMs, bounds);
    },
    async measureAgain({ key, tenant, id }, sinceMs) {
      for (const entry of byVehicle.get(key) ?? []) {
        if ((entry.trip.endMs ?? Infinity) >= sinceMs) await read(entry);
      }
      for (const trip of await store.startedTrips(tenant, id, sinceMs)) {
        if (trip.endMs !== null && !entries.has(nameOf(trip))) await measureStored(key, trip);
      }
    },
    get size() {
      return entries.size;
    },
    stop() {
      isStopped = true;
      timer.cancel();
    },
  };
}

function nameOf({ tenant, id }: Pick<StartedTrip, 'tenant' | 'id'>): string {
  return `${tenant}/${id}`;
}
