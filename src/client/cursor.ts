/**
 * How far a program has got in the events of a topic, over all connections.
 * Invariant: within an epoch it moves on by one offset at a time, with the event that is handed over; it
 * jumps only where an answer could not be recovered, and says whether events may be missing then.
 */
import type { Plain } from '../wire/types.ts';
import type { SubscribeResult } from './answer.ts';

/** The last event that was handed over; offset 0 is before the first. */
export type Since = readonly [epoch: string, offset: number];

/** What an answer is to a cursor. */
export type Resumed =
  /** Its events are all that were missed, each still to be passed. */
  | 'recovered'
  /** The cursor has jumped to its offset, and there was nothing to miss. */
  | 'started'
  /** The cursor has jumped to its offset, over events that may be missing. */
  | 'missed'
  /** It says that it is recovered and is not: the cursor stays, and must not ask for recovery next time. */
  | 'contradicted';

export interface Cursor {
  /** `null` until the first answer, where it was not given at the start. */
  readonly since: Since | null;
  /** What the engine is asked to recover from. */
  readonly asks: Since | null;
  /** What an event with this offset is; only the next one moves the cursor. */
  pass(offset: number): 'next' | 'repeated' | 'skipped';
  /** Goes on where an answer says. */
  resume(result: SubscribeResult): Resumed;
}

export function createCursor(initial: Since | null): Cursor {
  let since = initial;
  let isDistrusted = false;

  function jump({ epoch, offset, wasRecovering }: SubscribeResult): Resumed {
    // A topic of positions has offset 0 for ever and recovers nothing.
    const hasEvents = wasRecovering || isDistrusted || offset > 0 || (since?.[1] ?? 0) > 0;
    const isMissing = since !== null && hasEvents;
    since = [epoch, offset];
    isDistrusted = false;
    return isMissing ? 'missed' : 'started';
  }

  return {
    get since() {
      return since;
    },
    get asks() {
      return isDistrusted ? null : since;
    },
    pass(offset) {
      if (since === null) return 'skipped';
      const [epoch, last] = since;
      if (offset <= last) return 'repeated';
      if (offset > last + 1) return 'skipped';
      since = [epoch, offset];
      return 'next';
    },
    resume(result) {
      if (!result.recovered || since === null || isDistrusted) return jump(result);
      if (isAllAfter(since, result)) return 'recovered';
      // Taken as it is, events would be missing that nobody is told of.
      isDistrusted = true;
      return 'contradicted';
    },
  };
}

/** What a program gives to start from, or `null` where it is none. */
export function readSince(value: Plain | undefined): Since | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  const [epoch, offset] = value as readonly Plain[];
  if (typeof epoch !== 'string' || !Number.isSafeInteger(offset) || Number(offset) < 0) return null;
  return [epoch, Number(offset)];
}

function isAllAfter(
  [epoch, last]: Since,
  { epoch: now, offset, events }: SubscribeResult,
): boolean {
  return (
    now === epoch &&
    offset === last + events.length &&
    events.every((event, index) => event.offset === last + 1 + index)
  );
}
