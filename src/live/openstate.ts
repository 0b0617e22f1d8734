/**
 * What is open in an event topic: the newest event of each subject that is not closed.
 * Invariant: it is the state at one offset, and goes on event by event, without a gap. The events are the
 * newest ones, in the order of their offsets; where there are more, `total` says so.
 * Bound: `channelOpenMax` events and `channelBytesMax` bytes. Of older ones nothing is held, so while there are
 * any, an event about a subject that is not held can only be counted as what it most likely is: one that
 * opens as the first of its subject, one that closes as the last. What was guessed is told once, not kept.
 */
import type { Limits } from '../limits.ts';
import type { OpenEvents, TopicEvent } from '../store/events.ts';
import { heldBytes } from './event.ts';

export type OpenBounds = Pick<Limits, 'channelOpenMax' | 'channelBytesMax'>;

export interface OpenState {
  /** Of the last event that is in it. */
  readonly offset: number;
  readonly bytes: number;
  /** False where it has been guessed, or fewer are held than could be: it is read again for the next. */
  readonly isGood: boolean;
  /** The event at the next offset; one that only repeats another changes nothing. */
  take(event: TopicEvent, isRepeat: boolean): void;
  /** As it is now. */
  tell(): OpenEvents;
}

/** Goes on from what was open at `start.offset`. */
export function createOpenState(start: OpenEvents, bounds: OpenBounds): OpenState {
  /** By subject, in the order of their offsets. */
  const held = new Map<string, TopicEvent>();
  let { offset, total } = start;
  let bytes = 0;
  let hasOlder = start.events.length < total;
  let heldMost = 0;
  let isGuessed = false;
  for (const event of start.events) hold(event);
  trim();

  function hold(event: TopicEvent): void {
    held.set(subjectOf(event), event);
    bytes += heldBytes(event);
  }

  function letGo(event: TopicEvent): void {
    held.delete(subjectOf(event));
    bytes -= heldBytes(event);
  }

  function trim(): void {
    for (const oldest of held.values()) {
      if (held.size <= bounds.channelOpenMax && bytes <= bounds.channelBytesMax) break;
      letGo(oldest);
      hasOlder = true;
    }
    heldMost = Math.max(heldMost, held.size);
  }

  return {
    get offset() {
      return offset;
    },
    get bytes() {
      return bytes;
    },
    get isGood() {
      return !hasOlder || (!isGuessed && held.size === heldMost);
    },
    take(event, isRepeat) {
      if (event.offset !== offset + 1) {
        throw new Error(`${event.topic}: ${event.offset} does not follow ${offset}`);
      }
      ({ offset } = event);
      if (isRepeat || event.subject === null) return;
      const before = held.get(event.subject);
      if (before === undefined) isGuessed ||= hasOlder;
      else letGo(before);
      if (before !== undefined || (!event.isOpen && held.size < total)) total -= 1;
      if (!event.isOpen) return;
      total += 1;
      hold(event);
      trim();
    },
    tell: () => ({ offset, total, events: [...held.values()] }),
  };
}

function subjectOf({ topic, offset, subject }: TopicEvent): string {
  if (subject === null) throw new Error(`${topic}: ${offset} is open and about nothing`);
  return subject;
}
