/**
 * Trips, emergencies, notifications and commands as they are now, from the tables of their newest states, the
 * newest first.
 * Invariant: a page goes on behind the last one of the page before, by when it began and its id.
 * Bound: the caller's rows a page.
 */
import type { ISql } from 'postgres';
import type { PlainMap } from '../wire/types.ts';

export type CaseTable = 'trips' | 'emergencies' | 'notifications' | 'commands';

/** Where a page ended. */
export interface CasePlace {
  readonly beganMs: number;
  readonly id: string;
}

export interface LoggedCase extends CasePlace {
  /** The state, as its newest event has it. */
  readonly state: PlainMap;
}

/** Ids, and what ids begin with. */
export interface VehicleFilter {
  readonly ids: readonly string[];
  readonly prefixes: readonly string[];
}

export interface CaseFilter {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Only those that are not over. */
  readonly isOpenOnly: boolean;
  /** The vehicle is in each of these. */
  readonly vehicles: readonly VehicleFilter[];
  /** Of notifications: the user. */
  readonly recipient: string | null;
}

const beganColumn: Readonly<Record<CaseTable, string>> = {
  trips: 'started_at',
  emergencies: 'raised_at',
  notifications: 'created_at',
  commands: 'created_at',
};

export async function readCases(
  sql: ISql,
  table: CaseTable,
  filter: CaseFilter,
  after: CasePlace | null,
  rows: number,
): Promise<readonly LoggedCase[]> {
  const { tenant, fromMs, toMs, isOpenOnly, recipient } = filter;
  const began = sql(beganColumn[table]);
  const behind = after ?? { beganMs: toMs, id: '' };
  const found = await sql<{ id: string; beganMs: number; state: string }[]>`
    select
      id, state::text as state,
      (extract(epoch from ${began}) * 1000)::double precision as "beganMs"
    from ${sql(table)}
    where tenant = ${tenant} and ${began} >= ${new Date(fromMs)} and ${began} < ${new Date(toMs)}
      and (${began}, id) < (${new Date(behind.beganMs)}, ${behind.id})
      ${isOpenOnly ? sql`and is_open` : sql``}
      ${recipient === null ? sql`` : sql`and recipient = ${recipient}`}
      ${isOneOfEach(sql, filter.vehicles)}
    order by ${began} desc, id desc
    limit ${rows}`;
  return found.map(({ id, beganMs, state }) => {
    return { id, beganMs, state: JSON.parse(state) as PlainMap };
  });
}

/** An empty list would be taken for a value. */
function isOneOfEach(sql: ISql, filters: readonly VehicleFilter[]) {
  return filters.length === 0 ? sql`` : filters.map((filter) => isOneOf(sql, filter));
}

function isOneOf(sql: ISql, { ids, prefixes }: VehicleFilter) {
  return sql`
    and (
      vehicle = any(${ids}::text[])
      or exists (select from unnest(${prefixes}::text[]) as prefix where starts_with(vehicle, prefix))
    )`;
}
