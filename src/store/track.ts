/**
 * Where a vehicle was: its stored fixes in the order of time, a page at a time.
 * Invariant: a page goes on behind the last fix of the one before, by the primary key, so that a track costs
 * the same wherever it is read, and holds nothing open in between.
 * Bound: the caller's rows a page; a count looks no further than its `max`.
 */
import type { ISql } from 'postgres';
import { fixFlags, type Fix } from '../wire/types.ts';

/** A fix as it is stored. */
export interface TrackFix {
  /** Unix ms. */
  readonly timeMs: number;
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** m/s */
  readonly speed: number | null;
  /** Degrees clockwise from true north. */
  readonly course: number | null;
  /** m */
  readonly altitude: number | null;
  readonly accuracy: number | null;
  readonly satellites: number | null;
  /** JSON text. */
  readonly attributes: string | null;
  readonly flags: number;
}

export interface TrackRange {
  /** Of the vehicle. */
  readonly key: string;
  readonly fromMs: number;
  /** The first moment behind it. */
  readonly toMs: number;
  /** With fixes that were filtered, or came from the future. */
  readonly isAll: boolean;
}

/** Flags of a fix from which something may follow. */
export const goodFlags = fixFlags.late | fixFlags.backfill;

/** Flags that keep a fix out of everything but the raw data. */
export const badFlags = 0x7f_ff_ff_ff & ~goodFlags;

/** The first `rows` fixes, behind `afterMs` where that is not null. */
export async function readTrack(
  sql: ISql,
  range: TrackRange,
  afterMs: number | null,
  rows: number,
): Promise<readonly TrackFix[]> {
  const { key, fromMs, toMs, isAll } = range;
  const firstMs = afterMs === null ? fromMs : Math.max(fromMs, afterMs + 1);
  return await sql<TrackFix[]>`
    select
      (extract(epoch from time) * 1000)::double precision as "timeMs",
      latitude, longitude, speed, course, altitude, accuracy, satellites,
      attributes::text as attributes, flags
    from positions
    where vehicle_id = ${key} and time >= ${new Date(firstMs)} and time < ${new Date(toMs)}
      and flags & ${isAll ? 0 : badFlags}::integer = 0
    order by time
    limit ${rows}`;
}

/** The same in the units of the wire, which is what was stored. */
export function fixOf(row: TrackFix): Fix {
  const scaled = (value: number | null, scale: number): number | null =>
    value === null ? null : Math.round(value * scale);
  return {
    timeMs: row.timeMs,
    latE7: Math.round(row.latitude * 1e7),
    lonE7: Math.round(row.longitude * 1e7),
    speedCms: scaled(row.speed, 100),
    courseCdeg: scaled(row.course, 100),
    altitudeDm: scaled(row.altitude, 10),
    accuracyDm: scaled(row.accuracy, 10),
    satellites: row.satellites,
    attributes: row.attributes,
    attributesMap: null,
    flags: row.flags,
  };
}

/** How many fixes there are, `max` where these are more. */
export async function countTrack(sql: ISql, range: TrackRange, max: number): Promise<number> {
  const { key, fromMs, toMs, isAll } = range;
  const [row] = await sql<{ fixes: number }[]>`
    select count(*)::integer as fixes
    from (
      select from positions
      where vehicle_id = ${key} and time >= ${new Date(fromMs)} and time < ${new Date(toMs)}
        and flags & ${isAll ? 0 : badFlags}::integer = 0
      limit ${max}
    ) as counted`;
  return row?.fixes ?? 0;
}

/** True where anything is stored of the vehicle. */
export async function hasPositions(sql: ISql, key: string): Promise<boolean> {
  const rows = await sql`select from positions where vehicle_id = ${key} limit 1`;
  return rows.length > 0;
}
