/**
 * Trips that somebody has started, as their rows say when they ran: what is read to measure them again, and to leave
 * out what was detected in their time.
 * Invariant: those that were cancelled are not among them, for nothing is counted for them.
 * Bound: the trips of one vehicle behind a time; or one for each vehicle.
 */
import type { ISql } from 'postgres';

export interface StartedTrip {
  readonly tenant: string;
  readonly id: string;
  readonly vehicle: string;
  readonly startMs: number;
  readonly pauses: readonly number[];
  /** Null while it goes on. */
  readonly endMs: number | null;
  readonly updatedMs: number;
}

interface Row {
  readonly tenant: string;
  readonly id: string;
  readonly vehicle: string;
  readonly state: string;
}

/** Those of the vehicle that have not ended before `sinceMs`, the first to start first. */
export async function startedTrips(
  sql: ISql,
  tenant: string,
  vehicle: string,
  sinceMs: number,
): Promise<readonly StartedTrip[]> {
  const rows = await sql<Row[]>`
    select tenant, id, vehicle, ${span(sql)} as state from trips
    where tenant = ${tenant} and vehicle = ${vehicle} and source = 'explicit'
      and phase <> 'cancelled' and (ended_at is null or ended_at >= ${new Date(sinceMs)})
    order by started_at, id`;
  return rows.map(tripOf);
}

/** Of each vehicle the one that has ended last. */
export async function endedLast(sql: ISql): Promise<readonly StartedTrip[]> {
  const rows = await sql<Row[]>`
    select distinct on (tenant, vehicle) tenant, id, vehicle, ${span(sql)} as state
    from trips
    where source = 'explicit' and phase = 'ended'
    order by tenant, vehicle, ended_at desc`;
  return rows.map(tripOf);
}

const span = (sql: ISql) => sql`
  jsonb_build_object(
    'startMs', state -> 'startMs', 'pauses', state -> 'pauses',
    'endMs', state -> 'endMs', 'updatedMs', state -> 'updatedMs'
  )::text`;

function tripOf({ tenant, id, vehicle, state }: Row): StartedTrip {
  return {
    tenant,
    id,
    vehicle,
    ...(JSON.parse(state) as Omit<StartedTrip, keyof Omit<Row, 'state'>>),
  };
}
