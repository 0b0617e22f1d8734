/**
 * The `vehicle_states` table: states of the fold over a vehicle's fixes, to go over its past from; and which vehicles
 * have fixes that the fold has not taken (`vehicle_dirty`).
 * Invariant: of one time there is one state; of days that are over for a day the first of each is kept. A vehicle
 * stays dirty from the earliest time that it was marked with.
 * Bound: the caller's rows a statement; `vehiclesPageRowsMax` read by one.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';

/** `state` as src/fleet/statecodec.ts writes it. */
export interface StoredState {
  readonly key: string;
  readonly timeMs: number;
  readonly state: Uint8Array;
}

/** From when on the vehicle has to be folded again. */
export interface DirtyVehicle {
  readonly key: string;
  readonly sinceMs: number;
}

export async function saveVehicleStates(sql: ISql, states: readonly StoredState[]): Promise<void> {
  if (states.length === 0) return;
  await sql`
    with saved as (
      insert into vehicle_states (vehicle_id, time, state)
      select vehicle_id, time, state from (${stateRows(sql, distinctStates(states))}) as told
      order by vehicle_id, time
      ${onKnownState(sql)}
      returning vehicle_id, time
    )
    delete from vehicle_states as old using saved
    where old.vehicle_id = saved.vehicle_id
      and old.time < saved.time - interval '1 day' and old.time >= saved.time - interval '2 days'
      and exists (
        select from vehicle_states as first
        where first.vehicle_id = old.vehicle_id and first.time < old.time
          and first.time >= date_trunc('day', old.time, 'UTC')
      )`;
}

/** The last of those of one vehicle and time. */
export function distinctStates(states: readonly StoredState[]): readonly StoredState[] {
  return [...new Map(states.map((one) => [`${one.key} ${one.timeMs}`, one])).values()];
}

export const onKnownState = (sql: ISql) => sql`
  on conflict (vehicle_id, time) do update set state = excluded.state`;

/** The states as a query with the columns of the table; each may be there only once. */
export const stateRows = (sql: ISql, states: readonly StoredState[]) => sql`
  select
    vehicle_id,
    timestamptz 'epoch' + time_ms * interval '1 millisecond' as time,
    decode(state, 'base64') as state
  from unnest(
    ${states.map(({ key }) => key)}::text[],
    ${states.map(({ timeMs }) => timeMs)}::double precision[],
    ${states.map(({ state }) => base64Of(state))}::text[]
  ) as kept (vehicle_id, time_ms, state)`;

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** The newest states before `beforeMs`, the newest first. */
export async function statesBefore(
  sql: ISql,
  key: string,
  beforeMs: number,
  rows: number,
): Promise<readonly StoredState[]> {
  return await sql<StoredState[]>`
    select
      vehicle_id as key, (extract(epoch from time) * 1000)::double precision as "timeMs", state
    from vehicle_states
    where vehicle_id = ${key} and time < ${new Date(beforeMs)}
    order by time desc
    limit ${rows}`;
}

/** A vehicle that is worked on, and was marked meanwhile, is in the list twice. */
export async function saveDirty(sql: ISql, dirty: readonly DirtyVehicle[]): Promise<void> {
  if (dirty.length === 0) return;
  await sql`
    insert into vehicle_dirty (vehicle_id, time)
    select vehicle_id, timestamptz 'epoch' + min(since_ms) * interval '1 millisecond'
    from unnest(
      ${dirty.map(({ key }) => key)}::text[],
      ${dirty.map(({ sinceMs }) => sinceMs)}::double precision[]
    ) as marked (vehicle_id, since_ms)
    group by vehicle_id
    order by vehicle_id
    on conflict (vehicle_id) do update set time = least(vehicle_dirty.time, excluded.time)`;
}

/** Visits every vehicle that is dirty, in the order of its key. */
export async function loadDirty(
  sql: ISql,
  visit: (dirty: DirtyVehicle) => void,
  pageRows: number = limits.vehiclesPageRowsMax,
): Promise<void> {
  let after = '';
  for (;;) {
    const page = await sql<DirtyVehicle[]>`
      select
        vehicle_id as key, (extract(epoch from time) * 1000)::double precision as "sinceMs"
      from vehicle_dirty
      where vehicle_id > ${after}
      order by vehicle_id
      limit ${pageRows}`;
    for (const dirty of page) visit(dirty);
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return;
    after = last.key;
  }
}
