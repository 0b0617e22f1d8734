/** Events of event topics for the tests. */
import fc from 'fast-check';
import type { NewEvent, TopicEvent } from '../../src/live/event.ts';
import type { Plain } from '../../src/wire/types.ts';
import { attributes } from '../wire/frames.ts';

export const startMs = 1_550_475_950_000;

/** An event with the id `e<number>`, told of in its data too. */
export function newEvent(number: number, over: Partial<NewEvent> = {}): NewEvent {
  const timeMs = startMs + number * 1_000;
  const about = { subject: null, isOpen: false };
  return { id: `e${number}`, event: 'raised', data: { number }, timeMs, ...about, ...over };
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

const anyAbout = fc.option(fc.record({ subject: text, isOpen: fc.boolean() }), {
  nil: { subject: null, isOpen: false },
});

export const anyEvent: fc.Arbitrary<TopicEvent> = fc
  .record({
    topic: text,
    offset: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    id: text,
    event: text,
    data: anyData,
    timeMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    about: anyAbout,
  })
  .map(({ about, ...event }) => Object.assign(event, about));

/** An event that opens `subject`. */
export function opening(number: number, subject: string): NewEvent {
  return newEvent(number, { subject, isOpen: true });
}

/** An event that closes `subject`. */
export function closing(number: number, subject: string): NewEvent {
  return newEvent(number, { event: 'ended', subject, isOpen: false });
}

/**
 * What is open after the events of one topic, in order: the newest event of each subject that is not closed.
 * An event whose id came before changes nothing.
 */
export function foldOpen(events: readonly TopicEvent[]): readonly TopicEvent[] {
  const open = new Map<string, TopicEvent>();
  const ids = new Set<string>();
  for (const event of events) {
    if (!ids.has(event.id) && event.subject !== null) {
      open.delete(event.subject);
      if (event.isOpen) open.set(event.subject, event);
    }
    ids.add(event.id);
  }
  return [...open.values()];
}

/**
 * What may be open after the events of one topic, of which the database has those up to `storedOffset`. An
 * event that repeats one which has left the window is known as a repeat once it is stored; until then it may
 * be counted as an event of its own.
 */
export function openLists(
  events: readonly TopicEvent[],
  storedOffset: number,
): readonly (readonly TopicEvent[])[] {
  const unsure = events.filter(
    ({ id, offset }, index) =>
      offset > storedOffset && events.findIndex((one) => one.id === id) < index,
  );
  const subsets = unsure.reduce<readonly (readonly TopicEvent[])[]>(
    (sets, event) => sets.flatMap((set) => [set, [...set, event]]),
    [[]],
  );
  return subsets.map((counted) => {
    const isCounted = (event: TopicEvent): boolean => counted.includes(event);
    const renamed = events.map((event) =>
      isCounted(event) ? Object.assign({}, event, { id: `counted ${event.offset}` }) : event,
    );
    return foldOpen(renamed).map(({ offset }) => events[offset - 1]!);
  });
}
