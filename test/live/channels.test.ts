import { describe, expect, it } from 'vitest';
import type { Channels, OpenChannel } from '../../src/live/channels.ts';
import { appendStored, createWorld as world, eventBytes } from './channelworld.ts';
import { newEvent, topicEvent } from './events.ts';

const opened = (channels: Channels, topic: string): Promise<OpenChannel | null> =>
  new Promise((resolve) => {
    channels.open(topic, resolve);
  });

describe('the channels of an engine', () => {
  it('count each topic for itself', () => {
    const { channels, counters } = world();
    channels.allRestored();
    expect(channels.append('acme/a', newEvent(1))?.event.offset).toBe(1);
    expect(channels.append('acme/b', newEvent(1))?.event.offset).toBe(1);
    expect(channels.append('acme/a', newEvent(2))?.event).toEqual(
      topicEvent(2, { topic: 'acme/a' }),
    );
    expect(channels.append('acme/a', newEvent(1))?.isRepeat).toBe(true);
    expect(channels.size).toBe(2);
    expect(counters).toMatchObject({ eventsAppended: 3, eventsRepeated: 1 });
  });

  it('begin no topic before they know whether the database has it', async () => {
    const { channels, reads, counters } = world();
    expect(channels.append('acme/a', newEvent(9))).toBeNull();
    expect(counters.channelsUnavailable).toBe(1);
    const waiting = opened(channels, 'acme/a');
    expect(channels.append('acme/a', newEvent(9))).toBeNull();
    reads[0]?.answer([4, 5].map((offset) => topicEvent(offset, { topic: 'acme/a' })));
    expect((await waiting)?.lastOffset).toBe(5);
    expect(channels.append('acme/a', newEvent(5))?.isRepeat).toBe(true);
    expect(channels.append('acme/a', newEvent(9))?.event.offset).toBe(6);
  });

  it('read a topic once for all who wait, and serve them in their order', async () => {
    const { channels, reads } = world();
    const order: number[] = [];
    const all = [1, 2, 3].map(
      (number) =>
        new Promise<void>((resolve) => {
          channels.open('acme/a', () => {
            channels.append('acme/a', newEvent(number));
            order.push(number);
            resolve();
          });
        }),
    );
    expect(reads.map(({ topic }) => topic)).toEqual(['acme/a']);
    reads[0]?.answer([]);
    await Promise.all(all);
    expect(order).toEqual([1, 2, 3]);
    let isOpen = false;
    channels.open('acme/a', (channel) => {
      isOpen = channel?.lastOffset === 3;
    });
    expect(isOpen).toBe(true);
  });

  it('tell whoever waits when the database cannot be read, and read again for the next', async () => {
    const { channels, reads, errors } = world();
    const first = opened(channels, 'acme/a');
    reads[0]?.answer(new Error('away'));
    expect(await first).toBeNull();
    expect(errors).toEqual([new Error('away')]);
    const second = opened(channels, 'acme/a');
    reads[1]?.answer([]);
    expect(await second).toMatchObject({ lastOffset: 0 });
  });

  it('let only so many wait', async () => {
    const { channels, reads } = world({ channelsWaitingMax: 2 });
    const waiting = [opened(channels, 'acme/a'), opened(channels, 'acme/a')];
    expect(await opened(channels, 'acme/a')).toBeNull();
    expect(await opened(channels, 'acme/b')).toBeNull();
    reads[0]?.answer([]);
    expect(await Promise.all(waiting)).not.toContain(null);
    const later = opened(channels, 'acme/b');
    reads[1]?.answer([]);
    expect(await later).not.toBeNull();
  });
});

