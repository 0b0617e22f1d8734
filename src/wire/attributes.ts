/**
 * Attributes: the free part of a fix or event, checked so that what is accepted is valid `jsonb`.
 * Invariant: text that passes has no NUL, no lone surrogate and only finite numbers; PostgreSQL refuses
 * those inside jsonb, and one such row would fail its whole batch.
 * Bound: keys, depth and bytes, so that checking costs no more than the frame's length.
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Plain, PlainMap } from './types.ts';

export type AttributeBounds = Pick<
  Limits,
  'attributesBytesMax' | 'attributesKeysMax' | 'attributesDepthMax'
>;

const encoder = new TextEncoder();

/** Attributes as JSON text and as the map that it was made of, or why they are refused. */
export type CheckedAttributes =
  { readonly text: string; readonly map: PlainMap } | { readonly refused: RefusalName };

/** Checks untrusted `value`; its JSON text has at most `attributesBytesMax` bytes of UTF-8. */
export function checkAttributes(value: unknown, bounds: AttributeBounds): CheckedAttributes {
  if (!isMap(value)) return { refused: 'attributesMalformed' };
  const refused = checkMap(value, bounds, 1);
  if (refused !== null) return { refused };
  const text = JSON.stringify(value);
  const isTooLarge =
    text.length > bounds.attributesBytesMax ||
    encoder.encode(text).length > bounds.attributesBytesMax;
  return isTooLarge ? { refused: 'attributesTooLarge' } : { text, map: value as PlainMap };
}

/** Levels of lists and maps in any frame; deeper ones would cost a stack frame each to check. */
const plainDepthMax = 16;

/** True where `value` is a map that MessagePack and JSON both hold. */
export function isPlainMap(value: unknown): value is PlainMap {
  return isMap(value) && isPlain(value);
}

/** True where `value` can be held by MessagePack and JSON alike, in at most `plainDepthMax` levels. */
export function isPlain(value: unknown, depth = 0): value is Plain {
  if (value === null || typeof value === 'boolean') return true;
  if (typeof value === 'string') return isCleanText(value);
  if (typeof value === 'number') return Number.isFinite(value);
  if (depth >= plainDepthMax) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (!isMap(value)) return false;
  return Object.entries(value).every(([key, item]) => isCleanText(key) && isPlain(item, depth + 1));
}

/** True for a time, an offset, a number of something. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Text that PostgreSQL can hold: no NUL, no lone surrogate. */
export function isCleanText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

function checkMap(
  map: Record<string, unknown>,
  bounds: AttributeBounds,
  depth: number,
): RefusalName | null {
  const keys = Object.keys(map);
  if (keys.length > bounds.attributesKeysMax) return 'attributesTooLarge';
  for (const key of keys) {
    if (!isCleanText(key)) return 'attributesMalformed';
    const refused = checkValue(map[key], bounds, depth);
    if (refused !== null) return refused;
  }
  return null;
}

function checkValue(value: unknown, bounds: AttributeBounds, depth: number): RefusalName | null {
  if (typeof value !== 'object' || value === null) {
    return isPlain(value) ? null : 'attributesMalformed';
  }
  if (depth >= bounds.attributesDepthMax) return 'attributesTooLarge';
  if (isMap(value)) return checkMap(value, bounds, depth + 1);
  if (!Array.isArray(value)) return 'attributesMalformed';
  if (value.length > bounds.attributesKeysMax) return 'attributesTooLarge';
  for (const item of value) {
    const refused = checkValue(item, bounds, depth + 1);
    if (refused !== null) return refused;
  }
  return null;
}

// Dates, errors and extension types of MessagePack have prototypes of their own.
function isMap(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}
