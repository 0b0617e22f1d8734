/**
 * The `vehicle_events` table: what a vehicle's fixes have told beside trips.
 * Invariant: an event is known by vehicle, time, kind and subject; saved again it is as it was saved last.
 * Bound: the caller's events a statement, `rows` read by one.
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
  /** The time of the fix that told it; null for a status without a place. */
  readonly toldMs: number | null;
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

/** Where a page ended. */
export interface VehicleEventPlace {
  readonly timeMs: number;
  readonly kind: string;
  readonly subject: string;
}

/** The first `rows` events from `fromMs` on and before `toMs`, behind `after`, in the order of their times. */
export async function readVehicleEvents(
  sql: ISql,
  { key, fromMs, toMs }: { readonly key: string; readonly fromMs: number; readonly toMs: number },
  after: VehicleEventPlace | null,
  rows: number,
): Promise<readonly StoredVehicleEvent[]> {
  const behind = after ?? { timeMs: fromMs - 1, kind: '', subject: '' };
  const found = await sql<
    (Omit<StoredVehicleEvent, 'data' | 'latE7' | 'lonE7'> & {
      readonly data: string;
      readonly latitude: number;
      readonly longitude: number;
    })[]
  >`
    select
      vehicle_id as key, (extract(epoch from time) * 1000)::double precision as "timeMs",
      kind, subject, latitude, longitude, is_late as "isLate", data::text as data,
      (extract(epoch from told_at) * 1000)::double precision as "toldMs"
    from vehicle_events
    where vehicle_id = ${key}
      and time >= ${new Date(fromMs)} and time < ${new Date(toMs)}
      and (time, kind, subject) > (${new Date(behind.timeMs)}, ${behind.kind}, ${behind.subject})
    order by time, kind, subject
    limit ${rows}`;
  return found.map(({ key, timeMs, kind, subject, isLate, toldMs, ...row }) => ({
    key,
    timeMs,
    kind,
    subject,
    latE7: Math.round(row.latitude * 1e7),
    lonE7: Math.round(row.longitude * 1e7),
    isLate,
    data: JSON.parse(row.data) as PlainMap,
    toldMs,
  }));
}
