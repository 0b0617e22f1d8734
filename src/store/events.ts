/**
 * The events of event topics, in the `events` table, and the epoch that names the life of their offsets.
 * Invariant: an event that is saved stands at its offset, saved once or again; what is read to recover from
 * is every event after an offset, or nothing. Whoever cannot be shown to have missed nothing has.
 * Bound: `eventsPageRowsMax` rows a statement; readers say how many they take.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';

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
}

interface EventRow {
  readonly topic: string;
  readonly offset: number;
  readonly id: string;
  readonly event: string;
  readonly data: string;
  readonly timeMs: number;
}

/**
 * Saves those that are not there yet, and how many these were. An id that the topic has at another offset
 * is saved as a repeat: its offset is taken, and a gap would end recovery there. Throws with SQLSTATE 23505
 * where the other one was saved at the same moment: the same call again succeeds.
 */
export async function saveEvents(
  sql: ISql,
  events: readonly TopicEvent[],
  pageRows: number = limits.eventsPageRowsMax,
): Promise<number> {
  let saved = 0;
  for (let start = 0; start < events.length; start += pageRows) {
    saved += await savePage(sql, events.slice(start, start + pageRows));
  }
  return saved;
}

async function savePage(sql: ISql, page: readonly TopicEvent[]): Promise<number> {
  // In the order of the key: two writers of the same events cannot lock each other out.
  const { count } = await sql`
    insert into events (topic, position, event_id, is_repeat, event, data, time)
    select
      topic, position, event_id,
      row_number() over (partition by topic, event_id order by position) > 1 or exists (
        select 1 from events as known
        where known.topic = arrived.topic and known.event_id = arrived.event_id
          and known.position <> arrived.position and not known.is_repeat
      ),
      event, data::jsonb, timestamptz 'epoch' + time_ms * interval '1 millisecond'
    from unnest(
      ${page.map(({ topic }) => topic)}::text[],
      ${page.map(({ offset }) => offset)}::bigint[],
      ${page.map(({ id }) => id)}::text[],
      ${page.map(({ event }) => event)}::text[],
      ${page.map(({ data }) => JSON.stringify(data))}::text[],
      ${page.map(({ timeMs }) => timeMs)}::double precision[]
    ) as arrived (topic, position, event_id, event, data, time_ms)
    order by topic, position
    on conflict (topic, position) do nothing`;
  return count;
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

/** The epoch of this database, made at the first call. An offset means something within its epoch only. */
export async function loadEpoch(sql: ISql): Promise<string> {
  await sql`
    insert into engine_state (key, value) values ('epoch', gen_random_uuid()::text)
    on conflict (key) do nothing`;
  const [row] = await sql<{ epoch: string }[]>`
    select value as epoch from engine_state where key = 'epoch'`;
  return epochOf(row);
}

/** Begins another epoch: for when events that subscribers may have seen are lost, with their offsets. */
export async function renewEpoch(sql: ISql): Promise<string> {
  const [row] = await sql<{ epoch: string }[]>`
    insert into engine_state (key, value) values ('epoch', gen_random_uuid()::text)
    on conflict (key) do update set value = excluded.value
    returning value as epoch`;
  return epochOf(row);
}

function epochOf(row: { readonly epoch: string } | undefined): string {
  if (row === undefined) throw new Error('engine_state has no epoch');
  return row.epoch;
}

const columns = (sql: ISql) => sql`
  topic, position::double precision as offset, event_id as id, event, data::text,
  (extract(epoch from time) * 1000)::double precision as "timeMs"`;

function eventOf({ topic, offset, id, event, data, timeMs }: EventRow): TopicEvent {
  return { topic, offset, id, event, data: JSON.parse(data) as Plain, timeMs };
}
