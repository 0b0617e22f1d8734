/**
 * A vehicle's state as bytes, for the database: MessagePack of a list of lists, values without names.
 * Invariant: what is read back is what was written, bit for bit; bytes of another version, or that are not a state,
 * are null, and the caller folds the stored fixes again. `stateVersion` rises with any change of fields or their order.
 * Bound: some 300 bytes, 40 for each stop of the trip under way, 60 for each fence.
 */
import { parseMessagePack, toMessagePack } from '../wire/messagepack.ts';
import type { FenceState } from './fences.ts';
import { noStops, type Journey } from './journey.ts';
import type { Overspeed } from './overspeed.ts';
import { createVehicleState, stateFields, type VehicleState } from './state.ts';
import { neverMs } from './track.ts';

export const stateVersion = 3;

export function encodeState(state: VehicleState): Uint8Array {
  const { journey, over, fences } = state;
  const own = stateFields.map((name) => state[name]);
  const parts = [own, valuesOf(journey), valuesOf(over), fences.map(valuesOf)];
  // The packer's memory is used again.
  return Uint8Array.from(toMessagePack([stateVersion, ...parts]));
}

/** The state of `vehicle`; null where the bytes hold none of this version. */
export function decodeState(vehicle: string, bytes: Uint8Array): VehicleState | null {
  const parsed = parseMessagePack(bytes);
  if (!('value' in parsed) || !Array.isArray(parsed.value)) return null;
  const list = parsed.value as readonly unknown[];
  const [version, own, journey, over, fences] = list;
  if (version !== stateVersion || list.length !== 5 || !Array.isArray(fences)) return null;
  const state = createVehicleState(vehicle);
  if (journey !== null) state.journey = blankJourney();
  if (over !== null) state.over = blankOverspeed();
  if (fences.length > 0) state.fences = fences.map(blankFence);
  const isRead =
    fill(state, stateFields, own) &&
    fillPart(state.journey, journey) &&
    fillPart(state.over, over) &&
    state.fences.every((fence, index) => fillPart(fence, fences[index]));
  return isRead ? state : null;
}

function valuesOf(part: object | null): readonly unknown[] | null {
  return part === null ? null : Object.values(part);
}

function fillPart(part: object | null, values: unknown): boolean {
  return part === null || fill(part, Object.keys(part), values);
}

/** Puts the values into these fields of `part`, in their order; false where they do not fit. */
function fill(part: object, fields: readonly string[], values: unknown): boolean {
  if (!Array.isArray(values) || values.length !== fields.length) return false;
  return fields.every((name, index) => {
    const value = (values as readonly unknown[])[index];
    return isLike(value, Reflect.get(part, name)) && Reflect.set(part, name, value);
  });
}

function isLike(value: unknown, blank: unknown): boolean {
  if (!Array.isArray(blank)) return typeof value === typeof blank;
  return Array.isArray(value) && value.every((item) => typeof item === 'number');
}

function blankJourney(): Journey {
  return {
    isStarted: false,
    isStopped: false,
    startMs: neverMs,
    latE7: 0,
    lonE7: 0,
    sinceMs: neverMs,
    fixes: 0,
    odometerM: 0,
    movingMs: 0,
    topSpeedCms: 0,
    awaySinceMs: neverMs,
    stopsCount: 0,
    stops: noStops,
  };
}

function blankOverspeed(): Overspeed {
  return { sinceMs: neverMs, latE7: 0, lonE7: 0, topCms: 0, isTold: false };
}

function blankFence(): FenceState {
  return {
    fence: '',
    validFromMs: 0,
    enteredMs: 0,
    otherSinceMs: 0,
    hasDwelled: false,
    isOverspeed: false,
  };
}
