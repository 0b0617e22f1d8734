/**
 * How often a device is asked to report: fast while somebody watches its vehicle, slower when nobody does or its
 * battery is low. A pure function.
 * Invariant: a watched vehicle is never asked to report slower than an unwatched one of the same battery.
 * Bound: five settings; a device may ignore them, for it knows its own limits.
 */
import type { Limits } from '../limits.ts';
import type { Fix, PlainMap } from '../wire/types.ts';

/** What frame 20 carries. A device reports when either has passed since its last fix. */
export interface Reporting extends PlainMap {
  readonly intervalMs: number;
  /** 0 where distance does not matter. */
  readonly displacementM: number;
}

export type ReportingBounds = Pick<
  Limits,
  | 'reportWatchedMs'
  | 'reportUnwatchedMs'
  | 'reportLowBatteryMs'
  | 'reportUnwatchedM'
  | 'reportLowBatteryM'
  | 'lowBatteryPercent'
>;

export function reportingOf(
  isWatched: boolean,
  batteryPercent: number | null,
  bounds: ReportingBounds,
): Reporting {
  const isLow = batteryPercent !== null && batteryPercent < bounds.lowBatteryPercent;
  if (isWatched && !isLow) return { intervalMs: bounds.reportWatchedMs, displacementM: 0 };
  if (isWatched) return { intervalMs: bounds.reportUnwatchedMs, displacementM: 0 };
  return isLow
    ? { intervalMs: bounds.reportLowBatteryMs, displacementM: bounds.reportLowBatteryM }
    : { intervalMs: bounds.reportUnwatchedMs, displacementM: bounds.reportUnwatchedM };
}

/** The attribute `batteryLevel` of a fix, in percent; `null` where it has none. */
export function batteryPercentOf({ attributes }: Fix): number | null {
  // Most fixes have none, and this is asked for every connected vehicle again and again.
  if (attributes?.includes('"batteryLevel"') !== true) return null;
  const level = (JSON.parse(attributes) as PlainMap)['batteryLevel'];
  return typeof level === 'number' ? level : null;
}
