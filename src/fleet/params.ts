/**
 * Parameters of calls, as they are read: a missing one is null, and `undefined` stands for one that makes no sense.
 * Invariant: what comes out fits into a state, its event and its table.
 * Bound: constant work, but for attributes, which have their own.
 */
import { homeOf, isVehicleId, type Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import { checkAttributes, type AttributeBounds } from '../wire/attributes.ts';
import type { Plain, PlainMap } from '../wire/types.ts';
import { isMap, isTime } from './shape.ts';

/** An id of somebody's own making, or a new one. */
export function readId(value: Plain | undefined, newId: () => string): string | undefined {
  if (value === undefined || value === null) return newId();
  return readName(value);
}

/** A vehicle, or an id like it. */
export function readName(value: Plain | undefined): string | undefined {
  return typeof value === 'string' && isVehicleId(value) ? value : undefined;
}

/** The vehicle of a call that names none: a driver's own. */
export function driverHome(identity: Identity): string | null {
  return identity.role === 'driver' ? homeOf(identity) : null;
}

export function readNameOrNull(value: Plain | undefined): string | null | undefined {
  return value === undefined || value === null ? null : readName(value);
}

/** A text of 1 to `charsMax` characters. */
export function readText(value: Plain | undefined, charsMax: number): string | undefined {
  const isText = typeof value === 'string' && value.length > 0 && value.length <= charsMax;
  return isText ? value : undefined;
}

export function readTextOrNull(
  value: Plain | undefined,
  charsMax: number,
): string | null | undefined {
  return value === undefined || value === null ? null : readText(value, charsMax);
}

export function readAttributes(
  value: Plain | undefined,
  bounds: AttributeBounds,
): PlainMap | null | undefined {
  if (value === undefined || value === null) return null;
  return isMap(value) && 'text' in checkAttributes(value, bounds) ? value : undefined;
}

/** When something happened that is told of now; now where nothing is said. */
export function readTime(
  value: Plain | undefined,
  nowMs: number,
  bounds: Pick<Limits, 'oldestAcceptedMs' | 'futureToleranceMs'>,
): number | undefined {
  if (value === undefined || value === null) return nowMs;
  if (!isTime(value)) return undefined;
  const timeMs = Number(value);
  const isPossible =
    timeMs >= bounds.oldestAcceptedMs && timeMs <= nowMs + bounds.futureToleranceMs;
  return isPossible ? timeMs : undefined;
}

/** When something ends; after the usual time where nothing is said. */
export function readExpiry(
  value: Plain | undefined,
  nowMs: number,
  ttlMs: number,
  ttlMaxMs: number,
): number | undefined {
  if (value === undefined || value === null) return nowMs + ttlMs;
  if (!isTime(value)) return undefined;
  const expiresMs = Number(value);
  return expiresMs > nowMs && expiresMs <= nowMs + ttlMaxMs ? expiresMs : undefined;
}

/** Both, or neither. */
export function readPlace(
  latE7: Plain | undefined,
  lonE7: Plain | undefined,
): { readonly latE7: number | null; readonly lonE7: number | null } | undefined {
  if ((latE7 ?? null) === null && (lonE7 ?? null) === null) return { latE7: null, lonE7: null };
  const isOnEarth = isWithin(latE7, latE7Max) && isWithin(lonE7, lonE7Max);
  return isOnEarth ? { latE7: Number(latE7), lonE7: Number(lonE7) } : undefined;
}

const latE7Max = 900_000_000;
const lonE7Max = 1_800_000_000;

function isWithin(value: Plain | undefined, max: number): boolean {
  return Number.isSafeInteger(value) && Math.abs(Number(value)) <= max;
}
