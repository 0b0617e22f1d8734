/** What is open, held to a fold of all events: exact where all fits, the newest ones where it does not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { heldBytes, type TopicEvent } from '../../src/live/event.ts';
import { createOpenState, type OpenState } from '../../src/live/openstate.ts';
import { closing, foldOpen, newEvent, opening, topicEvent } from './events.ts';

const nothing = { offset: 0, total: 0, events: [] };

type Happening = readonly [what: 'open' | 'close' | 'tell', subject: string];

function eventsOf(happenings: readonly Happening[]): readonly TopicEvent[] {
  return happenings.map(([what, subject], index) => {
    const offset = index + 1;
    const told = what === 'open' ? opening(offset, subject) : closing(offset, subject);
    return topicEvent(offset, what === 'tell' ? newEvent(offset) : told);
  });
}

function stateOf(events: readonly TopicEvent[], channelOpenMax: number): OpenState {
  const state = createOpenState(nothing, { ...limits, channelOpenMax });
  for (const event of events) state.take(event, false);
  return state;
}

const anyHappenings = fc.array(
  fc.tuple(fc.constantFrom('open', 'close', 'tell'), fc.constantFrom('a', 'b', 'c', 'd', 'e')),
  { maxLength: 40 },
) as fc.Arbitrary<readonly Happening[]>;

describe('what is open', () => {
  it('is the newest event of each subject that is not closed', () => {
    const events = eventsOf([
      ['open', 'a'],
      ['open', 'b'],
      ['tell', ''],
      ['open', 'c'],
      ['close', 'b'],
      ['open', 'a'],
      ['close', 'd'],
    ]);
    expect(stateOf(events, 9).tell()).toEqual({
      offset: 7,
      total: 2,
      events: [events[3], events[5]],
    });
  });

  it('is what a fold of all events says, where all fits', () => {
    fc.assert(
      fc.property(anyHappenings, (happenings) => {
        const events = eventsOf(happenings);
        const open = foldOpen(events);
        const state = stateOf(events, 5);
        expect(state.isGood).toBe(true);
        expect(state.tell()).toEqual({ offset: events.length, total: open.length, events: open });
        expect(state.bytes).toBe(open.reduce((sum, event) => sum + heldBytes(event), 0));
      }),
    );
  });

  it('is exact for the newest where not all fits, or says that it is not', () => {
    let good = 0;
    fc.assert(
      fc.property(anyHappenings, fc.integer({ min: 1, max: 4 }), (happenings, max) => {
        const events = eventsOf(happenings);
        const open = foldOpen(events);
        const state = stateOf(events, max);
        const told = state.tell();
        expect(told.events).toEqual(open.slice(open.length - told.events.length));
        expect(told.total).toBeGreaterThanOrEqual(told.events.length);
        if (!state.isGood) return;
        good += 1;
        expect(told).toMatchObject({ total: open.length, events: open.slice(-max) });
      }),
      { numRuns: 500 },
    );
    expect(good).toBeGreaterThan(100);
  });

  it('goes on from what was read, in one step as in many', () => {
    fc.assert(
      fc.property(anyHappenings, fc.nat(40), (happenings, at) => {
        const events = eventsOf(happenings);
        const before = stateOf(events.slice(0, at), 5).tell();
        const state = createOpenState(before, limits);
        for (const event of events.slice(at)) state.take(event, false);
        expect(state.tell()).toEqual(stateOf(events, 5).tell());
      }),
    );
  });

  it('is not changed by an event that only repeats another', () => {
    const state = createOpenState(nothing, limits);
    const [first, second] = eventsOf([
      ['close', 'a'],
      ['open', 'a'],
    ]) as [TopicEvent, TopicEvent];
    state.take(first, false);
    state.take(second, true);
    expect(state.tell()).toEqual({ offset: 2, total: 0, events: [] });
  });

  it('holds no more bytes than it may', () => {
    const events = eventsOf([
      ['open', 'a'],
      ['open', 'b'],
      ['open', 'c'],
    ]);
    const channelBytesMax = heldBytes(events[0]!) * 2;
    const state = createOpenState(nothing, { ...limits, channelBytesMax });
    for (const event of events) state.take(event, false);
    expect(state.tell()).toEqual({ offset: 3, total: 3, events: events.slice(1) });
    expect(state.bytes).toBe(channelBytesMax);
  });

  it('takes no event out of its order', () => {
    const state = stateOf(eventsOf([['open', 'a']]), 5);
    expect(() => state.take(topicEvent(3), false)).toThrow('3 does not follow 1');
    expect(() => state.take(topicEvent(1), false)).toThrow('1 does not follow 1');
  });
});
