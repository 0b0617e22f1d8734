/**
 * The `geofences` table: every version of every geofence.
 * Invariant: the versions of a fence follow each other without overlap, and at most one has no end; the same save or
 * removal done again changes nothing.
 * Bound: `geofencesPageRowsMax` rows a statement; whoever saves has counted and checked them.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';

export interface StoredGeofence {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  /** JSON text, as `attributes` is. */
  readonly geojson: string;
  readonly speedMaxCms: number | null;
  readonly dwellMs: number | null;
  readonly notify: readonly string[];
  readonly attributes: string | null;
  /** Names the version. */
  readonly validFromMs: number;
  readonly validToMs: number | null;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly updatedAtMs: number;
  readonly updatedBy: string;
}

type GeofenceRow = Omit<StoredGeofence, 'notify' | 'speedMaxCms'> & {
  readonly notify: string;
  readonly speedMax: number | null;
};

/**
 * Saves a version, new or changed; `validToMs` is not looked at, for it ends where the next begins or the fence is
 * removed. False where it has ended already, so that nothing of it counts now.
 */
export async function saveGeofence(sql: ISql, geofence: StoredGeofence): Promise<boolean> {
  const { tenant, id, speedMaxCms } = geofence;
  const validFrom = time(sql, geofence.validFromMs);
  // The version that it falls into is ended first, for only one has no end: the new row waits for the count of it.
  const [saved] = await sql<{ isCurrent: boolean }[]>`
    with ended as (
      update geofences set valid_to = ${validFrom}
      where tenant = ${tenant} and id = ${id} and valid_from < ${validFrom}
        and (valid_to is null or valid_to > ${validFrom})
      returning id
    )
    insert into geofences (
      tenant, id, valid_from, valid_to, name, geojson, speed_max, dwell, notify, attributes,
      created_at, created_by, updated_at, updated_by
    )
    select
      ${tenant}, ${id}, ${validFrom},
      (
        select min(case when valid_from < ${validFrom} then valid_to else valid_from end)
        from geofences
        where tenant = ${tenant} and id = ${id}
          and (valid_from > ${validFrom} or valid_to > ${validFrom})
      ),
      ${geofence.name}, ${geofence.geojson}::text::jsonb,
      ${speedMaxCms === null ? null : speedMaxCms / 100}::real,
      ${geofence.dwellMs}::double precision * interval '1 millisecond',
      ${JSON.stringify(geofence.notify)}::text::jsonb, ${geofence.attributes}::text::jsonb,
      ${time(sql, geofence.createdAtMs)}, ${geofence.createdBy},
      ${time(sql, geofence.updatedAtMs)}, ${geofence.updatedBy}
    from (select count(*) from ended) as counted
    on conflict (tenant, id, valid_from) do update set
      name = excluded.name,
      geojson = excluded.geojson,
      speed_max = excluded.speed_max,
      dwell = excluded.dwell,
      notify = excluded.notify,
      attributes = excluded.attributes,
      updated_at = excluded.updated_at,
      updated_by = excluded.updated_by
    returning valid_to is null as "isCurrent"`;
  return saved?.isCurrent === true;
}

/** False where the fence is not there, or not any more. */
export async function removeGeofence(
  sql: ISql,
  tenant: string,
  id: string,
  removedAtMs: number,
  removedBy: string,
): Promise<boolean> {
  const removedAt = time(sql, removedAtMs);
  const removed = await sql`
    update geofences set
      valid_to = greatest(valid_from, ${removedAt}),
      updated_at = ${removedAt},
      updated_by = ${removedBy}
    where tenant = ${tenant} and id = ${id} and valid_to is null`;
  return removed.count > 0;
}

/** The version that counts now. */
export async function findGeofence(
  sql: ISql,
  tenant: string,
  id: string,
): Promise<StoredGeofence | null> {
  const [row] = await sql<GeofenceRow[]>`
    select ${columns(sql)} from geofences
    where tenant = ${tenant} and id = ${id} and valid_to is null`;
  return row === undefined ? null : geofenceOf(row);
}

/** Those of one tenant that count now, in the order of their ids, from behind `afterId` on. */
export async function listGeofences(
  sql: ISql,
  tenant: string,
  afterId: string,
  rows: number,
): Promise<readonly StoredGeofence[]> {
  const page = await sql<GeofenceRow[]>`
    select ${columns(sql)} from geofences
    where tenant = ${tenant} and id > ${afterId} and valid_to is null
    order by id
    limit ${Math.min(rows, limits.geofencesPageRowsMax)}`;
  return page.map(geofenceOf);
}

/**
 * Visits the versions that count now, and with `sinceMs` also those that counted at that time or later, in the
 * order of tenant, id and time; how many there were.
 */
export async function loadGeofences(
  sql: ISql,
  sinceMs: number | null,
  visit: (geofence: StoredGeofence) => void,
  pageRows: number = limits.geofencesPageRowsMax,
): Promise<number> {
  let loaded = 0;
  let last = { tenant: '', id: '', validFromMs: 0 };
  for (;;) {
    const page = await sql<GeofenceRow[]>`
      select ${columns(sql)} from geofences
      where (tenant, id, valid_from) > (${last.tenant}, ${last.id}, ${time(sql, last.validFromMs)})
        and (valid_to is null or valid_to > ${time(sql, sinceMs)})
      order by tenant, id, valid_from
      limit ${pageRows}`;
    for (const row of page) visit(geofenceOf(row));
    loaded += page.length;
    const end = page.at(-1);
    if (end === undefined || page.length < pageRows) return loaded;
    last = end;
  }
}

const columns = (sql: ISql) => sql`
  tenant, id, name, geojson::text as geojson, speed_max as "speedMax",
  (extract(epoch from dwell) * 1000)::double precision as "dwellMs",
  notify::text as notify, attributes::text as attributes,
  (extract(epoch from valid_from) * 1000)::double precision as "validFromMs",
  (extract(epoch from valid_to) * 1000)::double precision as "validToMs",
  (extract(epoch from created_at) * 1000)::double precision as "createdAtMs",
  created_by as "createdBy",
  (extract(epoch from updated_at) * 1000)::double precision as "updatedAtMs",
  updated_by as "updatedBy"`;

const time = (sql: ISql, timeMs: number | null) =>
  sql`(timestamptz 'epoch' + ${timeMs}::double precision * interval '1 millisecond')`;

function geofenceOf({ speedMax, notify, ...row }: GeofenceRow): StoredGeofence {
  return {
    ...row,
    speedMaxCms: speedMax === null ? null : Math.round(speedMax * 100),
    notify: JSON.parse(notify) as readonly string[],
  };
}
