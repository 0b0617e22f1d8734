/** Fixes of a vehicle that drives, stands and falls silent, and what the fold makes of them. */
import { advance, lapse, type DeriveBounds, type DeriveContext } from '../../src/fleet/derive.ts';
import type { Fence } from '../../src/fleet/fence.ts';
import { createFenceIndex, type TenantFences } from '../../src/fleet/fenceindex.ts';
import type { Output, TripState, VehicleEvent } from '../../src/fleet/output.ts';
import { createVehicleState, stateFields, type VehicleState } from '../../src/fleet/state.ts';
import { limits } from '../../src/limits.ts';
import type { Fix } from '../../src/wire/types.ts';
import { circle, fence } from './fencefixture.ts';

export const vehicle = 'bus-1';
export const startMs = Date.parse('2026-03-02T08:00:00Z');

const home = { latE7: 526_000_000, lonE7: -86_000_000 };
const metresPerE7 = 0.011_119_5;

/** A fix so many metres north and east of home, so many seconds after the start. */
export function fixAt(seconds: number, northM: number, eastM = 0, more: Partial<Fix> = {}): Fix {
  const scale = Math.cos((home.latE7 / 1e7) * (Math.PI / 180));
  return {
    timeMs: startMs + Math.round(seconds * 1_000),
    latE7: home.latE7 + Math.round(northM / metresPerE7),
    lonE7: home.lonE7 + Math.round(eastM / metresPerE7 / scale),
    speedCms: null,
    courseCdeg: null,
    altitudeDm: null,
    accuracyDm: null,
    satellites: null,
    attributes: null,
    attributesMap: null,
    flags: 0,
    ...more,
  };
}

/** Fixes every `stepS` of one who moves evenly along a line to the north; both ends included. */
export function drive(
  fromS: number,
  toS: number,
  fromM: number,
  toM: number,
  stepS = 5,
  more: Partial<Fix> = {},
): Fix[] {
  const fixes: Fix[] = [];
  for (let seconds = fromS; seconds <= toS; seconds += stepS) {
    const share = (seconds - fromS) / (toS - fromS);
    fixes.push(fixAt(seconds, fromM + (toM - fromM) * share, 0, more));
  }
  return fixes;
}

/** Numbers from 0 to 1, always the same. */
export function createDice(seed: number): () => number {
  let state = (seed * 2 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Fixes every `stepS` of one who stands; each is anywhere within `noiseM`. The last second is not included. */
export function stand(
  fromS: number,
  toS: number,
  atM: number,
  noiseM = 0,
  stepS = 5,
  more: Partial<Fix> = {},
): Fix[] {
  const dice = createDice(fromS + 7);
  const fixes: Fix[] = [];
  for (let seconds = fromS; seconds < toS; seconds += stepS) {
    const radiusM = noiseM * Math.sqrt(dice());
    const angle = dice() * 2 * Math.PI;
    const eastM = radiusM * Math.sin(angle);
    fixes.push(fixAt(seconds, atM + radiusM * Math.cos(angle), eastM, more));
  }
  return fixes;
}

export interface Folded {
  readonly outputs: readonly Output[];
  readonly state: VehicleState;
  /** Of each fix; 0 where it counts. */
  readonly flags: readonly number[];
}

export function contextOf(
  bounds: Partial<DeriveBounds> = {},
  fences: TenantFences | null = null,
): DeriveContext {
  return { bounds: { ...limits, ...bounds }, fences, onFencesLeftOut: () => {} };
}

/** Circles around places so many metres north of home. */
export function circlesAt(
  centres: readonly { readonly id: string; readonly northM: number; readonly radiusM: number }[],
  over: Partial<Fence> = {},
): TenantFences {
  const index = createFenceIndex(limits);
  for (const { id, northM, radiusM } of centres) {
    index.put(fence(id, circle(fixAt(0, northM), radiusM), over));
  }
  return index.of('acme');
}

/** A copy of all that a state holds. */
export function plainOf(state: VehicleState) {
  const fields = Object.fromEntries(stateFields.map((name) => [name, state[name]]));
  const { journey, over, fences, timeMs, jumps } = state;
  return structuredClone({ ...fields, journey, over, fences, timeMs, jumps });
}

/** Folds the fixes, and then lets `silenceMs` pass. */
export function fold(
  fixes: readonly Fix[],
  bounds: Partial<DeriveBounds> = {},
  silenceMs = 0,
  fences: TenantFences | null = null,
): Folded {
  const state = createVehicleState(vehicle);
  const context = contextOf(bounds, fences);
  const outputs: Output[] = [];
  const emit = (output: Output): void => void outputs.push(output);
  const flags = fixes.map((fix) => advance(state, { ...fix }, context, emit));
  const lastMs = fixes.at(-1)?.timeMs ?? startMs;
  if (silenceMs > 0) lapse(state, lastMs + silenceMs, context, emit);
  return { outputs, state, flags };
}

export function eventsOf(outputs: readonly Output[]): readonly VehicleEvent[] {
  return outputs.flatMap((output) => (output.kind === 'vehicleEvent' ? [output.event] : []));
}

/** The trips as they ended. */
export function tripsOf(outputs: readonly Output[]): readonly TripState[] {
  return outputs.flatMap((output) => (output.kind === 'tripEnded' ? [output.trip] : []));
}

/** What was told, by its kind: `tripStarted`, `ignitionOn`, ... */
export function kindsOf(outputs: readonly Output[]): readonly string[] {
  return outputs.map((output) =>
    output.kind === 'vehicleEvent' ? output.event.kind : output.kind,
  );
}

/** Seconds after the start. */
export function secondsOf(timeMs: number | null): number {
  return timeMs === null ? Number.NaN : (timeMs - startMs) / 1_000;
}
