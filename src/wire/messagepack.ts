/**
 * MessagePack bytes to a value and back, by msgpackr with the options that are safe for untrusted input.
 * Invariant: no option that lets one message change the decoding of the next (`sequential`, records).
 * Bound: what a message can allocate follows from its length, which the gateway bounds (`frameBytesMax`).
 * The value may still hold what no frame has (dates, big integers, extensions): `decode` checks shapes.
 */
import { Packr, Unpackr } from 'msgpackr';
import type { RefusalName } from '../errors.ts';

/** A value, or why there is none. */
export type Parsed = { readonly value: unknown } | { readonly refused: RefusalName };

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', mapsAsObjects: true });
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true });

/** Reads exactly one MessagePack value; never throws. */
export function parseMessagePack(bytes: Uint8Array): Parsed {
  if (bytes.length === 0) return { refused: 'emptyFrame' };
  try {
    return { value: unpackr.unpack(bytes) as unknown };
  } catch (error) {
    return { refused: isTrailing(error) ? 'trailingBytes' : 'notMessagePack' };
  }
}

/** The MessagePack bytes of `value`; they may share memory with later results until copied or sent. */
export function toMessagePack(value: unknown): Uint8Array {
  return packr.pack(value);
}

// msgpackr has no code for this error, only its sentence; a test holds the two together.
function isTrailing(error: unknown): boolean {
  return error instanceof Error && error.message.includes('end of buffer not reached');
}
