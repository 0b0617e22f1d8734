import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent, encodeEvent } from '../../src/live/event.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { anyEvent, topicEvent } from './events.ts';

const elements = (): unknown[] => {
  const { topic, offset, id, event, timeMs, data } = topicEvent(7);
  return [1, topic, offset, id, event, timeMs, data];
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
      '9701a8612f747269703a3107a178a672616973656405de0001a16101',
    );
  });

  it('is read with elements that a later version adds', () => {
    expect(decodeEvent(toMessagePack([...elements(), 'later', { more: true }]))).toEqual(
      topicEvent(7),
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
