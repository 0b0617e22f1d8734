import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent, eventBytes, isStorable } from '../../src/live/event.ts';
import { encodeSubscriberReply } from '../../src/wire/encode.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { frameTypes } from '../../src/wire/types.ts';
import { anyEvent, newEvent, topicEvent } from './events.ts';

const about = { subject: 'e7', isOpen: true };
const elements = (): unknown[] => {
  const { topic, offset, id, event, timeMs, data, subject, isOpen } = topicEvent(7, about);
  return [1, topic, offset, id, event, timeMs, data, subject, isOpen];
};

describe('an event in the journal', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(decodeEvent(Buffer.from(encodeEvent(event)))).toEqual(event);
      }),
    );
  });

  it('keeps its format', () => {
    const event = topicEvent(7, { topic: 'a/trip:1', id: 'x', data: { a: 1 }, timeMs: 5 });
    expect(Buffer.from(encodeEvent(event)).toString('hex')).toBe(
      '9901a8612f747269703a3107a178a672616973656405de0001a16101c0c2',
    );
    expect(Buffer.from(encodeEvent({ ...event, subject: 'v', isOpen: true })).toString('hex')).toBe(
      '9901a8612f747269703a3107a178a672616973656405de0001a16101a176c3',
    );
  });

  it('is read as one about nothing where an earlier version wrote it', () => {
    const bytes = Buffer.from('9701a8612f747269703a3107a178a672616973656405de0001a16101', 'hex');
    expect(decodeEvent(bytes)).toEqual(
      topicEvent(7, { topic: 'a/trip:1', id: 'x', data: { a: 1 }, timeMs: 5 }),
    );
  });

  it('is read with elements that a later version adds', () => {
    expect(decodeEvent(toMessagePack([...elements(), 'later', { more: true }]))).toEqual(
      topicEvent(7, about),
    );
  });

  it('of another format is refused', () => {
    expect(() => decodeEvent(toMessagePack([2, ...elements().slice(1)]))).toThrow('format 2');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no MessagePack', Buffer.from([0xc1])],
    ['bytes behind it', Buffer.concat([toMessagePack(elements()), Buffer.from([1])])],
    ['no array', toMessagePack({ topic: 'a' })],
    ['an element missing', toMessagePack(elements().slice(0, 6))],
    ['offset 0', toMessagePack(elements().with(2, 0))],
    ['a broken offset', toMessagePack(elements().with(2, 1.5))],
    ['a number as id', toMessagePack(elements().with(3, 4))],
    ['a NUL in its name', toMessagePack(elements().with(4, 'a\0'))],
    ['a time that is none', toMessagePack(elements().with(5, 'now'))],
    ['data that is no data', toMessagePack(elements().with(6, new Date(0)))],
    ['a number as subject', toMessagePack(elements().with(7, 4))],
    ['a subject with a NUL', toMessagePack(elements().with(7, 'a\0'))],
    ['something open that is about nothing', toMessagePack(elements().with(7, null))],
    ['neither open nor closed', toMessagePack(elements().with(8, 1))],
  ])('of %s is refused with an error', (_, bytes) => {
    expect(() => decodeEvent(bytes)).toThrow('an event of the journal');
  });

  it('of arbitrary bytes is an event or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        let decoded = null;
        try {
          decoded = decodeEvent(bytes);
        } catch (error) {
          expect((error as Error).message).toMatch(/^an event of the journal/);
        }
        if (decoded !== null) expect(decodeEvent(encodeEvent(decoded))).toEqual(decoded);
      }),
    );
  });
});

describe('an event to be stored', () => {
  const bounds = { eventBytesMax: 500, eventIdBytesMax: 20 };
  const mayStore = (over: object): boolean => isStorable('acme/a', newEvent(1, over), bounds);

  it.each([
    ['an id as long as it may be', { id: 'é'.repeat(10) }, true],
    ['a longer id', { id: 'é'.repeat(11) }, false],
    ['a subject as long as it may be', { subject: 'x'.repeat(20), isOpen: true }, true],
    ['a longer subject', { subject: 'x'.repeat(21), isOpen: true }, false],
    ['much in it', { data: 'x'.repeat(350) }, true],
    ['too much in it', { data: 'x'.repeat(500) }, false],
    ['too much in it as JSON only', { data: '\u0001'.repeat(100) }, false],
    ['something open that is about nothing', { isOpen: true }, false],
    ['a NUL', { id: 'a\0' }, false],
    ['a number that is none', { data: NaN }, false],
  ])('may be one with %s: %s', (_, over, may) => {
    expect(mayStore(over)).toBe(may);
  });

  it('is larger than its frames', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const topic = event.topic.slice(event.topic.indexOf('/') + 1);
        const { offset, event: name, data } = event;
        const frame = { type: frameTypes.event, topic, offset, event: name, data } as const;
        for (const codec of ['messagepack', 'json'] as const) {
          const message = encodeSubscriberReply(frame, codec);
          expect(Buffer.byteLength(message)).toBeLessThanOrEqual(eventBytes(event));
        }
      }),
    );
  });
});
