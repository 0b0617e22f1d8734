/**
 * Rows that are older than they are kept: which tables have such, and how they are dropped.
 * Invariant: the newest event of a topic stays, for it says which offset comes next, and the newest of each subject
 * that is open. What is removed before them leaves a gap, so that nobody recovers over it (`eventsAfter`). What is
 * open, or has not ended, stays whatever its age; `dead_letters` stay for ever. Of the states of a vehicle the newest
 * of the old ones stays: whatever comes late from within the age is folded from there.
 * Bound: `retentionPageRowsMax` rows a statement, each a transaction of its own, and `retentionRoundRowsMax` of a
 * table in one round: nobody waits long, and a round may be cut off anywhere.
 */
import type { ISql } from 'postgres';
import type { Limits } from '../limits.ts';
import type { RetentionAges } from '../retention.ts';

export type RetentionBounds = Pick<Limits, 'retentionPageRowsMax' | 'retentionRoundRowsMax'>;

export interface Round {
  readonly sql: ISql;
  readonly nowMs: number;
  /** So many more are dropped, for good. */
  readonly onDropped: (count: number) => void;
  readonly isStopped: () => boolean;
}

/** One table, of which rows are dropped. */
export interface Sweep {
  readonly table: string;
  run(round: Round): Promise<void>;
}

/** What one statement did. */
interface Page {
  readonly looked: number;
  readonly dropped: number;
}

type DropPage = (sql: ISql, beforeMs: number, rows: number) => Promise<Page>;

/** Rows whose age is that of one column, which has an index. */
interface Rule {
  readonly table: string;
  readonly column: string;
  /** Only these; the predicate of the index. */
  readonly only?: string;
}

const eventRules: readonly Rule[] = [
  { table: 'trips', column: 'updated_at', only: 'not is_open' },
  { table: 'emergencies', column: 'updated_at', only: 'not is_open' },
  { table: 'notifications', column: 'updated_at', only: 'not is_open' },
  { table: 'commands', column: 'updated_at', only: 'not is_open' },
];
const sessionRule: Rule = {
  table: 'sessions',
  column: 'ended_at',
  only: 'ended_at is not null',
};
const statusRule: Rule = { table: 'statuses', column: 'time' };
const vehicleEventRule: Rule = { table: 'vehicle_events', column: 'time' };
const revocationRule: Rule = { table: 'revocations', column: 'expires_at' };

/** A token is accepted some seconds after its end (`clockToleranceS`), and clocks of nodes differ. */
const revocationAgeMs = 86_400_000;

export function createSweeps(ages: RetentionAges, bounds: RetentionBounds): readonly Sweep[] {
  const sweep = (table: string, ageMs: number, drop: DropPage): Sweep => ({
    table,
    run: (round) => dropPages(round, round.nowMs - ageMs, bounds, drop),
  });
  const byRule = (rule: Rule, ageMs: number): Sweep =>
    sweep(rule.table, ageMs, (sql, beforeMs, rows) => dropRows(sql, rule, beforeMs, rows));
  const { eventsMs, vehicleEventsMs, vehicleStatesMs, statusesMs, sessionsMs } = ages;
  return [
    ...(eventsMs > 0
      ? [
          sweep('events', eventsMs, createEventDropper()),
          ...eventRules.map((rule) => byRule(rule, eventsMs)),
        ]
      : []),
    ...(vehicleEventsMs > 0 ? [byRule(vehicleEventRule, vehicleEventsMs)] : []),
    ...(vehicleStatesMs > 0
      ? [sweep('vehicle_states', vehicleStatesMs, createStateDropper())]
      : []),
    ...(statusesMs > 0 ? [byRule(statusRule, statusesMs)] : []),
    ...(sessionsMs > 0 ? [byRule(sessionRule, sessionsMs)] : []),
    byRule(revocationRule, revocationAgeMs),
  ];
}

