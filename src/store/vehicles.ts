/**
 * The last known position of each vehicle, in the `vehicles` table, and with it the state of the fold over its fixes.
 * Invariant: a row only ever moves forward in time, whoever writes it and however late; at the same time only its state
 * changes.
 * Bound: `vehiclesPageRowsMax` rows a statement.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';
import type { Fix } from '../wire/types.ts';
import { judge } from './sqlstate.ts';
import { base64Of } from './vehiclestates.ts';

export interface KnownVehicle {
  readonly key: string;
  readonly fix: Fix;
  readonly receivedAtMs: number;
  /** As src/fleet/statecodec.ts writes it; where there is none, the one that is there stays. */
  readonly state?: Uint8Array | null;
}

interface VehicleRow {
  readonly vehicle_id: string;
  readonly time: Date;
  readonly received_at: Date;
  readonly latitude: number;
  readonly longitude: number;
  readonly speed: number | null;
  readonly course: number | null;
  readonly altitude: number | null;
  readonly accuracy: number | null;
  readonly satellites: number | null;
  readonly flags: number;
  readonly attributes: string | null;
  readonly state: Uint8Array | null;
}

/** Visits every vehicle in the order of its key; how many there were. */
export async function loadVehicles(
  sql: ISql,
  visit: (vehicle: KnownVehicle) => void,
  pageRows: number = limits.vehiclesPageRowsMax,
): Promise<number> {
  let loaded = 0;
  let after = '';
  for (;;) {
    const page = await sql<VehicleRow[]>`
      select vehicle_id, time, received_at, latitude, longitude, speed, course, altitude, accuracy,
        satellites, flags, attributes::text as attributes, state
      from vehicles
      where vehicle_id > ${after}
      order by vehicle_id
      limit ${pageRows}`;
    for (const row of page) visit(vehicleOf(row));
    loaded += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return loaded;
    after = last.vehicle_id;
  }
}

/** Writes those that are not older than what the table has. A vehicle may be in the list only once. */
export async function saveVehicles(
  sql: ISql,
  vehicles: readonly KnownVehicle[],
  pageRows: number = limits.vehiclesPageRowsMax,
): Promise<void> {
  // In the order of the key: two nodes that write the same vehicles cannot lock each other out.
  const ordered = vehicles.toSorted((one, other) => (one.key < other.key ? -1 : 1));
  for (let start = 0; start < ordered.length; start += pageRows) {
    await savePage(sql, ordered.slice(start, start + pageRows));
  }
}

// Attributes that the database refuses must not keep all vehicles where they are: they are left out.
async function savePage(sql: ISql, page: readonly KnownVehicle[]): Promise<void> {
  try {
    await upsert(sql, page);
  } catch (error) {
    if (judge(error) !== 'data') throw error;
    const [only] = page;
    if (page.length === 1 && only !== undefined) {
      await upsert(sql, [{ ...only, fix: { ...only.fix, attributes: null } }]);
    } else {
      const middle = page.length >>> 1;
      await savePage(sql, page.slice(0, middle));
      await savePage(sql, page.slice(middle));
    }
  }
}

async function upsert(sql: ISql, page: readonly KnownVehicle[]): Promise<void> {
  const fixes = page.map(({ fix }) => fix);
  const scaled = (pick: (fix: Fix) => number | null, scale: number): (number | null)[] =>
    fixes.map((fix) => {
      const value = pick(fix);
      return value === null ? null : value / scale;
    });
  await sql`
    insert into vehicles (
      vehicle_id, time, received_at, latitude, longitude, speed, course, altitude, accuracy,
      satellites, flags, attributes, state
    )
    select
      vehicle_id,
      timestamptz 'epoch' + time_ms * interval '1 millisecond',
      timestamptz 'epoch' + received_at_ms * interval '1 millisecond',
      latitude, longitude, speed, course, altitude, accuracy, satellites, flags, attributes::jsonb,
      decode(state, 'base64')
    from unnest(
      ${page.map(({ key }) => key)}::text[],
      ${fixes.map(({ timeMs }) => timeMs)}::double precision[],
      ${page.map(({ receivedAtMs }) => receivedAtMs)}::double precision[],
      ${scaled(({ latE7 }) => latE7, 1e7)}::double precision[],
      ${scaled(({ lonE7 }) => lonE7, 1e7)}::double precision[],
      ${scaled(({ speedCms }) => speedCms, 100)}::real[],
      ${scaled(({ courseCdeg }) => courseCdeg, 100)}::real[],
      ${scaled(({ altitudeDm }) => altitudeDm, 10)}::real[],
      ${scaled(({ accuracyDm }) => accuracyDm, 10)}::real[],
      ${fixes.map(({ satellites }) => satellites)}::smallint[],
      ${fixes.map(({ flags }) => flags)}::integer[],
      ${fixes.map(({ attributes }) => attributes)}::text[],
      ${page.map(({ state = null }) => (state === null ? null : base64Of(state)))}::text[]
    ) as moved (
      vehicle_id, time_ms, received_at_ms, latitude, longitude, speed, course, altitude, accuracy,
      satellites, flags, attributes, state
    )
    on conflict (vehicle_id) do update set
      (
        time, received_at, latitude, longitude, speed, course, altitude, accuracy, satellites, flags,
        attributes
      ) = (
        select * from (
          select excluded.time, excluded.received_at, excluded.latitude, excluded.longitude,
            excluded.speed, excluded.course, excluded.altitude, excluded.accuracy,
            excluded.satellites, excluded.flags, excluded.attributes
          where excluded.time > vehicles.time
          union all
          select vehicles.time, vehicles.received_at, vehicles.latitude, vehicles.longitude,
            vehicles.speed, vehicles.course, vehicles.altitude, vehicles.accuracy,
            vehicles.satellites, vehicles.flags, vehicles.attributes
          where excluded.time = vehicles.time
        ) as newest
      ),
      state = coalesce(excluded.state, vehicles.state),
      updated_at = now()
    where excluded.time >= vehicles.time`;
}

function vehicleOf(row: VehicleRow): KnownVehicle {
  const scaled = (value: number | null, scale: number): number | null =>
    value === null ? null : Math.round(value * scale);
  return {
    key: row.vehicle_id,
    receivedAtMs: row.received_at.getTime(),
    state: row.state,
    fix: {
      timeMs: row.time.getTime(),
      latE7: Math.round(row.latitude * 1e7),
      lonE7: Math.round(row.longitude * 1e7),
      speedCms: scaled(row.speed, 100),
      courseCdeg: scaled(row.course, 100),
      altitudeDm: scaled(row.altitude, 10),
      accuracyDm: scaled(row.accuracy, 10),
      satellites: row.satellites,
      flags: row.flags,
      attributes: row.attributes,
      attributesMap: null,
    },
  };
}
