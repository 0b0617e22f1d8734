/**
 * The stored events of a topic, for whoever reads them page by page instead of living through them.
 * Invariant: in the order of their offsets; an event that repeats the id of another is left out, though its
 * offset is taken. What the journal holds and the database does not yet is not there.
 * Bound: the caller's rows a page.
 */
import type { ISql } from 'postgres';
import type { Plain } from '../wire/types.ts';

export interface LoggedEvent {
  readonly offset: number;
  readonly id: string;
  readonly event: string;
  readonly data: Plain;
  readonly timeMs: number;
  readonly subject: string | null;
  readonly isOpen: boolean;
}

/** The first `rows` events behind `offset`. */
export async function readEvents(
  sql: ISql,
  topic: string,
  offset: number,
  rows: number,
): Promise<readonly LoggedEvent[]> {
  const found = await sql<(Omit<LoggedEvent, 'data'> & { readonly data: string })[]>`
    select
      position::double precision as offset, event_id as id, event, data::text as data,
      (extract(epoch from time) * 1000)::double precision as "timeMs",
      subject, is_open as "isOpen"
    from events
    where topic = ${topic} and position > ${offset} and not is_repeat
    order by position
    limit ${rows}`;
  return found.map(({ offset, id, event, data, timeMs, subject, isOpen }) => {
    return { offset, id, event, data: JSON.parse(data) as Plain, timeMs, subject, isOpen };
  });
}

/** What the newest stored event of the topic is about; null where there is none, or it is about nothing. */
export async function newestSubject(sql: ISql, topic: string): Promise<string | null> {
  const [row] = await sql<{ subject: string | null }[]>`
    select subject from events where topic = ${topic} order by position desc limit 1`;
  return row?.subject ?? null;
}
