/**
 * What a vehicle's fixes say about geofences: entered, exited, dwelled, too fast inside. Pure, on the time of fixes.
 * Invariant: entered and exited come in turn, of each version of a fence, and between them one dwell at most. In one
 * fix exits come before enters. An event of a fix has its time; of a dwell, the moment when it was long enough,
 * after the fix before. A fence that is gone, or has another version, is forgotten without an event.
 * A border is noisy: a side counts at once where the accuracy circle lies in the fence, or far outside of it; else
 * when it has held for `fenceDebounceMs` and two fixes. Going in is told early, for it can be wrong once; going out is
 * told when it is sure, for a vehicle that is parked at a border would come and go for ever.
 * Bound: `fencesPerVehicleMax` fences of a vehicle; more are left out, and counted.
 */
import type { Limits } from '../limits.ts';
import type { Fix, PlainMap } from '../wire/types.ts';
import { isValidAt, type Fence } from './fence.ts';
import type { Near } from './fencecells.ts';
import type { TenantFences } from './fenceindex.ts';
import { signedDistanceM } from './fenceshape.ts';

/** A fence that the vehicle is in, or is about to be in; of all others there is no state. JSON holds it. */
export interface FenceState {
  readonly fence: string;
  /** Names its version. */
  readonly validFromMs: number;
  /** Of the fix that it was entered with; 0 before. */
  enteredMs: number;
  /** Since which fix all have been on the other side; 0 where the last one was not. */
  otherSinceMs: number;
  hasDwelled: boolean;
  isOverspeed: boolean;
}

/** An array that is as large as it has to be: one that is pushed to keeps room for sixteen more. */
export interface Fenced {
  fences: readonly FenceState[];
}

export const noFences: readonly FenceState[] = [];

export type FenceEventKind =
  'geofenceEntered' | 'geofenceExited' | 'geofenceDwelled' | 'geofenceOverspeed';

export type EmitFenceEvent = (
  kind: FenceEventKind,
  fence: Fence,
  timeMs: number,
  data: PlainMap,
) => void;

export type StepBounds = Pick<
  Limits,
  | 'fencesPerVehicleMax'
  | 'fenceDebounceMs'
  | 'fenceExitMarginM'
  | 'fenceExitAccuracies'
  | 'fenceAccuracyM'
>;

/** A speed limit is kept again below this share of it. */
const overspeedEnds = 0.9;

/** False where the fix says nothing about any fence, as most do: asked first, they cost no memory. */
export function mayConcern(vehicle: Fenced, fix: Fix, fences: TenantFences): boolean {
  return vehicle.fences.length > 0 || fences.at(fix.latE7, fix.lonE7).length > 0;
}

/** Takes the next fix of the vehicle; how many fences were left out because it is in too many. */
export function stepFences(
  vehicle: Fenced,
  fix: Fix,
  fences: TenantFences,
  bounds: StepBounds,
  emit: EmitFenceEvent,
): number {
  const near = fences.at(fix.latE7, fix.lonE7);
  if (vehicle.fences.length > 0) {
    keep(vehicle, (state) => stepEntered(state, near, fix, fences, bounds, emit));
    keep(vehicle, (state) => stepEntering(state, near, fix, fences, bounds, emit));
  }
  return near.length === 0 ? 0 : stepNear(vehicle, fix, near, bounds, emit);
}

/** A fence that the vehicle was in: dwell, exit and speed. False where it is not in it any more. */
function stepEntered(
  state: FenceState,
  near: readonly Near[],
  fix: Fix,
  fences: TenantFences,
  bounds: StepBounds,
  emit: EmitFenceEvent,
): boolean {
  if (state.enteredMs === 0) return true;
  const one = nearOf(state, near);
  const fence = one?.fence ?? fences.find(state.fence, state.validFromMs);
  if (fence === null || !isValidAt(fence, fix.timeMs)) return false;
  const outsideM = outsideOfM(fence, one, fix, bounds);
  if (outsideM > 0 && isOut(outsideM, fix, bounds, state)) {
    const { enteredMs, otherSinceMs: sinceMs } = state;
    emit('geofenceExited', fence, fix.timeMs, { name: fence.name, enteredMs, sinceMs });
    return false;
  }
  dwell(state, fence, fix, emit);
  if (outsideM <= 0) {
    state.otherSinceMs = 0;
    judgeSpeed(state, fence, fix, emit);
  }
  return true;
}

/** A fence that it was about to be in; false where it is not. */
function stepEntering(
  state: FenceState,
  near: readonly Near[],
  fix: Fix,
  fences: TenantFences,
  bounds: StepBounds,
  emit: EmitFenceEvent,
): boolean {
  if (state.enteredMs !== 0) return true;
  const one = nearOf(state, near);
  const fence = one?.fence ?? fences.find(state.fence, state.validFromMs);
  if (fence === null || !isValidAt(fence, fix.timeMs)) return false;
  const outsideM = outsideOfM(fence, one, fix, bounds);
  if (outsideM > 0) return false;
  enterWhenSure(state, fence, fix, outsideM, bounds, emit);
  return true;
}

