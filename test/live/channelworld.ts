/** Channels of a test's own, and the reads of the database that they wait for, which the test answers. */
import { createChannels, type Channels } from '../../src/live/channels.ts';
import { heldBytes, type TopicEvent } from '../../src/live/event.ts';
import { limits, type Limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { OpenEvents } from '../../src/store/events.ts';
import { newEvent, topicEvent } from './events.ts';

/** What the plainest event of a topic with a short name takes. */
export const eventBytes = heldBytes(topicEvent(1, { topic: 'acme/a' }));

export function createWorld(over: Partial<Limits> = {}) {
  const reads: { topic: string; answer(events: readonly TopicEvent[] | Error): void }[] = [];
  const opens: { topic: string; answer(found: OpenEvents | Error): void }[] = [];
  const errors: unknown[] = [];
  const metrics = createMetrics();
  const channels = createChannels({
    read: (topic) =>
      new Promise((resolve, reject) => {
        reads.push({
          topic,
          answer: (events) => (events instanceof Error ? reject(events) : resolve(events)),
        });
      }),
    readOpen: (topic) =>
      new Promise((resolve, reject) => {
        opens.push({
          topic,
          answer: (found) => (found instanceof Error ? reject(found) : resolve(found)),
        });
      }),
    onError: (error) => errors.push(error),
    metrics,
    bounds: { ...limits, ...over },
  });
  return { channels, reads, opens, errors, counters: metrics.counters };
}

/** An event that the journal and the database have. */
export function appendStored(channels: Channels, topic: string, number: number): TopicEvent {
  const appended = channels.append(topic, newEvent(number));
  if (appended === null) throw new Error(`${topic} is not in memory`);
  channels.show(appended.event);
  channels.stored([appended.event]);
  return appended.event;
}
