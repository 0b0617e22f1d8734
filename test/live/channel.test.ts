import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChannel, type Channel } from '../../src/live/channel.ts';
import { heldBytes } from '../../src/live/event.ts';
import { newEvent, topicEvent } from './events.ts';

const topic = 'acme/emergency';
const eventBytes = heldBytes(topicEvent(1));
const bounds = {
  channelEventsMax: 5,
  channelBytesMax: 2_000,
  channelOpenMax: 3,
  eventBytesMax: 500,
  eventIdBytesMax: 50,
};

const offsets = (events: readonly { offset: number }[] | null): readonly number[] | null =>
  events && events.map(({ offset }) => offset);

/** With `count` events appended and shown. */
function channelOf(count: number, over: Partial<typeof bounds> = {}): Channel {
  const channel = createChannel(topic, { ...bounds, ...over });
  for (let number = 1; number <= count; number++) channel.append(newEvent(number));
  channel.show(count);
  return channel;
}

describe('a channel', () => {
  it('gives offsets from 1 that rise by one', () => {
    const channel = channelOf(0);
    expect(channel.lastOffset).toBe(0);
    expect(channel.append(newEvent(1))).toEqual({ event: topicEvent(1), isRepeat: false });
    expect(channel.append(newEvent(2))).toEqual({ event: topicEvent(2), isRepeat: false });
    expect(channel.lastOffset).toBe(2);
  });

  it('gives back the earlier event for an id that it has seen', () => {
    const channel = channelOf(3);
    const repeat = newEvent(2, { event: 'other', timeMs: 0 });
    expect(channel.append(repeat)).toEqual({ event: topicEvent(2), isRepeat: true });
    expect(channel.lastOffset).toBe(3);
  });

  it('has forgotten an id when its event has left the window', () => {
    const channel = channelOf(6);
    expect(channel.append(newEvent(2)).isRepeat).toBe(true);
    expect(channel.append(newEvent(1))).toMatchObject({ isRepeat: false, event: { offset: 7 } });
  });

  it('recovers what came after an offset, as far as the window reaches', () => {
    const channel = channelOf(8);
    expect(channel.recover(3)).toEqual([4, 5, 6, 7, 8].map((offset) => topicEvent(offset)));
    expect(offsets(channel.recover(7))).toEqual([8]);
    expect(channel.recover(8)).toEqual([]);
    expect(channel.recover(2)).toBeNull();
    expect(channel.recover(0)).toBeNull();
  });

  it('recovers nothing for an offset that it has not given yet', () => {
    expect(channelOf(3).recover(4)).toBeNull();
    expect(channelOf(0).recover(1)).toBeNull();
    expect(channelOf(0).recover(0)).toEqual([]);
  });

  it('keeps to itself what the journal does not hold yet', () => {
    const channel = channelOf(2);
    channel.append(newEvent(3));
    channel.append(newEvent(4));
    expect(offsets(channel.recover(0))).toEqual([1, 2]);
    expect(channel.recover(2)).toEqual([]);
    expect(channel.recover(3)).toBeNull();
    channel.show(3);
    expect(offsets(channel.recover(0))).toEqual([1, 2, 3]);
    expect(() => channel.show(5)).toThrow('5 is shown');
  });

  it('recovers nothing when what is not shown has pushed the rest out', () => {
    const channel = channelOf(2);
    for (let number = 3; number <= 9; number++) channel.append(newEvent(number));
    expect(channel.recover(1)).toBeNull();
    expect(channel.recover(2)).toEqual([]);
  });

  it('holds no more bytes than it may', () => {
    const channel = channelOf(4, { channelBytesMax: eventBytes * 2 });
    expect(channel.bytes).toBe(eventBytes * 2);
    expect(offsets(channel.recover(2))).toEqual([3, 4]);
    expect(channel.recover(1)).toBeNull();
    channel.clear();
    expect(channel.bytes).toBe(0);
    expect(channel.lastOffset).toBe(4);
    expect(channel.recover(3)).toBeNull();
    expect(channel.recover(4)).toEqual([]);
  });

  it.each([
    ['a NUL', { id: 'a\0' }],
    ['a time before 1970', { timeMs: -1 }],
    ['a number that is none', { data: { speed: NaN } }],
    ['more bytes than an event may have', { data: 'x'.repeat(500) }],
  ])('takes no event with %s', (_, over) => {
    const channel = channelOf(1);
    expect(() => channel.append(newEvent(2, over))).toThrow(topic);
    expect(channel.lastOffset).toBe(1);
  });

  it('can be let go of when all of it is shown and stored', () => {
    const channel = channelOf(0);
    expect(channel.isReleasable).toBe(true);
    channel.append(newEvent(1));
    expect(channel.isReleasable).toBe(false);
    channel.show(1);
    expect(channel.isReleasable).toBe(false);
    channel.stored(1);
    expect(channel.isReleasable).toBe(true);
  });
});

describe('a channel of an earlier run', () => {
  it('goes on behind the last event', () => {
    const channel = channelOf(0);
    for (const offset of [4, 5, 6]) channel.restore(topicEvent(offset));
    expect(channel.append(newEvent(5))).toEqual({ event: topicEvent(5), isRepeat: true });
    expect(channel.append(newEvent(7)).event).toEqual(topicEvent(7));
    expect(offsets(channel.recover(3))).toEqual([4, 5, 6]);
    expect(channel.recover(2)).toBeNull();
  });

  it('takes an event again that it has', () => {
    const channel = channelOf(0);
    for (const offset of [1, 2, 3, 2, 3, 4]) channel.restore(topicEvent(offset));
    expect(offsets(channel.recover(0))).toEqual([1, 2, 3, 4]);
  });

  it('recovers nothing across a gap', () => {
    const channel = channelOf(0);
    for (const offset of [1, 2, 4, 5]) channel.restore(topicEvent(offset));
    expect(channel.recover(1)).toBeNull();
    expect(channel.recover(2)).toBeNull();
    expect(offsets(channel.recover(3))).toEqual([4, 5]);
  });

  it('never goes back behind an offset that the database knows', () => {
    const channel = channelOf(0);
    channel.restore(topicEvent(3));
    channel.restoreOffset(9);
    channel.restoreOffset(4);
    expect(channel.lastOffset).toBe(9);
    expect(channel.isReleasable).toBe(true);
    expect(channel.recover(8)).toBeNull();
    expect(channel.recover(9)).toEqual([]);
    expect(channel.append(newEvent(1)).event.offset).toBe(10);
  });

  it('recovers all or nothing, whatever it was restored from', () => {
    const restored = fc.oneof(
      fc.record({ event: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ offset: fc.integer({ min: 1, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(restored, { maxLength: 30 }), fc.nat(8), (steps, appends) => {
        const channel = channelOf(0);
        for (const step of steps) {
          if ('event' in step) channel.restore(topicEvent(step.event));
          else channel.restoreOffset(step.offset);
        }
        const known = steps.map((step) => ('event' in step ? step.event : step.offset));
        expect(channel.lastOffset).toBe(Math.max(0, ...known));
        for (let count = 0; count < appends; count++) channel.append(newEvent(100 + count));
        const last = channel.lastOffset;
        channel.show(last);
        for (let since = 0; since <= last; since++) {
          const whole = Array.from({ length: last - since }, (_, index) => since + 1 + index);
          const recovered = offsets(channel.recover(since));
          if (since >= last - Math.min(appends, bounds.channelEventsMax)) {
            expect(recovered).toEqual(whole);
          } else if (recovered !== null) {
            expect(recovered).toEqual(whole);
          }
        }
      }),
    );
  });
});
