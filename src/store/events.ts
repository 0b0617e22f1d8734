/**
 * The events of event topics, in the `events` table, and which subjects are open, in `open_events`.
 * Invariant: an event that is saved stands at its offset, saved once or again; what is open follows from the
 * events of a subject whatever the order they were saved in; what is read to recover from is every event
 * after an offset, or nothing. Whoever cannot be shown to have missed nothing has.
 * What they say of trips, emergencies, notifications and commands goes into the tables of these with them.
 * Bound: `eventsPageRowsMax` rows a statement; readers say how many they take.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';
import { projectionParts } from './projections.ts';

/** Something that happened, at its place in its topic. */
export interface TopicEvent {
  /** `<tenant>/<topic text>`. */
  readonly topic: string;
  /** From 1, one more for each event of the topic. */
  readonly offset: number;
  /** Whoever tells of the same thing again uses the same id. */
  readonly id: string;
  readonly event: string;
  readonly data: Plain;
  readonly timeMs: number;
  /** What it is about, within its topic, where that is something that opens and closes. */
  readonly subject: string | null;
  /** After this the subject is open, until another event says otherwise. */
  readonly isOpen: boolean;
}

export type EventPlace = Pick<TopicEvent, 'topic' | 'offset'>;

/** What is open in a topic at one offset. */
export interface OpenEvents {
  /** Of the last event of the topic that this takes into account. */
  readonly offset: number;
  /** How many subjects are open. */
  readonly total: number;
  /** The newest event of each, in order; where these are fewer than `total`, the newest of them. */
  readonly events: readonly TopicEvent[];
}

export interface SavedEvents {
  /** How many were not there yet. */
  readonly saved: number;
  /** Those, of all that were given, that repeat the id of another. */
  readonly repeats: readonly EventPlace[];
}

interface EventRow {
  readonly topic: string;
  readonly offset: number;
  readonly id: string;
  readonly event: string;
  readonly data: string;
  readonly timeMs: number;
  readonly subject: string | null;
  readonly isOpen: boolean;
}

/**
 * Saves those that are not there yet. An id that the topic has at another offset is saved as a repeat: its
 * offset is taken, and a gap would end recovery there. Throws with SQLSTATE 23505 where the other one was
 * saved at the same moment: the same call again succeeds.
 */
export async function saveEvents(
  sql: ISql,
  events: readonly TopicEvent[],
  pageRows: number = limits.eventsPageRowsMax,
): Promise<SavedEvents> {
  let saved = 0;
  const repeats: EventPlace[] = [];
  for (let start = 0; start < events.length; start += pageRows) {
    const page = await savePage(sql, events.slice(start, start + pageRows));
    saved += page.saved;
    repeats.push(...page.repeats);
  }
  return { saved, repeats };
}

// What is open is moved on by the rows that are new, and by none that a later row of its subject has overtaken:
// an event that comes again cannot open again what was closed since. The scalar queries look at the index once
// for each row, where a join would be free to read the whole of `events`.
async function savePage(sql: ISql, page: readonly TopicEvent[]): Promise<SavedEvents> {
  // In the order of the key: two writers of the same events cannot lock each other out.
  const [answer] = await sql<{ saved: number; repeats: string }[]>`
    with arrived as (
      select * from unnest(
        ${page.map(({ topic }) => topic)}::text[],
        ${page.map(({ offset }) => offset)}::bigint[],
        ${page.map(({ id }) => id)}::text[],
        ${page.map(({ event }) => event)}::text[],
        ${page.map(({ data }) => JSON.stringify(data))}::text[],
        ${page.map(({ timeMs }) => timeMs)}::double precision[],
        ${page.map(({ subject }) => subject)}::text[],
        ${page.map(({ isOpen }) => Number(isOpen))}::integer[]
      ) as arrived (topic, position, event_id, event, data, time_ms, subject, is_open)
    ),
    inserted as (
      insert into events (topic, position, event_id, is_repeat, event, data, time, subject, is_open)
      select
        topic, position, event_id,
        rank() over (partition by topic, event_id order by position) > 1 or exists (
          select 1 from events as known
          where known.topic = arrived.topic and known.event_id = arrived.event_id
            and known.position <> arrived.position and not known.is_repeat
        ),
        event, data::jsonb, timestamptz 'epoch' + time_ms * interval '1 millisecond',
        subject, is_open = 1
      from arrived
      order by topic, position
      on conflict (topic, position) do nothing
      returning topic, position, is_repeat, subject, is_open, data
    ),
    moved as (
      select distinct on (topic, subject) topic, subject, position, is_open
      from inserted
      where subject is not null and not is_repeat and position > coalesce((
        select max(known.position) from events as known
        where known.topic = inserted.topic and known.subject = inserted.subject
          and not known.is_repeat
      ), 0)
      order by topic, subject, position desc
    ),
    closed as (
      delete from open_events using moved
      where open_events.topic = moved.topic and open_events.subject = moved.subject
        and not moved.is_open
    ),
    opened as (
      insert into open_events (topic, subject, position)
      select topic, subject, position from moved where is_open
      on conflict (topic, subject) do update set position = excluded.position
    ),
    repeated as (
      select topic, position from inserted where is_repeat
      union
      select known.topic, known.position
      from arrived cross join lateral (
        select topic, position from events
        where events.topic = arrived.topic and events.position = arrived.position and is_repeat
        limit 1
      ) as known
    )
    ${projectionParts(sql, page)}
    select
      (select count(*)::integer from inserted) as saved,
      (
        select coalesce(json_agg(json_build_object('topic', topic, 'offset', position)), '[]')::text
        from repeated
      ) as repeats`;
  if (answer === undefined) throw new Error('a save of events answered nothing');
  return { saved: answer.saved, repeats: JSON.parse(answer.repeats) as EventPlace[] };
}

