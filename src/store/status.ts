/**
 * What a device says of its vehicle without a position, as the payload of a journal record: `[format, key, timeMs, flags,
 * receivedAtMs, attributes, ...]`.
 * Invariant: as for events (src/live/event.ts): a format is changed only by elements at its end.
 * Bound: `attributesBytesMax` of attributes.
 */
import { isCount } from '../wire/attributes.ts';
import { parseMessagePack, toMessagePack } from '../wire/messagepack.ts';
import { fixFlags, type PlainMap } from '../wire/types.ts';

export interface StoredStatus {
  readonly key: string;
  readonly timeMs: number;
  readonly flags: number;
  readonly receivedAtMs: number;
  /** As JSON. */
  readonly attributes: string;
}

/** Those of fixes, where they mean the same, and one more. */
export const statusFlags = {
  clockSkew: fixFlags.clockSkew,
  late: fixFlags.late,
  /** The fold had taken what is newer: it is folded again. */
  backfill: fixFlags.backfill,
  outdated: fixFlags.outdated,
  /** Nothing is known of where its vehicle is. */
  unplaced: 1_024,
} as const;

/** What the fold takes of one. */
export interface HeardStatus {
  readonly timeMs: number;
  readonly flags: number;
  readonly attributes: PlainMap;
}

export function heardOf({ timeMs, flags, attributes }: StoredStatus): HeardStatus {
  return { timeMs, flags, attributes: JSON.parse(attributes) as PlainMap };
}

/** The attributes that the fold takes. */
export const signalNames = ['ignition', 'batteryLevel', 'power', 'tamper'] as const;

/** With one of these it takes part in nothing. */
export const neverFoldedStatus =
  statusFlags.clockSkew | statusFlags.outdated | statusFlags.unplaced;

/** The kind of journal records that hold one status each. */
export const statusRecordKind = 4;

const statusFormat = 1;

/** The bytes are good until the next call: the journal copies them. */
export function encodeStatus(status: StoredStatus): Uint8Array {
  const { key, timeMs, flags, receivedAtMs, attributes } = status;
  return toMessagePack([statusFormat, key, timeMs, flags, receivedAtMs, attributes]);
}

/** Throws a plain Error for bytes that `encodeStatus` did not write. */
export function decodeStatus(bytes: Uint8Array): StoredStatus {
  const parsed = parseMessagePack(bytes);
  if (!('value' in parsed)) throw new Error(`a status of the journal is ${parsed.refused}`);
  if (!Array.isArray(parsed.value)) throw new Error('a status of the journal is no array');
  const [format, key, timeMs, flags, receivedAtMs, attributes] = parsed.value as readonly unknown[];
  if (format !== statusFormat) {
    throw new Error(`a status of the journal has format ${String(format)}, not ${statusFormat}`);
  }
  const isStatus = [timeMs, flags, receivedAtMs].every(isCount);
  if (!isStatus || typeof key !== 'string' || typeof attributes !== 'string') {
    throw new Error('a status of the journal has elements of other types');
  }
  return { key, timeMs, flags, receivedAtMs, attributes } as StoredStatus;
}
