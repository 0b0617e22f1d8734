/** Events of event topics for the tests. */
import fc from 'fast-check';
import type { NewEvent } from '../../src/live/channel.ts';
import type { TopicEvent } from '../../src/store/events.ts';
import type { Plain } from '../../src/wire/types.ts';
import { attributes } from '../wire/frames.ts';

export const startMs = 1_550_475_950_000;

/** An event with the id `e<number>`, told of in its data too. */
export function newEvent(number: number, over: Partial<NewEvent> = {}): NewEvent {
  const timeMs = startMs + number * 1_000;
  return { id: `e${number}`, event: 'raised', data: { number }, timeMs, ...over };
}

export function topicEvent(offset: number, over: Partial<TopicEvent> = {}): TopicEvent {
  return { topic: 'acme/emergency', offset, ...newEvent(offset), ...over };
}

const text = fc
  .string({ maxLength: 40, unit: 'grapheme' })
  .filter((one) => !one.includes('\0') && one.isWellFormed());

const anyData: fc.Arbitrary<Plain> = fc.oneof(
  attributes,
  fc.array(attributes, { maxLength: 3 }),
  text,
  fc.integer(),
  fc.constant(null),
);

export const anyEvent: fc.Arbitrary<TopicEvent> = fc.record({
  topic: text,
  offset: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  id: text,
  event: text,
  data: anyData,
  timeMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
});
