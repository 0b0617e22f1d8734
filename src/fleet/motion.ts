/**
 * How a vehicle is braked and accelerated, by the speeds that its device reports.
 * Invariant: one event for as long as it goes on. Only speeds that are near in time and not too near are compared: else
 * the difference is noise, or was not one pedal.
 * Bound: constant work a fix, four fields.
 */
import type { Limits } from '../limits.ts';
import type { Fix } from '../wire/types.ts';
import { eventAt, type Emit } from './output.ts';
import { neverMs } from './track.ts';

export type MotionBounds = Pick<
  Limits,
  | 'harshBrakingCms2'
  | 'harshAccelerationCms2'
  | 'harshMaxCms2'
  | 'harshIntervalMinMs'
  | 'harshIntervalMaxMs'
>;

export interface Motion {
  /** The speed that the next one is compared with. */
  speedCms: number;
  speedMs: number;
  /** The last comparison was harsh. */
  isBraking: boolean;
  isAccelerating: boolean;
}

export function stepMotion(
  motion: Motion,
  vehicle: string,
  fix: Fix,
  bounds: MotionBounds,
  emit: Emit,
): void {
  const { speedCms } = fix;
  if (speedCms === null) return;
  const elapsedMs = fix.timeMs - motion.speedMs;
  const isComparable = motion.speedMs !== neverMs && elapsedMs <= bounds.harshIntervalMaxMs;
  if (isComparable && elapsedMs < bounds.harshIntervalMinMs) return;
  const fromCms = motion.speedCms;
  const cms2 = isComparable ? ((speedCms - fromCms) * 1_000) / elapsedMs : 0;
  const isBraking = isHarsh(-cms2, bounds.harshBrakingCms2, bounds);
  const isAccelerating = isHarsh(cms2, bounds.harshAccelerationCms2, bounds);
  const isNew = (isBraking && !motion.isBraking) || (isAccelerating && !motion.isAccelerating);
  motion.speedCms = speedCms;
  motion.speedMs = fix.timeMs;
  motion.isBraking = isBraking;
  motion.isAccelerating = isAccelerating;
  if (!isNew) return;
  const kind = isBraking ? 'harshBraking' : 'harshAcceleration';
  const data = { fromCms, toCms: speedCms, cms2: Math.round(cms2) };
  emit(eventAt(vehicle, fix, kind, '', data));
}

function isHarsh(cms2: number, leastCms2: number, bounds: MotionBounds): boolean {
  return leastCms2 > 0 && cms2 >= leastCms2 && cms2 <= bounds.harshMaxCms2;
}