describe('more topics than may be in memory', () => {
  it('let go of the least recently used, which is then read back', async () => {
    const { channels, reads, counters } = world({ channelsMax: 2 });
    channels.allRestored();
    const a = appendStored(channels, 'acme/a', 1);
    appendStored(channels, 'acme/b', 1);
    appendStored(channels, 'acme/a', 2);
    appendStored(channels, 'acme/c', 1);
    expect(channels.size).toBe(2);
    expect(counters.channelsReleased).toBe(1);
    expect(channels.append('acme/a', newEvent(3))?.event.offset).toBe(3);
    expect(channels.append('acme/b', newEvent(2))).toBeNull();
    const waiting = opened(channels, 'acme/b');
    reads[0]?.answer([{ ...a, topic: 'acme/b' }]);
    expect((await waiting)?.lastOffset).toBe(1);
    expect(channels.append('acme/b', newEvent(2))?.event.offset).toBe(2);
    expect(channels.size).toBe(2);
  });

  it('let go of none that the database does not hold', () => {
    const { channels } = world({ channelsMax: 2 });
    channels.allRestored();
    const a = channels.append('acme/a', newEvent(1))?.event;
    const b = channels.append('acme/b', newEvent(1))?.event;
    if (a === undefined || b === undefined) throw new Error('not appended');
    expect(channels.append('acme/c', newEvent(1))).toBeNull();
    channels.show(a);
    channels.show(b);
    expect(channels.append('acme/c', newEvent(1))).toBeNull();
    channels.stored([b]);
    expect(channels.append('acme/c', newEvent(1))?.event.offset).toBe(1);
    expect(channels.append('acme/a', newEvent(2))?.event.offset).toBe(2);
  });

  it('of which one never had an event need not be read back', () => {
    const { channels, reads } = world({ channelsMax: 1 });
    channels.allRestored();
    for (const topic of ['acme/a', 'acme/b', 'acme/a']) channels.open(topic, () => undefined);
    expect(channels.append('acme/c', newEvent(1))?.event.offset).toBe(1);
    expect(reads).toEqual([]);
  });

  it('of an earlier run are not all known after a start', () => {
    const { channels } = world({ channelsMax: 2 });
    for (const topic of ['acme/a', 'acme/b', 'acme/c']) channels.restoreOffset(topic, 5);
    channels.allRestored();
    expect(channels.size).toBe(2);
    expect(channels.append('acme/a', newEvent(1))).toBeNull();
    expect(channels.append('acme/c', newEvent(1))?.event.offset).toBe(6);
  });

  it('that the journal brings back are all kept', () => {
    const { channels } = world({ channelsMax: 1 });
    for (const topic of ['acme/a', 'acme/b', 'acme/c']) {
      channels.restore(topicEvent(3, { topic }), false);
    }
    channels.restoreOffset('acme/d', 9);
    channels.allRestored();
    expect(channels.size).toBe(3);
    for (const topic of ['acme/a', 'acme/b', 'acme/c']) {
      expect(channels.append(topic, newEvent(9))?.event.offset).toBe(4);
    }
    expect(channels.append('acme/d', newEvent(1))).toBeNull();
  });
});

describe('more bytes than may be in memory', () => {
  it('empty the window that was used least recently, and keep its offset', () => {
    const { channels } = world({
      channelsBytesMax: 4 * eventBytes,
      channelBytesMax: eventBytes * 3,
    });
    channels.allRestored();
    appendStored(channels, 'acme/a', 1);
    appendStored(channels, 'acme/b', 1);
    appendStored(channels, 'acme/b', 2);
    appendStored(channels, 'acme/a', 2);
    expect(channels.bytes).toBe(4 * eventBytes);
    appendStored(channels, 'acme/c', 1);
    expect(channels.bytes).toBe(3 * eventBytes);
    const recovered = (topic: string): number | undefined => {
      let length: number | undefined;
      channels.open(topic, (channel) => {
        length = channel?.recover(0)?.length;
      });
      return length;
    };
    expect([recovered('acme/a'), recovered('acme/b'), recovered('acme/c')]).toEqual([
      2,
      undefined,
      1,
    ]);
    expect(channels.append('acme/b', newEvent(3))?.event.offset).toBe(3);
  });

  it('are counted as those of all windows, whatever happens', () => {
    const { channels } = world({
      channelsMax: 3,
      channelEventsMax: 4,
      channelsBytesMax: 9 * eventBytes,
      channelBytesMax: 5 * eventBytes,
    });
    channels.allRestored();
    for (let number = 1; number <= 9; number++) appendStored(channels, 'acme/a', number);
    expect(channels.bytes).toBe(4 * eventBytes);
    for (const topic of ['acme/b', 'acme/c', 'acme/d']) appendStored(channels, topic, 1);
    expect(channels.bytes).toBe(3 * eventBytes);
    channels.restoreOffset('acme/d', 9);
    expect(channels.bytes).toBe(2 * eventBytes);
  });
});
