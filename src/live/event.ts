/**
 * An event as the payload of a journal record: `[format, topic, offset, id, event, timeMs, data, subject,
 * isOpen, ...]`.
 * Invariant: a format is never changed but by elements at its end, which older code ignores; a payload that
 * cannot be read is a broken invariant, for the journal has checked that it is what was written.
 * Bound: `eventBytesMax` in either codec and `eventIdBytesMax` for what is in an index; see `isStorable`.
 */
import type { Limits } from '../limits.ts';
import type { TopicEvent } from '../store/events.ts';
import { isCleanText, isCount, isPlain } from '../wire/attributes.ts';
import { toJson } from '../wire/json.ts';
import { parseMessagePack, toMessagePack } from '../wire/messagepack.ts';

export type { TopicEvent };

/** An event before it has its place. */
export type NewEvent = Omit<TopicEvent, 'topic' | 'offset'>;

export type EventBounds = Pick<Limits, 'eventBytesMax' | 'eventIdBytesMax'>;

/** The kind of journal records that hold one event each. */
export const eventRecordKind = 3;

const eventFormat = 1;

/** The bytes are good until the next call: the journal copies them. */
export function encodeEvent(event: TopicEvent): Uint8Array {
  return toMessagePack(elementsOf(event));
}

/** Throws a plain Error for bytes that `encodeEvent` did not write. */
export function decodeEvent(bytes: Uint8Array): TopicEvent {
  const parsed = parseMessagePack(bytes);
  if (!('value' in parsed)) throw new Error(`an event of the journal is ${parsed.refused}`);
  if (!Array.isArray(parsed.value)) throw new Error('an event of the journal is no array');
  const [format, topic, offset, id, event, timeMs, data, subject = null, isOpen = false] =
    parsed.value as readonly unknown[];
  if (format !== eventFormat) {
    throw new Error(`an event of the journal has format ${String(format)}, not ${eventFormat}`);
  }
  const decoded = { topic, offset, id, event, timeMs, data, subject, isOpen };
  if (!isEvent(decoded)) throw new Error('an event of the journal has elements of other types');
  return decoded;
}

function elementsOf(value: TopicEvent): readonly unknown[] {
  const { topic, offset, id, event, timeMs, data, subject, isOpen } = value;
  return [eventFormat, topic, offset, id, event, timeMs, data, subject, isOpen];
}

/** True where the journal, the database and a frame can all hold it. */
export function isEvent(value: Readonly<Record<keyof TopicEvent, unknown>>): value is TopicEvent {
  const { topic, offset, id, event, timeMs, data, subject, isOpen } = value;
  return (
    [topic, id, event, subject ?? ''].every(isText) &&
    isCount(offset) &&
    offset >= 1 &&
    isCount(timeMs) &&
    // The database counts microseconds.
    Number.isSafeInteger(timeMs * 1_000) &&
    isPlain(data) &&
    // What is about nothing cannot be open.
    (isOpen === false || (isOpen === true && subject !== null))
  );
}

/** True where `append` of the topic's channel takes it, whatever its offset will be. */
export function isStorable(topic: string, input: NewEvent, bounds: EventBounds): boolean {
  const event = { ...input, topic, offset: Number.MAX_SAFE_INTEGER };
  return (
    isEvent(event) &&
    [event.id, event.subject ?? ''].every(
      (text) => Buffer.byteLength(text) <= bounds.eventIdBytesMax,
    ) &&
    eventBytes(event) <= bounds.eventBytesMax
  );
}

const bytesOf = new WeakMap<TopicEvent, number>();

/** Its bytes with all that belongs to it, in that of the two codecs which takes more. */
export function eventBytes(event: TopicEvent): number {
  let bytes = bytesOf.get(event);
  if (bytes === undefined) {
    bytes = Math.max(encodeEvent(event).length, Buffer.byteLength(toJson(elementsOf(event))));
    bytesOf.set(event, bytes);
  }
  return bytes;
}

/** What an event takes in memory beside its bytes: measured, with some room. */
const entryBytes = 256;

/** What an event takes in memory. */
export function heldBytes(event: TopicEvent): number {
  return eventBytes(event) + entryBytes;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && isCleanText(value);
}
