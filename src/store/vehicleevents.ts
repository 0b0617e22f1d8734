/**
 * The `vehicle_events` table: what a vehicle's fixes have told beside trips.
 * Invariant: an event is known by vehicle, time, kind and subject; saved again it is as it was saved last.
 * Bound: the caller's events a statement.
 */
import type { ISql } from 'postgres';
import type { PlainMap } from '../wire/types.ts';

export interface StoredVehicleEvent {
  readonly key: string;
  readonly timeMs: number;
  readonly kind: string;
  readonly subject: string;
  readonly latE7: number;
  readonly lonE7: number;
  readonly isLate: boolean;
  readonly data: PlainMap;
  /** The time of the fix or the status that told it. */
  readonly toldMs: number;
}

/** The newest of those that are the same event. */
export function distinctEvents(
  events: readonly StoredVehicleEvent[],
): readonly StoredVehicleEvent[] {
  const byIdentity = new Map<string, StoredVehicleEvent>();
  for (const event of events) {
    const { key, timeMs, kind, subject } = event;
    byIdentity.set(`${key} ${timeMs} ${kind} ${subject}`, event);
  }
  return [...byIdentity.values()];
}

export async function saveVehicleEvents(
  sql: ISql,
  events: readonly StoredVehicleEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await sql`
    insert into vehicle_events (
      vehicle_id, time, kind, subject, latitude, longitude, is_late, data, told_at
    )
    select vehicle_id, time, kind, subject, latitude, longitude, is_late, data, told_at
    from (${eventRows(sql, distinctEvents(events))}) as told
    order by vehicle_id, time, kind, subject
    ${onKnownEvent(sql)}`;
}

export const onKnownEvent = (sql: ISql) => sql`
  on conflict (vehicle_id, time, kind, subject) do update set
    latitude = excluded.latitude,
    longitude = excluded.longitude,
    is_late = excluded.is_late,
    data = excluded.data,
    told_at = excluded.told_at`;

/** The events as a query with the columns of the table; each may be there only once. */
export const eventRows = (sql: ISql, events: readonly StoredVehicleEvent[]) => sql`
  select
    vehicle_id,
    timestamptz 'epoch' + time_ms * interval '1 millisecond' as time,
    kind, subject, latitude, longitude, is_late = 1 as is_late, data::jsonb as data,
    timestamptz 'epoch' + told_ms * interval '1 millisecond' as told_at
  from unnest(
    ${events.map(({ key }) => key)}::text[],
    ${events.map(({ timeMs }) => timeMs)}::double precision[],
    ${events.map(({ kind }) => kind)}::text[],
    ${events.map(({ subject }) => subject)}::text[],
    ${events.map(({ latE7 }) => latE7 / 1e7)}::double precision[],
    ${events.map(({ lonE7 }) => lonE7 / 1e7)}::double precision[],
    ${events.map(({ isLate }) => Number(isLate))}::integer[],
    ${events.map(({ data }) => JSON.stringify(data))}::text[],
    ${events.map(({ toldMs }) => toldMs)}::double precision[]
  ) as event (
    vehicle_id, time_ms, kind, subject, latitude, longitude, is_late, data, told_ms
  )`;
