/**
 * One journey of a vehicle through the world of folds, and what has to be stored in the end, however its fixes came:
 * what they tell in the order of their time.
 */
import { expect } from 'vitest';
import { advance, applyStatus, lapse } from '../../src/fleet/derive.ts';
import { createFenceIndex } from '../../src/fleet/fenceindex.ts';
import type { Output } from '../../src/fleet/output.ts';
import { hasSignals } from '../../src/fleet/signals.ts';
import { createVehicleState } from '../../src/fleet/state.ts';
import { limits, type Limits } from '../../src/limits.ts';
import type { Fix, PlainMap } from '../../src/wire/types.ts';
import { circle, fence } from './fencefixture.ts';
import { createWorld, filterFlags, type World } from './foldworld.ts';
import { drive, eventsOf, fixAt, stand, startMs, tripsOf, vehicle } from './journeys.ts';

export const dayMs = 86_400_000;
export const nowMs = startMs + 30 * dayMs;

export const fences = createFenceIndex(limits);
fences.put({ ...fence('home', circle(fixAt(0, 0), 150), { dwellMs: 300_000 }), tenant: 'default' });
fences.put({
  ...fence('town', circle(fixAt(0, 500), 3_000), { speedMaxCms: 1_400 }),
  tenant: 'default',
});

export const small: Limits = { ...limits, recomputePageRowsMax: 20, recomputeRowsMax: 100 };

export function worldOf(bounds: Limits = limits): World {
  return createWorld({ vehicle, fences, nowMs, bounds });
}

/** What a device has said without a position. */
export interface Told {
  readonly timeMs: number;
  readonly attributes: PlainMap;
}

export function say(world: World, { timeMs, attributes }: Told): void {
  world.tell(timeMs, JSON.stringify(attributes));
}

export function isPlaced({ vehicles }: World): boolean {
  return (vehicles.find('default', vehicle)?.last.timeMs ?? -1) >= 0;
}

/** What the fixes and statuses tell in order, and the flags of the fixes; of one time the status comes first. */
export function inOrder(
  fixes: readonly Fix[],
  bounds: Limits = limits,
  statuses: readonly Told[] = [],
) {
  const state = createVehicleState(vehicle);
  const outputs: Output[] = [];
  const context = { bounds, fences: fences.of('default'), onFencesLeftOut: () => {} };
  const emit = (output: Output): void => void outputs.push(output);
  const flags = new Map<number, number>();
  const all = [...statuses, ...fixes].toSorted((one, other) => one.timeMs - other.timeMs);
  for (const one of all) {
    if ('latE7' in one) flags.set(one.timeMs, advance(state, { ...one }, context, emit));
    else if (hasSignals(one.attributes)) applyStatus(state, { ...one, flags: 0 }, context, emit);
  }
  lapse(state, nowMs + dayMs, context, emit);
  return { outputs, flags };
}

export function expectInOrder(
  world: World,
  fixes: readonly Fix[],
  bounds: Limits = limits,
  statuses: readonly Told[] = [],
): void {
  const { disk } = world;
  const { outputs, flags } = inOrder(fixes, bounds, statuses);
  const events = new Map(
    eventsOf(outputs).map(({ timeMs, kind, subject, latE7, lonE7, data }) => {
      return [`${timeMs} ${kind} ${subject}`, { latE7, lonE7, data }];
    }),
  );
  const stored = [...disk.events].map(([id, { latE7, lonE7, data }]) => [
    id,
    { latE7, lonE7, data },
  ]);
  expect(Object.fromEntries(stored)).toEqual(Object.fromEntries(events));
  const trips = [...disk.trips.values()].map(({ toldMs: _toldMs, ...trip }) => trip);
  expect(trips.toSorted(byStart)).toEqual(tripsOf(outputs));
  const judged = [...disk.rows.values()].map(({ timeMs, flags }) => [timeMs, flags & filterFlags]);
  expect(new Map(judged as [number, number][])).toEqual(flags);
  const counting = fixes.filter(({ timeMs }) => flags.get(timeMs) === 0);
  const newestMs = Math.max(...counting.map(({ timeMs }) => timeMs), -1);
  // It may be further: what late ones have shown to be wrong was seen.
  const lastMs = world.vehicles.find('default', vehicle)?.last.timeMs ?? -1;
  expect(lastMs).toBeGreaterThanOrEqual(newestMs);
  expect(disk.dirtySinceMs).toBe(null);
}

export const byStart = (one: PlainMap, other: PlainMap): number =>
  Number(one['startMs']) - Number(other['startMs']);

export const journey = [
  ...stand(0, 600, 0),
  ...drive(600, 1_200, 0, 6_000),
  ...stand(1_205, 2_000, 6_000),
  ...drive(2_000, 2_600, 6_000, 0),
  ...stand(2_605, 3_400, 0),
];

export async function sendAll(world: World, frames: readonly (readonly Fix[])[]): Promise<void> {
  for (const frame of frames) world.send(frame);
  await world.settle();
}

export function framesOf(fixes: readonly Fix[], size: number): Fix[][] {
  const frames: Fix[][] = [];
  for (let at = 0; at < fixes.length; at += size) frames.push(fixes.slice(at, at + size));
  return frames;
}

/** True for so many times. */
export function isFullOnce(times: number): () => boolean {
  let left = times;
  return () => left-- > 0;
}
