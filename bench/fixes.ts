/**
 * The fixes of the benches that are about bytes and not about roads: a vehicle that drives in a circle, one a second.
 * Invariant: a function of the vehicle's number and the step alone, so that what one process sends another can encode,
 * and a third can expect.
 * Bound: ids of one length, so that every row of a bench is as long as the others.
 */
import type { Fix } from '../src/wire/types.ts';

export const stepMs = 1_000;
/** Times of a bench begin here: late for the engine, and live, for each is newer than the one before. */
export const benchStartMs = Date.UTC(2026, 0, 1);

/**
 * Between two runs of the same vehicles. Where the load rests for as long as a trip may lapse, the engine takes it that
 * the vehicle has, and fixes of the time before that would be late.
 */
export const restSteps = 3_600;

/** Of most benches: a circle of 5 km, on which a vehicle neither stands nor turns sharply. */
export const roadSteps = 3_200;

/** 5 m. */
const speedE7PerStep = 450;

/** A fix as a device sends it, its time relative to that of the frame. */
export type WireFix = readonly [dtMs: number, ...rest: number[]];

export function vehicleId(run: string, vehicle: number): string {
  return `${run}-${String(vehicle).padStart(5, '0')}`;
}

/** A lap takes `lapSteps`; all numbers are as long in MessagePack wherever it is. */
export function writeFix(fix: Fix, vehicle: number, step: number, lapSteps: number): void {
  const turn = (step % lapSteps) / lapSteps;
  const radiusE7 = (lapSteps * speedE7PerStep) / (2 * Math.PI);
  fix.timeMs = benchStartMs + step * stepMs;
  fix.latE7 = 526_000_000 + vehicle * 1_000 + Math.round(radiusE7 * Math.cos(turn * 2 * Math.PI));
  fix.lonE7 = -86_000_000 - vehicle * 1_000 - Math.round(radiusE7 * Math.sin(turn * 2 * Math.PI));
  fix.speedCms = 500;
  fix.courseCdeg = 300 + Math.floor(turn * 35_000);
  fix.altitudeDm = 195;
  fix.accuracyDm = 30;
  fix.satellites = 9;
  fix.attributes = null;
  fix.flags = 0;
}

export function wireFix(fix: Fix, baseMs: number): WireFix {
  const { timeMs, latE7, lonE7, speedCms, courseCdeg, altitudeDm, accuracyDm, satellites } = fix;
  const known = [speedCms, courseCdeg, altitudeDm, accuracyDm, satellites].map(Number);
  return [timeMs - baseMs, latE7, lonE7, ...known];
}
