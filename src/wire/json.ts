/**
 * The JSON twin: the same arrays as text, for a browser console or a command-line WebSocket client.
 * Invariant: every frame reads the same from JSON as from MessagePack (a property test holds it).
 * Bound: the text is at most `frameBytesMax` bytes, which the gateway enforces before it comes here.
 */
import type { Parsed } from './messagepack.ts';

/** Reads JSON text; never throws. */
export function parseJson(text: string): Parsed {
  if (text.length === 0) return { refused: 'emptyFrame' };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { refused: 'notJson' };
  }
}

export function toJson(value: unknown): string {
  return JSON.stringify(value);
}