/**
 * Visits the topics with their last offsets, in the order of their names, at most `topicsMax` of them; true
 * where these were all. Looks at the index twice for each topic, however many events it has.
 */
export async function lastOffsets(
  sql: ISql,
  visit: (topic: string, offset: number) => void,
  topicsMax: number = limits.channelsMax,
  pageRows: number = limits.eventsPageRowsMax,
): Promise<boolean> {
  let after = '';
  for (let visited = 0; ;) {
    // One more than may be visited tells whether there is more.
    const rows = Math.min(pageRows, topicsMax - visited + 1);
    const page = await sql<{ topic: string; offset: number }[]>`
      with recursive known (topic) as (
        (select topic from events where topic > ${after} order by topic limit 1)
        union all
        select (select topic from events where topic > known.topic order by topic limit 1)
        from known where known.topic is not null
      )
      select
        topic,
        (select max(position) from events where events.topic = known.topic)::double precision
          as offset
      from known
      where topic is not null
      limit ${rows}`;
    for (const { topic, offset } of page.slice(0, topicsMax - visited)) visit(topic, offset);
    visited += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < rows) return true;
    if (visited > topicsMax) return false;
    after = last.topic;
  }
}

/** The last events of the topic, at most `max`, in their order. */
export async function lastEvents(
  sql: ISql,
  topic: string,
  max: number,
): Promise<readonly TopicEvent[]> {
  const rows = await sql<EventRow[]>`
    select ${columns(sql)}
    from events
    where topic = ${topic}
    order by position desc
    limit ${max}`;
  return rows.map(eventOf).toReversed();
}

/**
 * What is open in the topic, at most the newest `max`, and at which offset: one statement, hence one moment.
 */
export async function readOpen(sql: ISql, topic: string, max: number): Promise<OpenEvents> {
  const rows = await sql<(EventRow & { lastOffset: number; total: number })[]>`
    with place as (
      select
        (select coalesce(max(position), 0) from events where topic = ${topic})::double precision
          as "lastOffset",
        (select count(*) from open_events where topic = ${topic})::integer as total
    ),
    newest as (
      select position as at from open_events where topic = ${topic} order by position desc limit ${max}
    ),
    found as (
      select event.*
      from newest cross join lateral (
        select ${columns(sql)} from events where topic = ${topic} and position = newest.at limit 1
      ) as event
    )
    select * from place left join found on true
    order by "offset"`;
  const [first] = rows;
  if (first === undefined) throw new Error('a read of what is open answered nothing');
  const { lastOffset, total } = first;
  // Where nothing is open, the one row has the place only.
  const isThere = (row: { readonly topic: string | null }): boolean => row.topic !== null;
  return { offset: lastOffset, total, events: rows.filter(isThere).map(eventOf) };
}

/**
 * Every stored event of the topic after `offset`, in order. Null where there are more than `max`, where one
 * is missing among them, or where the topic has no event at `offset` that they could follow.
 */
export async function eventsAfter(
  sql: ISql,
  topic: string,
  offset: number,
  max: number,
): Promise<readonly TopicEvent[] | null> {
  const rows = await sql<EventRow[]>`
    select ${columns(sql)}
    from events
    where topic = ${topic} and position >= ${offset}
    order by position
    limit ${max + 2}`;
  const first = Math.max(offset, 1);
  if (rows.some((row, index) => row.offset !== first + index)) return null;
  if (offset > 0 && rows.length === 0) return null;
  const events = rows.slice(offset > 0 ? 1 : 0).map(eventOf);
  return events.length > max ? null : events;
}

/**
 * The newest events of all topics, saved within `ageMaxMs`, at most `max`; of each topic in order. What they
 * leave out is older, or was saved at the same moment as the oldest of them.
 */
export async function recentEvents(
  sql: ISql,
  ageMaxMs: number,
  max: number,
): Promise<readonly TopicEvent[]> {
  const rows = await sql<EventRow[]>`
    select ${columns(sql)}
    from (
      select * from events
      where recorded_at > now() - ${ageMaxMs}::double precision * interval '1 millisecond'
      order by recorded_at desc
      limit ${max}
    ) as recent
    order by topic, position`;
  return rows.map(eventOf);
}

const columns = (sql: ISql) => sql`
  topic, position::double precision as offset, event_id as id, event, data::text,
  (extract(epoch from time) * 1000)::double precision as "timeMs",
  subject, is_open as "isOpen"`;

function eventOf(row: EventRow): TopicEvent {
  const { topic, offset, id, event, data, timeMs, subject, isOpen } = row;
  return { topic, offset, id, event, data: JSON.parse(data) as Plain, timeMs, subject, isOpen };
}
