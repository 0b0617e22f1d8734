/**
 * What the state machines of the fleet have in common: trips, emergencies, notifications, commands.
 * Invariant: `step` is pure, and the data of an event is the whole new state, so that the newest event of a subject
 * is its state. `revision` rises by one with each event: (id, revision) is what an event is known by.
 * Bound: a state with its log fits into one event; of the log the newest entries stay (`logEntriesMax`, `logBytesMax`).
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Plain, PlainMap } from '../wire/types.ts';
import { isCount, isText, isTime, listOf, matches, orNull, type Shape } from './shape.ts';

export interface CaseState extends PlainMap {
  readonly id: string;
  /** From 1. */
  readonly revision: number;
}

/** What comes of an input. `isRepeat`: it has been taken before, and nothing changes. */
export type Step<State> =
  | { readonly state: State; readonly event: string }
  | { readonly isRepeat: true }
  | { readonly refused: RefusalName };

export interface Machine<State extends CaseState, Input> {
  step(state: State | null, input: Input): Step<State>;
  /** Not closed: more may come. What is closed never opens again. */
  isOpen(state: State): boolean;
  /** Its newest event is among those that a subscriber of its topic begins with. */
  isListed(state: State): boolean;
  /** What its events are about. */
  subjectOf(state: State): string;
  /** The state in an event's data; null where that is something else. */
  read(data: Plain): State | null;
}

/** Who did what, and when, as they said. */
export interface LogEntry extends PlainMap {
  readonly event: string;
  readonly atMs: number;
  /** The `sub` of a token; null for the engine. */
  readonly by: string | null;
  readonly note: string | null;
}

export type LogBounds = Pick<Limits, 'logEntriesMax' | 'logBytesMax'>;

const entryShape: Shape<Pick<LogEntry, 'event' | 'atMs' | 'by' | 'note'>> = {
  event: isText,
  atMs: isTime,
  by: orNull(isText),
  note: orNull(isText),
};

export const isLog = listOf((entry) => matches(entry, entryShape));

export const caseShape = { id: isText, revision: isCount } as const;

/** The log with one more; the newest stays, whatever its size. */
export function logged(
  log: readonly LogEntry[],
  entry: LogEntry,
  bounds: LogBounds,
): readonly LogEntry[] {
  const kept = [...log, entry].slice(-bounds.logEntriesMax);
  let bytes = 0;
  const first = kept.findLastIndex((one) => {
    bytes += Buffer.byteLength(JSON.stringify(one));
    return bytes > bounds.logBytesMax;
  });
  return kept.slice(Math.min(first + 1, kept.length - 1));
}

/** True where the log has the same already: it was sent again. */
export function isLogged(log: readonly LogEntry[], entry: LogEntry): boolean {
  return log.some(
    ({ event, atMs, by, note }) =>
      event === entry.event && atMs === entry.atMs && by === entry.by && note === entry.note,
  );
}
