/**
 * The shapes of what comes from outside: parameters of calls, and the data of events that anybody may have published.
 * Invariant: what `matches` is exactly of the type that the shape stands for, so that nothing behind it checks again.
 * Bound: work follows the value, which a frame or an event bounds.
 */
import type { Plain, PlainMap } from '../wire/types.ts';
import { isPlainMap } from '../wire/attributes.ts';

export type Check = (value: Plain) => boolean;

/** A check for each element of `Value`. */
export type Shape<Value> = { readonly [Name in keyof Value]-?: Check };

/** True where each element of the shape is there and passes; others are ignored. */
export function matches<Value>(value: Plain, shape: Shape<Value>): value is PlainMap & Value {
  if (!isMap(value)) return false;
  return Object.entries<Check>(shape).every(([name, check]) => {
    const element = value[name];
    return element !== undefined && check(element);
  });
}

export function isMap(value: Plain): value is PlainMap {
  return isPlainMap(value);
}

/** A text of 1 to `charsMax` characters. */
export function textOf(charsMax: number): Check {
  return (value) => typeof value === 'string' && value.length > 0 && value.length <= charsMax;
}

export function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

export function oneOf(values: readonly Plain[]): Check {
  return (value) => values.includes(value);
}

export function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

export const isText: Check = (value) => typeof value === 'string';
export const isAnything: Check = () => true;
export const isInteger: Check = (value) => Number.isSafeInteger(value);
export const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

/** The last ms of the year 9999: what every database and every client can write. */
const timeMsMax = 253_402_300_799_999;

/** Unix ms. */
export const isTime: Check = (value) => isCount(value) && (value as number) <= timeMsMax;
