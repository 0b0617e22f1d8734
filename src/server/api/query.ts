/**
 * What queries are made of: numbers, times, ranges of time, lists of vehicles.
 * Invariant: a schema yields what can be used as it is, or a sentence that says what it wants.
 * Bound: every number has a largest; a range is at most as long as its caller allows.
 */
import { z } from 'zod';
import { isVehicleId } from '../../identity.ts';
import type { VehicleFilter } from '../../store/caselog.ts';
import type { Refused } from '../refusal.ts';

/** How many of something. */
export function countOf(max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, `is not 1 to ${max}`)
    .transform(Number)
    .refine((count) => count >= 1 && count <= max, `is not 1 to ${max}`);
}

/** A decimal number from 0 to `max`. */
export function amountOf(max: number) {
  return z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, `is not 0 to ${max}`)
    .transform(Number)
    .refine((amount) => amount <= max, `is not 0 to ${max}`);
}

/** `true` or `false`, which is what it is where the query does not say. */
export const flag = z
  .enum(['true', 'false'], 'is not true or false')
  .default('false')
  .transform((text) => text === 'true');

export function vehiclesOf(max: number) {
  return z
    .string()
    .transform((text) => new Set(text.split(',')))
    .refine((ids) => [...ids].every(isVehicleId), 'is not a list of vehicle ids')
    .refine((ids) => ids.size <= max, `has more than ${max} vehicles`);
}

/** Ids, and prefixes that end in `*`, apart. */
export function vehicleFilterOf(patterns: readonly string[]): VehicleFilter {
  const prefixes = patterns.filter((pattern) => pattern.endsWith('*'));
  return {
    ids: patterns.filter((pattern) => !pattern.endsWith('*')),
    prefixes: prefixes.map((pattern) => pattern.slice(0, -1)),
  };
}

/** A time as it is sent; `rangeOf` reads it. */
export const timeText = z.string().max(40);

export interface Range {
  readonly fromMs: number;
  /** The first moment behind it. */
  readonly toMs: number;
}

export interface RangeOptions {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly nowMs: number;
  /** How long it is where the query does not say when it begins. */
  readonly fallbackMs: number;
  readonly maxMs: number;
}

/** The range of a query; without `to` it ends now. */
export function rangeOf(options: RangeOptions): Range | Refused {
  const { from, to, nowMs, fallbackMs, maxMs } = options;
  const toMs = to === undefined ? nowMs : timeOf(to);
  if (toMs === null) return { refused: 'badTimeRange', detail: 'to is no time' };
  const fromMs = from === undefined ? Math.max(0, toMs - fallbackMs) : timeOf(from);
  if (fromMs === null) return { refused: 'badTimeRange', detail: 'from is no time' };
  if (fromMs >= toMs) return { refused: 'badTimeRange', detail: 'from does not lie before to' };
  if (toMs - fromMs <= maxMs) return { fromMs, toMs };
  return { refused: 'rangeTooLong', detail: `at most ${Math.floor(maxMs / 3_600_000)} hours` };
}

const unixPattern = /^\d{1,15}$/;
// A plus that was not escaped comes as a space.
const isoPattern = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+ -]\d{2}:\d{2}))?$/;
/** The last that is written with four digits for its year. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Unix ms, a date, or a time with its zone; null for anything else. */
export function timeOf(text: string): number | null {
  const isUnix = unixPattern.test(text);
  if (!isUnix && !isoPattern.test(text)) return null;
  if (!isUnix && !isDay(text.slice(0, 10))) return null;
  const timeMs = isUnix ? Number(text) : Date.parse(text.replace(' ', '+').replace(',', '.'));
  return timeMs >= 0 && timeMs <= lastMs ? timeMs : null;
}

/** True for a day that there is: the 30th of February is parsed as one in March. */
function isDay(text: string): boolean {
  const dayMs = Date.parse(text);
  return !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(text);
}
