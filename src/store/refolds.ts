/**
 * What is read to fold a vehicle's past again, and how the result takes the place of what followed before.
 * Invariant: `saveRefold` is one statement: events, states, the newest state and the mark change together, or nothing
 * does. Flags of fixes are changed before it, and again where it has to be repeated.
 * Bound: `rows` fixes and statuses a page; the caller's events and states.
 */
import type { ISql } from 'postgres';
import { fixFlags, type Fix, type PlainMap } from '../wire/types.ts';
import { neverFoldedStatus, signalNames, statusFlags, type HeardStatus } from './status.ts';
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

/** A fix or a status of the past. */
export type Past =
  | { readonly timeMs: number; readonly fix: Fix }
  | { readonly timeMs: number; readonly status: HeardStatus };

/** What is read of a vehicle: behind `afterMs`, fixes and statuses each up to a time of their own. */
export interface Stretch {
  readonly key: string;
  readonly afterMs: number;
  readonly untilMs: number;
  readonly statusUntilMs: number;
}

/** The first `rows` fixes and statuses, in the order of time; of one time the status first. */
export async function readPast(
  sql: ISql,
  { key, afterMs, untilMs, statusUntilMs }: Stretch,
  rows: number,
): Promise<readonly Past[]> {
  const page = await sql<(TrackFix & { isStatus: boolean })[]>`
    select
      (extract(epoch from time) * 1000)::double precision as "timeMs", is_status as "isStatus",
      latitude, longitude, speed, course, altitude, accuracy, satellites, flags,
      attributes::text as attributes
    from (
      (
        select
          time, false as is_status, latitude, longitude, speed, course, altitude, accuracy,
          satellites, flags, attributes
        from positions
        where vehicle_id = ${key} and time > ${time(sql, afterMs)} and time <= ${time(sql, untilMs)}
          and flags & ${neverFolded}::integer = 0
        order by time
        limit ${rows}
      )
      union all
      (
        select time, true, 0, 0, null, null, null, null, null, flags, attributes
        from statuses
        where vehicle_id = ${key} and time > ${time(sql, afterMs)}
          and time <= ${time(sql, statusUntilMs)}
          and flags & ${neverFoldedStatus}::integer = 0
          and jsonb_exists_any(attributes, ${[...signalNames]}::text[])
        order by time
        limit ${rows}
      )
    ) as past
    order by time, is_status desc
    limit ${rows}`;
  return page.map(({ isStatus, ...row }): Past => {
    const { timeMs, flags, attributes } = row;
    if (!isStatus) return { timeMs, fix: fixOf(row) };
    return {
      timeMs,
      status: { timeMs, flags, attributes: JSON.parse(attributes ?? '{}') as PlainMap },
    };
  });
}

/** The same of fixes alone. */
export async function readFixes(
  sql: ISql,
  key: string,
  afterMs: number,
  untilMs: number,
  rows: number,
): Promise<readonly Fix[]> {
  const page = await readPast(sql, { key, afterMs, untilMs, statusUntilMs: afterMs }, rows);
  return page.flatMap((one) => ('fix' in one ? [one.fix] : []));
}

/** When the first fix from `sinceMs` on was; null for none. */
export async function firstFix(sql: ISql, key: string, sinceMs: number): Promise<number | null> {
  const [row] = await sql<{ timeMs: number }[]>`
    select (extract(epoch from time) * 1000)::double precision as "timeMs"
    from positions
    where vehicle_id = ${key} and time >= ${time(sql, sinceMs)}
      and flags & ${neverFolded}::integer = 0
    order by time
    limit 1`;
  return row?.timeMs ?? null;
}

/** Between which times fixes and statuses came late. */
export interface LateRange {
  readonly firstMs: number;
  /** Of fixes; `firstMs` where none did. */
  readonly lastMs: number;
  readonly lastStatusMs: number;
}

/** Of those from `sinceMs` on; null where none of them came late. */
export async function lateRange(
  sql: ISql,
  key: string,
  sinceMs: number,
): Promise<LateRange | null> {
  const [row] = await sql<LateRow[]>`
    select
      (extract(epoch from least(fixes.first, told.first)) * 1000)::double precision as "firstMs",
      (extract(epoch from fixes.last) * 1000)::double precision as "lastMs",
      (extract(epoch from told.last) * 1000)::double precision as "lastStatusMs"
    from (
      select min(time) as first, max(time) as last from positions
      where vehicle_id = ${key} and time >= ${time(sql, sinceMs)}
        and flags & ${fixFlags.backfill}::integer <> 0 and flags & ${neverFolded}::integer = 0
    ) as fixes
    cross join (
      select min(time) as first, max(time) as last from statuses
      where vehicle_id = ${key} and time >= ${time(sql, sinceMs)}
        and flags & ${statusFlags.backfill}::integer <> 0
        and flags & ${neverFoldedStatus}::integer = 0
    ) as told`;
  const { firstMs = null, lastMs = null, lastStatusMs = null } = row ?? {};
  if (firstMs === null) return null;
  return { firstMs, lastMs: lastMs ?? firstMs, lastStatusMs: lastStatusMs ?? firstMs };
}

type LateRow = { readonly [Name in keyof LateRange]: number | null };

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
