/**
 * A number for the attributes of a fix, by which two can be compared without keeping either.
 * Invariant: the same for the same content: PostgreSQL gives jsonb back with other spaces and another order of keys.
 * Different content has the same number once in four thousand million pairs.
 * Bound: 32 bits; the work is that of parsing at most `attributesBytesMax`.
 */
import type { Plain, PlainMap } from '../wire/types.ts';

/** FNV-1a's. */
const basis = 0x811c9dc5;
const prime = 0x01000193;

/** Of JSON text; 0 where there is none. */
export function attributesDigest(attributes: string | null): number {
  return attributes === null ? 0 : digestOf(JSON.parse(attributes) as PlainMap);
}

function digestOf(value: Plain): number {
  if (typeof value !== 'object' || value === null) return digestText(JSON.stringify(value), basis);
  if (Array.isArray(value)) {
    return (value as readonly Plain[]).reduce<number>(
      (digest, item) => Math.imul(digest ^ digestOf(item), prime),
      basis,
    );
  }
  // A sum, so that the order of the keys does not matter.
  let sum = Object.keys(value).length;
  for (const [key, item] of Object.entries(value as PlainMap)) {
    sum = (sum + Math.imul(digestText(key, digestOf(item)), prime)) | 0;
  }
  return sum;
}

function digestText(text: string, from: number): number {
  let digest = from;
  for (let index = 0; index < text.length; index++) {
    digest = Math.imul(digest ^ text.charCodeAt(index), prime);
  }
  return digest;
}
