import { describe, expect, it } from 'vitest';
import type { Channels } from '../../src/live/channels.ts';
import type { NewEvent, TopicEvent } from '../../src/live/event.ts';
import type { OpenEvents } from '../../src/store/events.ts';
import { appendStored, createWorld as world, eventBytes } from './channelworld.ts';
import { closing, newEvent, opening, topicEvent } from './events.ts';

describe('what is open in a topic', () => {
  const topic = 'acme/emergency';
  const told = (channels: Channels): Promise<OpenEvents | null> =>
    new Promise((resolve) => {
      channels.snapshot(topic, resolve);
    });
  const show = (channels: Channels, input: NewEvent): TopicEvent => {
    const event = channels.append(topic, input)!.event;
    channels.show(event);
    return event;
  };
  const stored = (offset: number): TopicEvent =>
    topicEvent(offset, { subject: `s${offset}`, isOpen: true });

  it('is known without the database where the topic is whole in memory', async () => {
    const { channels, opens } = world();
    channels.allRestored();
    expect(await told(channels)).toEqual({ offset: 0, total: 0, events: [] });
    const [a, b] = [opening(1, 'a'), opening(2, 'b')].map((input) => show(channels, input));
    expect(await told(channels)).toEqual({ offset: 2, total: 2, events: [a, b] });
    show(channels, closing(3, 'a'));
    channels.append(topic, closing(4, 'b'));
    expect(await told(channels)).toEqual({ offset: 3, total: 1, events: [b] });
    expect(opens).toEqual([]);
  });

  it('is read once for all who wait, and goes on from there', async () => {
    const { channels, opens } = world();
    for (const offset of [7, 8, 9]) channels.restore(topicEvent(offset), true);
    const waiting = [told(channels), told(channels)];
    const tenth = show(channels, opening(10, 's5'));
    expect(opens.map((read) => read.topic)).toEqual([topic]);
    opens[0]?.answer({ offset: 9, total: 2, events: [stored(3), stored(5)] });
    const now = { offset: 10, total: 2, events: [stored(3), tenth] };
    expect(await Promise.all(waiting)).toEqual([now, now]);
    show(channels, closing(11, 's3'));
    expect(await told(channels)).toEqual({ offset: 11, total: 1, events: [tenth] });
    expect(opens).toHaveLength(1);
  });

  it('of a topic that was let go of meanwhile is told once the topic is read again', async () => {
    const { channels, reads, opens } = world({ channelsMax: 1 });
    for (const offset of [8, 9]) channels.restore(topicEvent(offset), true);
    channels.stored([topicEvent(9)]);
    const waiting = told(channels);
    channels.restoreOffset('acme/a', 3);
    opens[0]?.answer({ offset: 9, total: 1, events: [stored(5)] });
    await new Promise(setImmediate);
    reads[0]?.answer([topicEvent(9)]);
    expect(await waiting).toEqual({ offset: 9, total: 1, events: [stored(5)] });
  });

  it.each([
    ['the database is away', new Error('away')],
    ['the window does not reach back to what it has', { offset: 5, total: 0, events: [] }],
    ['it has what nobody was shown yet', { offset: 10, total: 0, events: [] }],
  ])('cannot be told where %s', async (_, found) => {
    const { channels, opens, counters } = world();
    for (const offset of [7, 8, 9]) channels.restore(topicEvent(offset), true);
    channels.append(topic, newEvent(10));
    const waiting = told(channels);
    opens[0]?.answer(found);
    expect(await waiting).toBeNull();
    expect(counters.channelsUnavailable).toBe(1);
  });

  it('is told once it is shown, where the database was ahead', async () => {
    const { channels, opens } = world();
    channels.restore(topicEvent(9), true);
    const { event } = channels.append(topic, opening(10, 'a'))!;
    const waiting = told(channels);
    opens[0]?.answer({ offset: 10, total: 1, events: [event] });
    expect(await waiting).toBeNull();
    channels.show(event);
    expect(await told(channels)).toEqual({ offset: 10, total: 1, events: [event] });
  });

  it('is read again where an event turns out to repeat what only the database knew', async () => {
    const { channels, opens } = world();
    channels.restore(topicEvent(9), true);
    const repeat = show(channels, opening(1, 'a'));
    const waiting = told(channels);
    opens[0]?.answer({ offset: 9, total: 0, events: [] });
    expect(await waiting).toEqual({ offset: 10, total: 1, events: [repeat] });
    channels.stored([repeat], [repeat]);
    const again = told(channels);
    opens[1]?.answer({ offset: 10, total: 0, events: [] });
    expect(await again).toEqual({ offset: 10, total: 0, events: [] });
  });

  it('is read before, and leaves out, an event that was found to be a repeat meanwhile', async () => {
    const { channels, opens } = world();
    channels.restore(topicEvent(9), true);
    const waiting = told(channels);
    const repeat = show(channels, opening(1, 'a'));
    channels.stored([repeat], [repeat]);
    opens[0]?.answer({ offset: 9, total: 0, events: [] });
    expect(await waiting).toEqual({ offset: 10, total: 0, events: [] });
  });

  it('counts among the bytes, and gives way with the window', async () => {
    const { channels } = world({ channelsBytesMax: 6 * eventBytes });
    channels.allRestored();
    show(channels, opening(1, 'a'));
    const windowBytes = channels.bytes;
    await told(channels);
    expect(channels.bytes).toBe(2 * windowBytes);
    show(channels, closing(2, 'a'));
    for (const name of ['acme/a', 'acme/b', 'acme/c', 'acme/d', 'acme/e']) {
      appendStored(channels, name, 1);
    }
    expect(channels.bytes).toBe(5 * eventBytes);
  });

  it('lets only so many wait', async () => {
    const { channels, opens } = world({ channelsWaitingMax: 1 });
    channels.restore(topicEvent(9), true);
    const first = told(channels);
    expect(await told(channels)).toBeNull();
    opens[0]?.answer({ offset: 9, total: 0, events: [] });
    expect(await first).toMatchObject({ offset: 9 });
  });
});
