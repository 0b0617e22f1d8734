/**
 * When a vehicle is too fast, by the speeds that its device reports.
 * Invariant: each overspeed that is told as started is told as ended, once. A speed that is only implied by two places
 * is none: it holds the noise of both.
 * Bound: five fields while it is too fast, nothing else.
 */
import type { Limits } from '../limits.ts';
import type { Fix } from '../wire/types.ts';
import { eventAt, type Emit, type Moment } from './output.ts';

export type OverspeedBounds = Pick<
  Limits,
  'overspeedCms' | 'overspeedHysteresisCms' | 'overspeedMinMs'
>;

export interface Overspeed {
  /** Since when and where. */
  sinceMs: number;
  latE7: number;
  lonE7: number;
  topCms: number;
  /** It has lasted, and was told. */
  isTold: boolean;
}

/** The overspeed after `fix`; `null` where it is not too fast. */
export function stepOverspeed(
  over: Overspeed | null,
  vehicle: string,
  fix: Fix,
  bounds: OverspeedBounds,
  emit: Emit,
): Overspeed | null {
  const { timeMs, latE7, lonE7, speedCms } = fix;
  if (speedCms === null) return over;
  const limitCms = bounds.overspeedCms > 0 ? bounds.overspeedCms : Number.POSITIVE_INFINITY;
  if (over === null) {
    if (speedCms <= limitCms) return null;
    return { sinceMs: timeMs, latE7, lonE7, topCms: speedCms, isTold: false };
  }
  if (speedCms <= limitCms - bounds.overspeedHysteresisCms) {
    endOverspeed(over, vehicle, fix, emit);
    return null;
  }
  over.topCms = Math.max(over.topCms, speedCms);
  if (!over.isTold && timeMs - over.sinceMs >= bounds.overspeedMinMs) {
    over.isTold = true;
    const at = { timeMs: over.sinceMs, latE7: over.latE7, lonE7: over.lonE7, flags: fix.flags };
    const data = { limitCms, topSpeedCms: over.topCms };
    emit(eventAt(vehicle, at, 'overspeedStarted', '', data));
  }
  return over;
}

/** It has ended, then and there. */
export function endOverspeed(over: Overspeed, vehicle: string, at: Moment, emit: Emit): void {
  if (!over.isTold) return;
  const data = { startMs: over.sinceMs, topSpeedCms: over.topCms };
  emit(eventAt(vehicle, at, 'overspeedEnded', '', data));
}