/** Fences that it may have come into. */
function stepNear(
  vehicle: Fenced,
  fix: Fix,
  near: readonly Near[],
  bounds: StepBounds,
  emit: EmitFenceEvent,
): number {
  let inside: Near[] | null = null;
  for (const one of near) {
    if (
      isBeside(one, fix) ||
      !isValidAt(one.fence, fix.timeMs) ||
      isKnown(vehicle.fences, one.fence)
    ) {
      continue;
    }
    if (outsideOfM(one.fence, one, fix, bounds) > 0) continue;
    inside ??= [];
    inside.push(one);
  }
  if (inside === null) return 0;
  // The order of the index depends on its past, and what follows from a fix must not.
  if (inside.length > 1) inside.sort((one, other) => compare(one.fence, other.fence));
  const taken = inside.slice(0, Math.max(0, bounds.fencesPerVehicleMax - vehicle.fences.length));
  for (const one of taken) {
    const { fence } = one;
    const state: FenceState = {
      fence: fence.id,
      validFromMs: fence.validFromMs,
      enteredMs: 0,
      otherSinceMs: 0,
      hasDwelled: false,
      isOverspeed: false,
    };
    vehicle.fences = vehicle.fences.concat(state);
    enterWhenSure(state, fence, fix, outsideOfM(fence, one, fix, bounds), bounds, emit);
  }
  return inside.length - taken.length;
}

/** How far outside of the fence the fix is; where it is inside by more than it may be off, at least so far inside. */
function outsideOfM(fence: Fence, one: Near | null, fix: Fix, bounds: StepBounds): number {
  if (one !== null && one.depthM > accuracyM(fix, bounds)) return -one.depthM;
  return signedDistanceM(fence.shape, fix.latE7, fix.lonE7);
}

function isBeside({ minX, minY, maxX, maxY }: Near, { latE7, lonE7 }: Fix): boolean {
  return latE7 < minY || latE7 > maxY || lonE7 < minX || lonE7 > maxX;
}

function nearOf(state: FenceState, near: readonly Near[]): Near | null {
  for (const one of near) {
    if (isOf(state, one.fence)) return one;
  }
  return null;
}

function compare(one: Fence, other: Fence): number {
  if (one.id === other.id) return one.validFromMs - other.validFromMs;
  return one.id < other.id ? -1 : 1;
}

function enterWhenSure(
  state: FenceState,
  fence: Fence,
  fix: Fix,
  outsideM: number,
  bounds: StepBounds,
  emit: EmitFenceEvent,
): void {
  const isHeld = holds(state, fix, bounds);
  if (-outsideM < accuracyM(fix, bounds) && !isHeld) return;
  emit('geofenceEntered', fence, fix.timeMs, { name: fence.name, sinceMs: state.otherSinceMs });
  state.enteredMs = fix.timeMs;
  state.otherSinceMs = 0;
  judgeSpeed(state, fence, fix, emit);
}

function isOut(outsideM: number, fix: Fix, bounds: StepBounds, state: FenceState): boolean {
  const isHeld = holds(state, fix, bounds);
  const sureM = Math.max(
    bounds.fenceExitMarginM,
    bounds.fenceExitAccuracies * accuracyM(fix, bounds),
  );
  return outsideM >= sureM || isHeld;
}

/** Of a fix on the other side; true where it has held, for which there must have been one before. */
function holds(state: FenceState, fix: Fix, { fenceDebounceMs }: StepBounds): boolean {
  if (state.otherSinceMs === 0) state.otherSinceMs = fix.timeMs;
  return fix.timeMs - state.otherSinceMs >= fenceDebounceMs;
}

/** Whether it still was inside when it had been for long enough, no fix says; it is when the next one is. */
function dwell(state: FenceState, fence: Fence, fix: Fix, emit: EmitFenceEvent): void {
  if (state.hasDwelled || fence.dwellMs === null) return;
  const dueMs = state.enteredMs + fence.dwellMs;
  if (fix.timeMs < dueMs) return;
  state.hasDwelled = true;
  emit('geofenceDwelled', fence, dueMs, { name: fence.name, enteredMs: state.enteredMs });
}

function judgeSpeed(state: FenceState, fence: Fence, fix: Fix, emit: EmitFenceEvent): void {
  const { speedMaxCms } = fence;
  if (speedMaxCms === null || fix.speedCms === null) return;
  if (state.isOverspeed) {
    state.isOverspeed = fix.speedCms > speedMaxCms * overspeedEnds;
  } else if (fix.speedCms > speedMaxCms) {
    state.isOverspeed = true;
    emit('geofenceOverspeed', fence, fix.timeMs, {
      name: fence.name,
      speedCms: fix.speedCms,
      speedMaxCms,
    });
  }
}

function accuracyM(fix: Fix, bounds: StepBounds): number {
  return fix.accuracyDm === null ? bounds.fenceAccuracyM : fix.accuracyDm / 10;
}

function isKnown(states: readonly FenceState[], fence: Fence): boolean {
  for (const state of states) {
    if (isOf(state, fence)) return true;
  }
  return false;
}

function isOf(state: FenceState, { id, validFromMs }: Fence): boolean {
  return state.fence === id && state.validFromMs === validFromMs;
}

/** Leaves out what `isKept` says no to. */
function keep(vehicle: Fenced, isKept: (state: FenceState) => boolean): void {
  for (const state of vehicle.fences) {
    if (!isKept(state)) vehicle.fences = without(vehicle.fences, state);
  }
}

function without(states: readonly FenceState[], state: FenceState): readonly FenceState[] {
  const at = states.indexOf(state);
  return states.length === 1 ? noFences : states.slice(0, at).concat(states.slice(at + 1));
}
