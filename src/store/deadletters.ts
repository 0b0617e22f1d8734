/**
 * Fixes, events and statuses that the database refused for their content, kept whole in `dead_letters` with the reason.
 * Invariant: a letter is stored once, however often it is written: an attempt may have succeeded unseen.
 * Bound: the reason is cut to `deadLetterReasonBytesMax` bytes.
 */
import type { ISql } from 'postgres';
import { messageOf } from '../errors.ts';
import type { TopicEvent } from './events.ts';
import { decodeRow } from './row.ts';
import { sqlstateOf } from './sqlstate.ts';
import type { StoredStatus } from './status.ts';

export interface DeadLetter {
  readonly kind: 'fix' | 'event' | 'status';
  readonly vehicleKey: string | null;
  readonly timeMs: number | null;
  readonly sqlstate: string;
  readonly reason: string;
  /** The tuple of a fix, the JSON of an event or a status. */
  readonly row: Buffer;
}

/** `error` is what the database answered to this one row. */
export function deadLetterOf(row: Buffer, error: unknown, reasonBytesMax: number): DeadLetter {
  const { vehicleKey, fix } = decodeRow(row, 0);
  return { kind: 'fix', vehicleKey, timeMs: fix.timeMs, row, ...answerOf(error, reasonBytesMax) };
}

/** The same for one event. */
export function deadEventOf(event: TopicEvent, error: unknown, reasonBytesMax: number): DeadLetter {
  const row = Buffer.from(JSON.stringify(event));
  return { kind: 'event', vehicleKey: null, timeMs: null, row, ...answerOf(error, reasonBytesMax) };
}

/** The same for one status: of its vehicle and time it says what it was, for these may be the poison. */
export function deadStatusOf(
  status: StoredStatus,
  error: unknown,
  reasonBytesMax: number,
): DeadLetter {
  const row = Buffer.from(JSON.stringify(status));
  const answer = answerOf(error, reasonBytesMax);
  return { kind: 'status', vehicleKey: null, timeMs: null, row, ...answer };
}

function answerOf(error: unknown, reasonBytesMax: number): Pick<DeadLetter, 'sqlstate' | 'reason'> {
  return {
    sqlstate: sqlstateOf(error) ?? 'XX000',
    reason: cut(messageOf(error), reasonBytesMax),
  };
}

/** The letter without what may be the very thing that cannot be stored. */
export function anonymous(letter: DeadLetter): DeadLetter {
  return { ...letter, vehicleKey: null, timeMs: null };
}

export async function saveDeadLetter(sql: ISql, letter: DeadLetter): Promise<void> {
  const { kind, vehicleKey, timeMs, sqlstate, reason, row } = letter;
  await sql`
    insert into dead_letters (kind, vehicle_id, time, sqlstate, reason, row)
    values (
      ${kind},
      ${vehicleKey},
      timestamptz 'epoch' + ${timeMs}::double precision * interval '1 millisecond',
      ${sqlstate}, ${reason}, ${row}
    )
    on conflict do nothing`;
}

// A character that the cut goes through is left out.
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return bytes.subarray(0, bytesMax).toString().replace(/�$/, '');
}
