/**
 * The fold over the fixes of each vehicle, as they come: what is filtered, which trips and events follow.
 * Invariant: a fix that is not newer than what its fold has taken is late: it changes nothing here, and its vehicle is
 * folded again (recompute.ts). What the journal brings back is taken as it was the first time, and tells the same.
 * Bound: one state a vehicle that is tracked, under 1 KB; one look-up and no memory a fix, unless something is told.
 */
import type { Clock } from '../clock.ts';
import { parseVehicleKey } from '../identity.ts';
import type { Limits } from '../limits.ts';
import { neverMs, type Vehicle, type Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import { fixFlags, type Fix, type PlainMap } from '../wire/types.ts';
import {
  advance,
  applyStatus,
  lapse,
  runningTrip,
  type DeriveBounds,
  type DeriveContext,
} from './derive.ts';
import type { FenceIndex } from './fenceindex.ts';
import { excludedFlags, judgedFlags } from './filter.ts';
import { createFold, type Fold, type Redo, type Told } from './fold.ts';
import type { Harvest } from './harvest.ts';
import type { Lateness } from './lateness.ts';
import type { Output, TripOutputKind, TripState, VehicleEvent } from './output.ts';
import { beginsInterval } from './snapshots.ts';
import { createVehicleState, type VehicleState } from './state.ts';
import { decodeState, encodeState } from './statecodec.ts';
import type { ToldTrip } from './tripchanges.ts';

/** Whoever is told what the folds tell. */
export interface FoldListener {
  /** `isLapse`: a silence has told it, which may have been told before by one that a late fix has broken since. */
  onTrip(vehicle: Vehicle, kind: TripOutputKind, trip: ToldTrip, isLapse: boolean): void;
  onEvent(vehicle: Vehicle, event: VehicleEvent): void;
}

export interface FoldsOptions {
  readonly vehicles: Pick<Vehicles, 'open' | 'track' | 'touch'>;
  readonly fences: Pick<FenceIndex, 'of'>;
  readonly harvest: Pick<Harvest, 'addEvent' | 'addState'>;
  readonly lateness: Pick<Lateness, 'mark'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: DeriveBounds &
    Pick<Limits, 'snapshotIntervalMs' | 'tripLapseMs' | 'lapsesPerTurnMax' | 'recomputeTailMax'>;
}

export interface Folds {
  /** From the table, at the start; null where it has none that can be read. */
  restore(vehicle: Vehicle, state: Uint8Array | null): void;
  /** From the journal, at the start: in the order in which it came. */
  replay(vehicle: Vehicle, fix: Fix): void;
  /**
   * Takes a fix of the live lane. 0 where it counts; else the flag that it has now too: why it was filtered, or
   * `backfill` where it is late.
   */
  take(vehicle: Vehicle, fix: Fix): number;
  /** A fix that was not taken was stored. */
  late(vehicle: Vehicle, fix: Fix): void;
  /** Attributes without a place. */
  status(vehicle: Vehicle, timeMs: number, attributes: PlainMap): void;
  /** The trip that is under way, as far as it is sure; null where none is. */
  tripOf(vehicle: Vehicle): TripState | null;
  /** The state as it is stored; null where there is none. */
  stateOf(vehicle: Vehicle): Uint8Array | null;
  /** How far the fold of the vehicle has come; -1 where it has none. */
  reachedMs(key: string): number;
  /** What was told so far, and all from now on. */
  listen(listener: FoldListener): void;
  /**
   * Puts aside what comes of the vehicle, to fold its past again, up to `untilMs` at least: what comes from before that
   * is late. Where more comes than a tail holds it is given up (`redo` is null). Null where it is not tracked.
   */
  begin(key: string, untilMs: number): Fold | null;
  /** The fold goes on from `state`, which has taken all up to `untilMs`. */
  finish(fold: Fold, state: VehicleState): void;
  /** It goes on as it was. */
  abort(fold: Fold): void;
  readonly size: number;
  /** Vehicles with something that a silence would end. */
  readonly underway: number;
  stop(): void;
}

export function createFolds(options: FoldsOptions): Folds {
  const { vehicles, fences, harvest, lateness, clock, bounds } = options;
  const { counters } = options.metrics;
  const folds = new Map<string, Fold>();
  /** Those with something that a silence would end, and that somebody has heard of. */
  const underway = new Set<Fold>();
  /** Before somebody listens. */
  let unheard: (() => void)[] | null = [];
  let listener: FoldListener | null = null;
  // One of each for all fixes: they come one after the other.
  let current: Fold | null = null;
  let toldMs: number | null = null;
  let hasEndedTrip = false;
  let isLapse = false;
  const context: { -readonly [Name in keyof DeriveContext]: DeriveContext[Name] } = {
    bounds,
    fences: null,
    onFencesLeftOut: (count) => void (counters.fencesLeftOut += count),
  };
  let timer = clock.after(bounds.tripLapseMs, lapseSome);

  function open(vehicle: Vehicle): Fold {
    let fold = folds.get(vehicle.key);
    if (fold === undefined) {
      fold = createFold(vehicle, bounds);
      folds.set(vehicle.key, fold);
    }
    return fold;
  }

  function openKey(key: string): Fold | null {
    const { tenant, id } = parseVehicleKey(key);
    const vehicle = vehicles.open(tenant, id);
    return vehicles.track(vehicle) ? open(vehicle) : null;
  }

  function fold(one: Fold, fix: Fix): number {
    const { state, vehicle } = one;
    const beforeMs = state.timeMs;
    context.fences = fences.of(vehicle.tenant);
    current = one;
    toldMs = fix.timeMs;
    hasEndedTrip = false;
    const flag = advance(state, fix, context, emit);
    if (flag !== 0) {
      vehicles.touch(vehicle);
    } else if (
      hasEndedTrip ||
      beginsInterval(beforeMs, fix.timeMs, one.offsetMs, bounds.snapshotIntervalMs)
    ) {
      keepState(one);
    }
    return flag;
  }

  function keepState({ vehicle, state, redo }: Fold): void {
    if (redo !== null) return;
    harvest.addState({ key: vehicle.key, timeMs: state.timeMs, state: encodeState(state) });
  }

  function emit(output: Output): void {
    const one = current;
    if (one === null) throw new Error('folds: something was told by no vehicle');
    if (output.kind === 'tripEnded') hasEndedTrip = true;
    // A status is not gone over again.
    if (one.redo !== null && toldMs !== null) one.redo.held.push({ output, toldMs });
    else deliver(one, { output, toldMs });
  }

  function deliver(one: Fold, { output, toldMs }: Told): void {
    const { vehicle } = one;
    if (output.kind === 'vehicleEvent') {
      const { event } = output;
      counters.vehicleEventsTold += 1;
      const { vehicle: _id, ...told } = event;
      harvest.addEvent({ key: vehicle.key, toldMs, ...told });
      if (event.kind === 'overspeedStarted') underway.add(one);
      tell((to) => to.onEvent(vehicle, event));
    } else {
      const { kind } = output;
      if (toldMs === null) throw new Error('folds: a status has told of a trip');
      const trip = { ...output.trip, toldMs };
      if (kind === 'tripStarted') counters.tripsDetected += 1;
      underway.add(one);
      const hasLapsed = isLapse;
      tell((to) => to.onTrip(vehicle, kind, trip, hasLapsed));
    }
  }

  function tell(act: (to: FoldListener) => void): void {
    if (listener !== null) act(listener);
    else unheard?.push(() => listener !== null && act(listener));
  }

  function lapseSome(): void {
    timer = clock.after(lapseUpTo(bounds.lapsesPerTurnMax) ? bounds.tripLapseMs : 0, lapseSome);
  }

  /** True where these were all. A device that uploads its backlog is not silent, however old its fixes are. */
  function lapseUpTo(max: number): boolean {
    const nowMs = clock.nowMs();
    let lapsed = 0;
    for (const one of underway) {
      if (lapsed >= max) return false;
      if (one.redo !== null || nowMs - one.vehicle.receivedAtMs < bounds.tripLapseMs) continue;
      const { state } = one;
      const beforeMs = state.timeMs;
      current = one;
      toldMs = Math.max(beforeMs, state.acceptedMs + bounds.tripGapMs - 1);
      hasEndedTrip = false;
      isLapse = true;
      lapse(state, nowMs, context, emit);
      isLapse = false;
      if (state.timeMs !== beforeMs) vehicles.touch(one.vehicle);
      if (hasEndedTrip) keepState(one);
      if (state.journey !== null || state.over !== null) continue;
      underway.delete(one);
      lapsed += 1;
    }
    return true;
  }

  function putAside(one: Fold, redo: Redo, fix: Fix): number {
    const asItCame = { ...fix };
    const flag = fold(one, fix);
    if (redo.tail.length < bounds.recomputeTailMax) redo.tail.push({ fix: asItCame, flag });
    else abort(one);
    return flag;
  }

  function abort(one: Fold): void {
    const { redo } = one;
    one.redo = null;
    for (const told of redo?.held ?? []) deliver(one, told);
  }

  function take(vehicle: Vehicle, fix: Fix): number {
    const one = folds.get(vehicle.key) ?? open(vehicle);
    if (fix.timeMs <= one.state.timeMs) {
      fix.flags |= fixFlags.backfill;
      return fixFlags.backfill;
    }
    return one.redo === null ? fold(one, fix) : putAside(one, one.redo, fix);
  }

  // A flag that it is not stored with has to be changed there.
  function foldAgain(one: Fold, fix: Fix, flagBefore: number): void {
    if (fold(one, fix) !== flagBefore) lateness.mark(one.vehicle.key, fix.timeMs, true);
  }

  return {
    restore(vehicle, bytes) {
      const one = open(vehicle);
      const state = bytes === null ? null : decodeState(vehicle.id, bytes);
      if (state === null) {
        one.state.timeMs = vehicle.last.timeMs;
        lateness.mark(vehicle.key, 0, true);
      } else {
        one.state = state;
        if (state.journey !== null || state.over !== null) underway.add(one);
      }
    },
    replay(vehicle, fix) {
      if ((fix.flags & excludedFlags & ~judgedFlags) !== 0) return;
      const isLate = (fix.flags & fixFlags.backfill) !== 0;
      const one = folds.get(vehicle.key) ?? (isLate || !vehicle.isTracked ? null : open(vehicle));
      // The state may be of a time before a lapse that made it late.
      if (one !== null && fix.timeMs > one.state.timeMs) {
        foldAgain(one, fix, fix.flags & judgedFlags);
      }
      // Also of one that is taken now: nobody has moved its vehicle to it.
      if (isLate) lateness.mark(vehicle.key, fix.timeMs, false);
    },
    take,
    late(vehicle, fix) {
      if ((fix.flags & excludedFlags) !== 0 || !vehicle.isTracked) return;
      lateness.mark(vehicle.key, fix.timeMs, false);
    },
    status(vehicle, timeMs, attributes) {
      const one = folds.get(vehicle.key);
      // Of one that was nowhere nobody could say where it happened.
      if (one === undefined || one.state.acceptedMs < 0) return;
      current = one;
      toldMs = null;
      applyStatus(one.state, timeMs, attributes, context, emit);
      vehicles.touch(vehicle);
    },
    tripOf(vehicle) {
      const one = folds.get(vehicle.key);
      return one === undefined ? null : runningTrip(one.state, bounds);
    },
    stateOf(vehicle) {
      const one = folds.get(vehicle.key);
      return one === undefined ? null : encodeState(one.state);
    },
    reachedMs: (key) => folds.get(key)?.state.timeMs ?? neverMs,
    listen(to) {
      listener = to;
      for (const act of unheard ?? []) act();
      unheard = null;
    },
    begin(key, untilMs) {
      const one = folds.get(key) ?? openKey(key);
      if (one === null) return null;
      if (one.redo !== null) throw new Error(`folds: ${key} is folded again already`);
      one.state.timeMs = Math.max(one.state.timeMs, untilMs);
      one.redo = { untilMs: one.state.timeMs, tail: [], held: [] };
      return one;
    },
    finish(one, state) {
      const { redo } = one;
      if (redo === null) throw new Error(`folds: ${one.vehicle.key} is not folded again`);
      one.state = state;
      one.redo = null;
      // A lapse may have come further than the fixes.
      for (const { fix, flag } of redo.tail) {
        if (fix.timeMs > state.timeMs) foldAgain(one, fix, flag);
      }
      if (state.journey !== null || state.over !== null) underway.add(one);
      vehicles.touch(one.vehicle);
    },
    abort,
    get size() {
      return folds.size;
    },
    get underway() {
      return underway.size;
    },
    stop: () => timer.cancel(),
  };
}

/** A state that has taken nothing. */
export const emptyState = (vehicle: Vehicle): VehicleState => createVehicleState(vehicle.id);
