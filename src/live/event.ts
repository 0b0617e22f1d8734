/**
 * An event as the payload of a journal record: `[format, topic, offset, id, event, timeMs, data, ...]`.
 * Invariant: a format is never changed but by elements at its end, which older code ignores; a payload that
 * cannot be read is a broken invariant, for the journal has checked that it is what was written.
 * Bound: `eventBytesMax`, which `append` of a channel holds.
 */
import type { TopicEvent } from '../store/events.ts';
import { isCleanText, isPlain } from '../wire/attributes.ts';
import { parseMessagePack, toMessagePack } from '../wire/messagepack.ts';

export type { TopicEvent };

/** The kind of journal records that hold one event each. */
export const eventRecordKind = 3;

const eventFormat = 1;

/** The bytes are good until the next call: the journal copies them. */
export function encodeEvent({ topic, offset, id, event, timeMs, data }: TopicEvent): Uint8Array {
  return toMessagePack([eventFormat, topic, offset, id, event, timeMs, data]);
}

/** Throws a plain Error for bytes that `encodeEvent` did not write. */
export function decodeEvent(bytes: Uint8Array): TopicEvent {
  const parsed = parseMessagePack(bytes);
  if (!('value' in parsed)) throw new Error(`an event of the journal is ${parsed.refused}`);
  if (!Array.isArray(parsed.value)) throw new Error('an event of the journal is no array');
  const [format, topic, offset, id, event, timeMs, data] = parsed.value as readonly unknown[];
  if (format !== eventFormat) {
    throw new Error(`an event of the journal has format ${String(format)}, not ${eventFormat}`);
  }
  const decoded = { topic, offset, id, event, timeMs, data };
  if (!isEvent(decoded)) throw new Error('an event of the journal has elements of other types');
  return decoded;
}

/** True where the journal, the database and a frame can all hold it. */
export function isEvent(value: Readonly<Record<keyof TopicEvent, unknown>>): value is TopicEvent {
  const { topic, offset, id, event, timeMs, data } = value;
  return (
    [topic, id, event].every((text) => typeof text === 'string' && isCleanText(text)) &&
    isCount(offset) &&
    offset >= 1 &&
    isCount(timeMs) &&
    // The database counts microseconds.
    Number.isSafeInteger(timeMs * 1_000) &&
    isPlain(data)
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
