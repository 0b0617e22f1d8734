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
import { neverFoldedStatus, statusFlags, type HeardStatus } from '../store/status.ts';
import { fixFlags, type Fix } from '../wire/types.ts';
import { advance, applyStatus, isOvertaken, lapse, runningTrip } from './derive.ts';
import type { DeriveBounds, DeriveContext } from './derive.ts';
import type { FenceIndex } from './fenceindex.ts';
import { excludedFlags, judgedFlags } from './filter.ts';
import { createFold, type Fold, type FoldListener, type Redo, type Told } from './fold.ts';
import type { Harvest } from './harvest.ts';
import type { Lateness } from './lateness.ts';
import type { Output, TripState } from './output.ts';
import { hasSignals } from './signals.ts';
import { beginsInterval } from './snapshots.ts';
import { copyState, createPlaces, type VehicleState } from './state.ts';
import { decodeState, encodeState } from './statecodec.ts';

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
  /**
   * Takes attributes without a place. 0 where they were taken, or say nothing here; else the flag that they have now too:
   * `backfill` where they are late, `unplaced` where nothing is known of the vehicle.
   */
  status(vehicle: Vehicle, status: HeardStatus): number;
  replayStatus(vehicle: Vehicle, status: HeardStatus): void;
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
  begin(key: string, untilMs: number, statusUntilMs: number): Fold | null;
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
  const nextPlace = createPlaces();
  /** Those with something that a silence would end, and that somebody has heard of. */
  const underway = new Set<Fold>();
  /** Before somebody listens. */
  let unheard: (() => void)[] | null = [];
  let listener: FoldListener | null = null;
  // One of each for all fixes: they come one after the other.
  let current: Fold | null = null;
  let toldMs = -1;
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
      fold = createFold(vehicle, nextPlace(), bounds);
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
    const isLate = isOvertaken(state, fix);
    const flag = advance(state, fix, context, emit);
    if (isLate && flag === 0) lateness.mark(vehicle.key, fix.timeMs, true);
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
    if (one.redo !== null) one.redo.held.push({ output, toldMs });
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

  /** One that comes behind fixes that are newer is told, but as if these were not there: it is folded again. */
  function foldStatus(one: Fold, status: HeardStatus): void {
    const { state, vehicle } = one;
    const { timeMs } = status;
    const isBehind = timeMs <= state.timeMs;
    current = one;
    toldMs = timeMs;
    isLapse = true;
    applyStatus(state, status, context, emit);
    isLapse = false;
    if (isBehind && state.signalsChangedMs === timeMs) lateness.mark(vehicle.key, timeMs, true);
    vehicles.touch(vehicle);
  }

  function putAside(one: Fold, redo: Redo, fix: Fix): number {
    const asItCame = { ...fix, attributesMap: null };
    const flag = fold(one, fix);
    pushTail(one, redo, { fix: asItCame, flag });
    return flag;
  }

  function pushTail(one: Fold, redo: Redo, taken: Redo['tail'][number]): void {
    if (redo.tail.length < bounds.recomputeTailMax) redo.tail.push(taken);
    else abort(one);
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

  /** A lapse may have come further than the fixes. */
  function foldTail(one: Fold, taken: Redo['tail'][number]): void {
    const { state, vehicle } = one;
    if ('fix' in taken) {
      if (taken.fix.timeMs > state.timeMs) foldAgain(one, taken.fix, taken.flag);
    } else if (taken.status.timeMs > state.signalsAtMs) {
      foldStatus(one, taken.status);
    } else {
      lateness.mark(vehicle.key, taken.status.timeMs, true);
    }
  }

  return {
    restore(vehicle, bytes) {
      const one = open(vehicle);
      const state = bytes === null ? null : decodeState(vehicle.id, bytes);
      if (state === null) {
        one.state.timeMs = vehicle.last.timeMs;
        lateness.mark(vehicle.key, 0, true);
      } else {
        copyState(state, one.state);
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
    status(vehicle, status) {
      const { timeMs, flags, attributes } = status;
      if ((flags & neverFoldedStatus) !== 0 || !hasSignals(attributes)) return 0;
      const one = folds.get(vehicle.key);
      const isKnown = vehicle.last.timeMs !== neverMs || (one?.state.acceptedMs ?? -1) >= 0;
      if (one === undefined || !isKnown) return statusFlags.unplaced;
      const { redo, state } = one;
      if (timeMs <= Math.max(state.signalsAtMs, redo?.statusUntilMs ?? -1)) {
        lateness.mark(vehicle.key, timeMs, false);
        return statusFlags.backfill;
      }
      foldStatus(one, status);
      if (redo !== null) pushTail(one, redo, { status });
      return 0;
    },
    replayStatus(vehicle, status) {
      const { timeMs, flags, attributes } = status;
      if ((flags & neverFoldedStatus) !== 0 || !hasSignals(attributes)) return;
      const one = folds.get(vehicle.key);
      if (one === undefined) return;
      if ((flags & statusFlags.backfill) !== 0) lateness.mark(vehicle.key, timeMs, false);
      // Else the state that was stored has taken it.
      else if (timeMs > one.state.signalsAtMs) foldStatus(one, status);
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
    begin(key, untilMs, statusUntilMs) {
      const one = folds.get(key) ?? openKey(key);
      if (one === null) return null;
      if (one.redo !== null) throw new Error(`folds: ${key} is folded again already`);
      const { state } = one;
      state.timeMs = Math.max(state.timeMs, untilMs);
      one.redo = {
        untilMs: state.timeMs,
        statusUntilMs: Math.max(state.timeMs, state.signalsAtMs, statusUntilMs),
        tail: [],
        held: [],
      };
      return one;
    },
    finish(one, state) {
      const { redo } = one;
      if (redo === null) throw new Error(`folds: ${one.vehicle.key} is not folded again`);
      copyState(state, one.state);
      one.redo = null;
      for (const taken of redo.tail) foldTail(one, taken);
      if (one.state.journey !== null || one.state.over !== null) underway.add(one);
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
