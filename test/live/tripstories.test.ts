/** What is known of trips that are followed: from which event on, who is told of what, and how often it is read. */
import { describe, expect, it } from 'vitest';
import type { TopicEvent } from '../../src/live/event.ts';
import { createTripStories } from '../../src/live/tripstories.ts';
import type { Plain } from '../../src/wire/types.ts';
import { topicEvent } from './events.ts';

const channel = 'acme/trip:t';

function said(data: Plain, subject: string | null = 'bus'): TopicEvent {
  return topicEvent(1, { topic: channel, subject, data });
}

const running = said({ state: 'running', startMs: 5 });
const ended = said({ state: 'ended', startMs: 5 });

describe('the story of a trip', () => {
  it('calls its followers when the trip begins or ends, and at no other event', () => {
    const stories = createTripStories();
    const turns: (number | null)[] = [];
    const story = stories.follow(channel, () => turns.push(story.run?.sinceMs ?? null));
    for (const event of [ended, running, said('hello'), said({ state: 'paused' }), ended, ended])
      stories.tell(event);
    expect(turns).toEqual([5, null]);
    expect(story.vehicleId).toBe('bus');
  });

  it('begins with what was read, unless something was told meanwhile', () => {
    const stories = createTripStories();
    const story = stories.follow(channel, () => undefined);
    story.learn(running);
    expect(story.run).toEqual({ vehicleId: 'bus', sinceMs: 5 });
    stories.tell(ended);
    story.learn(running);
    expect(story.run).toBeNull();
  });

  it('reads an event once, however many follow', () => {
    const stories = createTripStories();
    let turns = 0;
    for (let index = 0; index < 10; index++) stories.follow(channel, () => (turns += 1));
    let reads = 0;
    stories.tell({
      ...running,
      get data() {
        reads += 1;
        return running.data;
      },
    });
    expect({ turns, reads }).toEqual({ turns: 10, reads: 1 });
  });

  it('is forgotten when nobody follows', () => {
    const stories = createTripStories();
    const turn = (): void => undefined;
    stories.follow(channel, turn);
    stories.tell(running);
    stories.leave(channel, turn);
    expect(stories.isFollowed(channel)).toBe(false);
    expect(stories.follow(channel, turn).run).toBeNull();
  });
});
