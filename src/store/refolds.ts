/**
 * What is read to fold a vehicle's past again, and how the result takes the place of what followed before.
 * Invariant: `saveRefold` is one statement: events, states, the newest state and the mark change together, or nothing
 * does. Flags of fixes are changed before it, and again where it has to be repeated.
 * Bound: `rows` fixes a page; the caller's events and states.
 */
import type { ISql } from 'postgres';
import { fixFlags, type Fix, type PlainMap } from '../wire/types.ts';
import { fixOf, type TrackFix } from './track.ts';
import {
  distinctEvents,
  eventRows,
  onKnownEvent,
  type StoredVehicleEvent,
} from './vehicleevents.ts';
import {
  base64Of,
  distinctStates,
  onKnownState,
  stateRows,
  type StoredState,
} from './vehiclestates.ts';

/** A fix with one of these was kept out of everything when it came. */
const neverFolded = fixFlags.clockSkew | fixFlags.outdated;

/** The first `rows` fixes behind `afterMs` up to `untilMs`, in the order of time. */
export async function readFixes(
  sql: ISql,
  key: string,
  afterMs: number,
  untilMs: number,
  rows: number,
): Promise<readonly Fix[]> {
  const page = await sql<TrackFix[]>`
    select
      (extract(epoch from time) * 1000)::double precision as "timeMs",
      latitude, longitude, speed, course, altitude, accuracy, satellites, flags,
      attributes::text as attributes
    from positions
    where vehicle_id = ${key} and time > ${time(sql, afterMs)} and time <= ${time(sql, untilMs)}
      and flags & ${neverFolded}::integer = 0
    order by time
    limit ${rows}`;
  return page.map(fixOf);
}

