/**
 * The fold: everything that follows from a vehicle's fixes, one fix after the other in the order of their time.
 * Invariant: a pure function of the state and the fix: the same fixes tell the same outputs, wherever the state was
 * stored in between and whenever `lapse` was called. A filtered fix changes nothing but the filter.
 * Bound: constant work a fix, and none for memory unless something begins, ends or is told; fences near it by index.
 */
import type { HeardStatus } from '../store/status.ts';
import { fixFlags, type Fix } from '../wire/types.ts';
import { mayConcern, stepFences, type StepBounds } from './fences.ts';
import type { TenantFences } from './fenceindex.ts';
import {
  acceptFix,
  excludedFlags,
  isLeaping,
  judgedFlags,
  judgeFix,
  type Filter,
  type FilterBounds,
} from './filter.ts';
import { tripStateOf } from './journey.ts';
import { stepMotion, type MotionBounds } from './motion.ts';
import { eventAt, type Emit, type Moment, type TripState } from './output.ts';
import { endOverspeed, stepOverspeed, type OverspeedBounds } from './overspeed.ts';
import { signalsIn, stepSignals, type SignalBounds } from './signals.ts';
import type { VehicleState } from './state.ts';
import { anchor, neverMs } from './track.ts';
import { breakOff, detectTrips, type TripBounds } from './tripdetect.ts';

export type DeriveBounds = FilterBounds &
  TripBounds &
  SignalBounds &
  MotionBounds &
  OverspeedBounds &
  StepBounds;

export interface DeriveContext {
  readonly bounds: DeriveBounds;
  /** Of the vehicle's tenant. */
  readonly fences: TenantFences | null;
  /** The vehicle is in more fences than `fencesPerVehicleMax`. */
  onFencesLeftOut(count: number): void;
}

/**
 * Takes the next fix, which is newer than `state.timeMs`. Returns the flag for which it was filtered, and sets it in
 * `fix.flags`; 0 where it counts. Flags of a former judgement are replaced, those of its arrival are obeyed.
 */
export function advance(state: VehicleState, fix: Fix, context: DeriveContext, emit: Emit): number {
  const { bounds } = context;
  fix.flags &= ~judgedFlags;
  if ((fix.flags & excludedFlags) !== 0) return fix.flags & excludedFlags;
  if (fix.timeMs <= state.timeMs) throw new RangeError('derive: a fix that is not newer');
  state.timeMs = fix.timeMs;
  const flag = judgeFix(fix, state, bounds);
  if (flag !== 0) {
    fix.flags |= flag;
    return flag;
  }
  const isLeap = isLeaping(state);
  if (isSilent(state, fix.timeMs, bounds)) breakOffAll(state, fixFlags.late, bounds, emit);
  else if (isLeap) breakOffAll(state, fix.flags, bounds, emit);
  acceptFix(fix, state, bounds);
  if (isLeap) anchor(state, fix);
  else detectTrips(state, fix, bounds, emit);
  const attributes = signalsIn(fix);
  // A status that is newer may have come before it.
  if (attributes !== null && fix.timeMs >= state.signalsAtMs) {
    stepSignals(state, attributes, state.vehicle, fix, bounds, emit);
  }
  stepMotion(state, state.vehicle, fix, bounds, emit);
  state.over = stepOverspeed(state.over, state.vehicle, fix, bounds, emit);
  if (context.fences !== null && mayConcern(state, fix, context.fences)) {
    const leftOut = foldFences(state, fix, context.fences, bounds, emit);
    if (leftOut > 0) context.onFencesLeftOut(leftOut);
  }
  return 0;
}

/**
 * No fix has come up to `nowMs`: what a silence of `tripGapMs` ends is told without waiting for the next fix, as that
 * would have told it. A fix from inside of that silence is late then.
 */
export function lapse(
  state: VehicleState,
  nowMs: number,
  { bounds }: DeriveContext,
  emit: Emit,
): void {
  const { journey, over } = state;
  if (journey === null && over === null) return;
  if (!isSilent(state, nowMs, bounds)) return;
  breakOffAll(state, fixFlags.late, bounds, emit);
  state.timeMs = Math.max(state.timeMs, state.acceptedMs + bounds.tripGapMs - 1);
}

/**
 * Takes attributes that came without a position, and belong to the last known one: where there is none nobody could say
 * where it happened. They are newer than all that was heard before; one of the time of a fix comes before that.
 */
export function applyStatus(
  state: VehicleState,
  { timeMs, flags, attributes }: HeardStatus,
  context: DeriveContext,
  emit: Emit,
): void {
  if (state.acceptedMs === neverMs) {
    state.signalsAtMs = timeMs;
    return;
  }
  // What a silence ends was over before it.
  lapse(state, timeMs, context, emit);
  const { ignition, power, isBatteryLow, isTampered } = state;
  const at: Moment = { ...lastMoment(state, flags), timeMs };
  stepSignals(state, attributes, state.vehicle, at, context.bounds, emit);
  const isSame =
    ignition === state.ignition &&
    power === state.power &&
    isBatteryLow === state.isBatteryLow &&
    isTampered === state.isTampered;
  if (!isSame) state.signalsChangedMs = timeMs;
}

/** True where a status that is newer than `fix` was taken before it, and that makes a difference. */
export function isOvertaken(state: VehicleState, fix: Fix): boolean {
  const { timeMs } = fix;
  if (timeMs >= state.signalsAtMs) return false;
  return timeMs < state.signalsChangedMs || signalsIn(fix) !== null;
}

/** The trip that is under way; `null` where none is, or none that is sure. */
export function runningTrip(state: VehicleState, bounds: DeriveBounds): TripState | null {
  const { journey } = state;
  if (journey === null || !journey.isStarted) return null;
  return tripStateOf(journey, state, null, bounds);
}

function isSilent({ acceptedMs }: Filter, nowMs: number, { tripGapMs }: DeriveBounds): boolean {
  return acceptedMs !== neverMs && nowMs - acceptedMs >= tripGapMs;
}

function breakOffAll(state: VehicleState, flags: number, bounds: DeriveBounds, emit: Emit): void {
  breakOff(state, bounds, emit);
  if (state.over === null) return;
  endOverspeed(state.over, state.vehicle, lastMoment(state, flags), emit);
  state.over = null;
}

function lastMoment(filter: Filter, flags: number): Moment {
  return {
    timeMs: filter.acceptedMs,
    latE7: filter.acceptedLatE7,
    lonE7: filter.acceptedLonE7,
    flags,
  };
}

function foldFences(
  state: VehicleState,
  fix: Fix,
  fences: TenantFences,
  bounds: DeriveBounds,
  emit: Emit,
): number {
  const { latE7, lonE7, flags } = fix;
  return stepFences(state, fix, fences, bounds, (kind, fence, timeMs, data) =>
    emit(eventAt(state.vehicle, { timeMs, latE7, lonE7, flags }, kind, fence.id, data)),
  );
}
