/**
 * What the fixes of vehicles have told, read by page: of one vehicle, of one geofence, or of all of a tenant.
 * Invariant: in the order of time, each event once; a page goes on behind the last event of the page before.
 * Bound: the caller's rows a page. Each of the three has an index with this order; what else is asked for is looked at
 * in passing.
 */
import type { ISql } from 'postgres';
import { defaultTenant } from '../identity.ts';
import type { PlainMap } from '../wire/types.ts';
import type { VehicleFilter } from './caselog.ts';
import type { StoredVehicleEvent } from './vehicleevents.ts';

export interface VehicleEventFilter {
  readonly tenant: string;
  /** Of this vehicle; null for all. */
  readonly key: string | null;
  /** Of these vehicles, by their keys; null for all. */
  readonly seen: VehicleFilter | null;
  readonly kind: string | null;
  readonly geofence: string | null;
  readonly fromMs: number;
  /** The first moment behind the range. */
  readonly toMs: number;
}

/** Where a page ended. */
export type VehicleEventPlace = Pick<StoredVehicleEvent, 'timeMs' | 'key' | 'kind' | 'subject'>;

interface EventRow extends Omit<StoredVehicleEvent, 'data' | 'latE7' | 'lonE7'> {
  readonly data: string;
  readonly latitude: number;
  readonly longitude: number;
}

export async function readVehicleEvents(
  sql: ISql,
  filter: VehicleEventFilter,
  after: VehicleEventPlace | null,
  rows: number,
): Promise<readonly StoredVehicleEvent[]> {
  const { key, seen, kind, geofence, fromMs, toMs } = filter;
  const sinceMs = Math.max(fromMs, after?.timeMs ?? fromMs);
  const found = await sql<EventRow[]>`
    select
      vehicle_id as key, (extract(epoch from time) * 1000)::double precision as "timeMs",
      kind, subject, latitude, longitude, is_late as "isLate", data::text as data,
      (extract(epoch from told_at) * 1000)::double precision as "toldMs"
    from vehicle_events
    where time >= ${new Date(sinceMs)} and time < ${new Date(toMs)}
      and ${key === null ? isOfTenant(sql, filter.tenant) : sql`vehicle_id = ${key}`}
      ${seen === null ? sql`` : sql`and ${isSeen(sql, seen)}`}
      ${kind === null ? sql`` : sql`and kind = ${kind}`}
      ${geofence === null ? sql`` : sql`and subject = ${geofence} and subject <> ''`}
      ${after === null ? sql`` : sql`and ${isBehind(sql, after)}`}
    order by time, vehicle_id, kind, subject
    limit ${rows}`;
  return found.map(eventOf);
}

function isOfTenant(sql: ISql, tenant: string) {
  if (tenant === defaultTenant) return sql`strpos(vehicle_id, '/') = 0`;
  return sql`starts_with(vehicle_id, ${`${tenant}/`})`;
}

function isSeen(sql: ISql, { ids, prefixes }: VehicleFilter) {
  return sql`(
    vehicle_id = any(${ids}::text[])
    or exists (select from unnest(${prefixes}::text[]) as prefix where starts_with(vehicle_id, prefix))
  )`;
}

function isBehind(sql: ISql, { timeMs, key, kind, subject }: VehicleEventPlace) {
  return sql`
    (time, vehicle_id, kind, subject) > (${new Date(timeMs)}, ${key}, ${kind}, ${subject})`;
}

function eventOf({ latitude, longitude, data, ...row }: EventRow): StoredVehicleEvent {
  return {
    ...row,
    latE7: Math.round(latitude * 1e7),
    lonE7: Math.round(longitude * 1e7),
    data: JSON.parse(data) as PlainMap,
  };
}