/** Between which times fixes came late. */
export interface LateRange {
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Of the fixes from `sinceMs` on; null where none of them came late. */
export async function lateRange(
  sql: ISql,
  key: string,
  sinceMs: number,
): Promise<LateRange | null> {
  const [row] = await sql<{ firstMs: number | null; lastMs: number | null }[]>`
    select
      (extract(epoch from min(time)) * 1000)::double precision as "firstMs",
      (extract(epoch from max(time)) * 1000)::double precision as "lastMs"
    from positions
    where vehicle_id = ${key} and time >= ${time(sql, sinceMs)}
      and flags & ${fixFlags.backfill}::integer <> 0 and flags & ${neverFolded}::integer = 0`;
  const { firstMs = null, lastMs = null } = row ?? {};
  return firstMs === null || lastMs === null ? null : { firstMs, lastMs };
}

/** A trip as its topic has it. */
export interface StoredTrip {
  readonly id: string;
  /** The time of the fix that told of it last. */
  readonly toldMs: number;
  readonly state: PlainMap;
}

/** The trips of the vehicle that were detected, and of which fixes behind `afterMs` have told. */
export async function detectedTrips(
  sql: ISql,
  tenant: string,
  vehicle: string,
  afterMs: number,
): Promise<readonly StoredTrip[]> {
  const rows = await sql<{ id: string; toldMs: number; state: string }[]>`
    select id, state::text as state, (state ->> 'toldMs')::double precision as "toldMs"
    from trips
    where tenant = ${tenant} and vehicle = ${vehicle} and source = 'detected'
      and (state ->> 'toldMs')::double precision > ${afterMs}::double precision
    order by started_at`;
  return rows.map(({ id, toldMs, state }) => {
    return { id, toldMs, state: JSON.parse(state) as PlainMap };
  });
}

/** A fix whose flags are others now. */
export interface Reflagged {
  readonly timeMs: number;
  readonly flags: number;
}

// With the range of their times, for without it every fix that the vehicle ever had is read.
export async function saveFlags(
  sql: ISql,
  key: string,
  fixes: readonly Reflagged[],
): Promise<void> {
  if (fixes.length === 0) return;
  const times = fixes.map(({ timeMs }) => timeMs);
  await sql`
    update positions set flags = told.flags
    from unnest(
      ${times}::double precision[],
      ${fixes.map(({ flags }) => flags)}::integer[]
    ) as told (time_ms, flags)
    where positions.vehicle_id = ${key}
      and positions.time between ${new Date(Math.min(...times))} and ${new Date(Math.max(...times))}
      and positions.time = timestamptz 'epoch' + told.time_ms * interval '1 millisecond'`;
}

export interface Refold {
  readonly key: string;
  readonly tenant: string;
  /** What fixes behind this have told is replaced. */
  readonly afterMs: number;
  /** Up to this one; null for all. */
  readonly untilMs: number | null;
  readonly events: readonly StoredVehicleEvent[];
  readonly states: readonly StoredState[];
  /** Of the vehicle as it is now; null where it is not known yet. */
  readonly state: Uint8Array | null;
  /** Detected trips that were none. */
  readonly removedTrips: readonly string[];
  /** From when on it has to be folded again; null where it has not. */
  readonly dirtySinceMs: number | null;
}

// No row is both deleted and written: a statement sees none of its own changes.
export async function saveRefold(sql: ISql, refold: Refold): Promise<void> {
  const { key, tenant, afterMs, untilMs, state, removedTrips, dirtySinceMs } = refold;
  await sql`
    with told as (${eventRows(sql, distinctEvents(refold.events))}),
    kept as (${stateRows(sql, distinctStates(refold.states))}),
    forgotten_events as (
      delete from vehicle_events as old
      where old.vehicle_id = ${key} and old.told_at > ${time(sql, afterMs)}
        and (${untilMs}::double precision is null or old.told_at <= ${time(sql, untilMs)})
        and not exists (
          select from told
          where told.time = old.time and told.kind = old.kind and told.subject = old.subject
        )
    ),
    saved_events as (
      insert into vehicle_events (
        vehicle_id, time, kind, subject, latitude, longitude, is_late, data, told_at
      )
      select vehicle_id, time, kind, subject, latitude, longitude, is_late, data, told_at from told
      ${onKnownEvent(sql)}
    ),
    forgotten_states as (
      delete from vehicle_states as old
      where old.vehicle_id = ${key} and old.time > ${time(sql, afterMs)}
        and (${untilMs}::double precision is null or old.time <= ${time(sql, untilMs)})
        and not exists (select from kept where kept.time = old.time)
    ),
    saved_states as (
      insert into vehicle_states (vehicle_id, time, state)
      select vehicle_id, time, state from kept
      ${onKnownState(sql)}
    ),
    removed_trips as (
      delete from trips
      where tenant = ${tenant} and id = any(${removedTrips}::text[]) and source = 'detected'
    ),
    moved as (
      update vehicles
      set state = decode(${state === null ? null : base64Of(state)}::text, 'base64'),
        updated_at = now()
      where vehicle_id = ${key} and ${state === null ? 0 : 1}::integer = 1
    ),
    cleared as (
      delete from vehicle_dirty
      where vehicle_id = ${key} and ${dirtySinceMs}::double precision is null
    )
    insert into vehicle_dirty (vehicle_id, time)
    select ${key}::text, ${time(sql, dirtySinceMs)}
    where ${dirtySinceMs}::double precision is not null
    on conflict (vehicle_id) do update set time = excluded.time`;
}

/** There is nothing to fold again; what was marked since is. */
export async function saveClean(
  sql: ISql,
  key: string,
  dirtySinceMs: number | null,
): Promise<void> {
  if (dirtySinceMs === null) {
    await sql`delete from vehicle_dirty where vehicle_id = ${key}`;
  } else {
    await sql`
      update vehicle_dirty set time = ${time(sql, dirtySinceMs)} where vehicle_id = ${key}`;
  }
}

const time = (sql: ISql, timeMs: number | null) =>
  sql`(timestamptz 'epoch' + ${timeMs}::double precision * interval '1 millisecond')`;
