/**
 * The `statuses` table: what devices have said of their vehicles without a position.
 * Invariant: of a vehicle and a time there is one, that which was saved first; saved again it changes nothing.
 * Bound: the caller's rows a statement.
 */
import type { ISql } from 'postgres';
import type { PlainMap } from '../wire/types.ts';
import { statusFlags, type StoredStatus } from './status.ts';

/** How many were not there yet. */
export async function saveStatuses(sql: ISql, statuses: readonly StoredStatus[]): Promise<number> {
  const { count } = await sql`
    insert into statuses (vehicle_id, time, received_at, flags, attributes)
    select
      vehicle_id,
      timestamptz 'epoch' + time_ms * interval '1 millisecond',
      timestamptz 'epoch' + received_ms * interval '1 millisecond',
      flags, attributes::jsonb
    from unnest(
      ${statuses.map(({ key }) => key)}::text[],
      ${statuses.map(({ timeMs }) => timeMs)}::double precision[],
      ${statuses.map(({ receivedAtMs }) => receivedAtMs)}::double precision[],
      ${statuses.map(({ flags }) => flags)}::integer[],
      ${statuses.map(({ attributes }) => attributes)}::text[]
    ) with ordinality as told (vehicle_id, time_ms, received_ms, flags, attributes, place)
    order by vehicle_id, time_ms, place
    on conflict (vehicle_id, time) do nothing`;
  return count;
}

export interface LastStatus {
  readonly timeMs: number;
  readonly attributes: PlainMap;
}

/** The newest that is not from the future; null where there is none. */
export async function lastStatus(sql: ISql, key: string): Promise<LastStatus | null> {
  const [row] = await sql<{ timeMs: number; attributes: string }[]>`
    select
      (extract(epoch from time) * 1000)::double precision as "timeMs",
      attributes::text as attributes
    from statuses
    where vehicle_id = ${key} and flags & ${statusFlags.clockSkew}::integer = 0
    order by time desc
    limit 1`;
  if (row === undefined) return null;
  return { timeMs: row.timeMs, attributes: JSON.parse(row.attributes) as PlainMap };
}