async function dropPages(
  { sql, onDropped, isStopped }: Round,
  beforeMs: number,
  { retentionPageRowsMax, retentionRoundRowsMax }: RetentionBounds,
  drop: DropPage,
): Promise<void> {
  for (let left = retentionRoundRowsMax; left > 0 && !isStopped();) {
    const rows = Math.min(left, retentionPageRowsMax);
    const { looked, dropped } = await drop(sql, beforeMs, rows);
    if (dropped > 0) onDropped(dropped);
    if (looked < rows) return;
    left -= looked;
  }
}

// A row that has changed since it was found is another version, in another place: it stays.
async function dropRows(
  sql: ISql,
  { table, column, only = 'true' }: Rule,
  beforeMs: number,
  rows: number,
): Promise<Page> {
  const { count } = await sql`
    delete from ${sql(table)} where ctid = any(array(
      select ctid from ${sql(table)}
      where ${sql(column)} < ${new Date(beforeMs)} and ${sql.unsafe(only)}
      order by ${sql(column)}
      limit ${rows}
    ))`;
  return { looked: count, dropped: count };
}

/** Where a page ended; the time as text, for a Date has no microseconds. */
interface EventPlace {
  readonly recordedAt: string;
  readonly topic: string;
  readonly position: string;
}

const beginning: EventPlace = { recordedAt: '-infinity', topic: '', position: '0' };

/**
 * Events that have to stay are passed by, a million trips have one each: so the next page, also that of the next
 * round, begins behind the last one, and at the beginning again when the end was reached.
 */
function createEventDropper(): DropPage {
  let after = beginning;
  return async (sql, beforeMs, rows) => {
    // The scalar queries look at the index once for each row, where a join would be free to read a whole table.
    // The embedded database has no statistics: a plain range with two ends would be taken for few rows, and sorted.
    const [page] = await sql<(Page & EventPlace)[]>`
      with due as materialized (
        select ctid as place, recorded_at, topic, position, subject from events
        where recorded_at < ${new Date(beforeMs)}
          and (recorded_at, topic, position) > (
            ${after.recordedAt}::text::timestamptz, ${after.topic}, ${after.position}::text::bigint
          )
        order by recorded_at, topic, position
        limit ${rows}
      ),
      dropped as (
        delete from events where ctid = any(array(
          select place from due
          where position < (select max(position) from events as later where later.topic = due.topic)
            and (
              select count(*) from open_events as open
              where open.topic = due.topic and open.subject = due.subject
                and open.position = due.position
            ) = 0
        ))
        returning topic
      )
      select
        (select count(*)::integer from due) as looked,
        (select count(*)::integer from dropped) as dropped,
        recorded_at::text as "recordedAt", topic, position::text as position
      from due
      order by due.recorded_at desc, due.topic desc, due.position desc
      limit 1`;
    after = page === undefined || page.looked < rows ? beginning : page;
    return page ?? { looked: 0, dropped: 0 };
  };
}

/** Where a page ended. */
interface StatePlace {
  readonly time: string;
  readonly vehicleId: string;
}

const firstState: StatePlace = { time: '-infinity', vehicleId: '' };

/** The newest of each vehicle are passed by like the events that have to stay. */
function createStateDropper(): DropPage {
  let after = firstState;
  return async (sql, beforeMs, rows) => {
    const [page] = await sql<(Page & StatePlace)[]>`
      with due as materialized (
        select ctid as place, time, vehicle_id from vehicle_states
        where time < ${new Date(beforeMs)}
          and (time, vehicle_id) > (${after.time}::text::timestamptz, ${after.vehicleId})
        order by time, vehicle_id
        limit ${rows}
      ),
      dropped as (
        delete from vehicle_states where ctid = any(array(
          select place from due
          where time < (
            select max(later.time) from vehicle_states as later
            where later.vehicle_id = due.vehicle_id and later.time < ${new Date(beforeMs)}
          )
        ))
        returning time
      )
      select
        (select count(*)::integer from due) as looked,
        (select count(*)::integer from dropped) as dropped,
        time::text as time, vehicle_id as "vehicleId"
      from due
      order by due.time desc, due.vehicle_id desc
      limit 1`;
    after = page === undefined || page.looked < rows ? firstState : page;
    return page ?? { looked: 0, dropped: 0 };
  };
}
