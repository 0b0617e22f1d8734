/**
 * What a vehicle did in each hour or day, in UTC: from the hourly aggregate where the edition has it, else from
 * the positions themselves.
 * Invariant: both give the same, for all sums are of integers; the aggregate may be behind by what came late
 * since its last refresh, and ahead by what retention has dropped. Fixes that were filtered or came from the
 * future are not in it.
 * Bound: the caller's range; `distancesOf` reads every fix of it.
 */
import type { ISql } from 'postgres';
import { badFlags } from './track.ts';

export type Per = 'hour' | 'day';

export interface SummaryRange {
  /** Of the vehicle. */
  readonly key: string;
  readonly per: Per;
  /** Where an hour or a day begins, both. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Summary {
  /** When the hour or day begins. */
  readonly startMs: number;
  readonly fixes: number;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
  /** m/s; null where no fix had a speed. */
  readonly topSpeed: number | null;
  readonly averageSpeed: number | null;
}

interface SummaryRow {
  readonly startMs: number;
  readonly fixes: number;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
  readonly speeds: number;
  readonly speedSumCms: number | null;
  readonly topSpeedCms: number | null;
}

export async function summariesOfAggregate(
  sql: ISql,
  { key, per, fromMs, toMs }: SummaryRange,
): Promise<readonly Summary[]> {
  const rows = await sql<SummaryRow[]>`
    select
      (extract(epoch from time_bucket(${interval(per)}::interval, hour)) * 1000)::double precision
        as "startMs",
      sum(fixes)::integer as fixes,
      (extract(epoch from min(time_first)) * 1000)::double precision as "firstTimeMs",
      (extract(epoch from max(time_last)) * 1000)::double precision as "lastTimeMs",
      sum(speeds)::integer as speeds,
      sum(speed_sum_cms)::double precision as "speedSumCms",
      max(round(speed_max::double precision * 100))::double precision as "topSpeedCms"
    from positions_hourly
    where vehicle_id = ${key} and hour >= ${new Date(fromMs)} and hour < ${new Date(toMs)}
    group by 1
    order by 1`;
  return rows.map(summaryOf);
}

export async function summariesOfPositions(
  sql: ISql,
  { key, per, fromMs, toMs }: SummaryRange,
): Promise<readonly Summary[]> {
  const rows = await sql<SummaryRow[]>`
    select
      (extract(epoch from time_bucket(${interval(per)}::interval, time)) * 1000)::double precision
        as "startMs",
      count(*)::integer as fixes,
      (extract(epoch from min(time)) * 1000)::double precision as "firstTimeMs",
      (extract(epoch from max(time)) * 1000)::double precision as "lastTimeMs",
      count(speed)::integer as speeds,
      sum(round(speed::double precision * 100)::bigint)::double precision as "speedSumCms",
      max(round(speed::double precision * 100))::double precision as "topSpeedCms"
    from positions
    where vehicle_id = ${key} and time >= ${new Date(fromMs)} and time < ${new Date(toMs)}
      and flags & ${badFlags}::integer = 0
    group by 1
    order by 1`;
  return rows.map(summaryOf);
}

/**
 * The way of each hour or day in metres, by when it begins: the distances between neighbouring fixes, each in
 * the hour or day of the later one, whatever the range.
 */
export async function distancesOf(
  sql: ISql,
  { key, per, fromMs, toMs }: SummaryRange,
): Promise<ReadonlyMap<number, number>> {
  const rows = await sql<{ startMs: number; distanceM: number }[]>`
    with fixes as (
      (
        select time, latitude, longitude from positions
        where vehicle_id = ${key} and time < ${new Date(fromMs)}
          and flags & ${badFlags}::integer = 0
        order by time desc
        limit 1
      )
      union all
      select time, latitude, longitude from positions
      where vehicle_id = ${key} and time >= ${new Date(fromMs)} and time < ${new Date(toMs)}
        and flags & ${badFlags}::integer = 0
    ),
    steps as (
      select
        time,
        radians(latitude) as latitude,
        radians(lag(latitude) over in_time) as latitude_before,
        radians(longitude - lag(longitude) over in_time) as longitude_step
      from fixes
      window in_time as (order by time)
    )
    -- The first of all has no step, and least() takes a null for nothing.
    select
      (extract(epoch from time_bucket(${interval(per)}::interval, time)) * 1000)::double precision
        as "startMs",
      coalesce(sum(2 * ${earthRadiusM}::double precision * asin(least(1, sqrt(
        sin((latitude - latitude_before) / 2) ^ 2
        + cos(latitude) * cos(latitude_before) * sin(longitude_step / 2) ^ 2
      )))) filter (where latitude_before is not null), 0)::double precision as "distanceM"
    from steps
    where time >= ${new Date(fromMs)}
    group by 1`;
  return new Map(rows.map(({ startMs, distanceM }) => [startMs, distanceM]));
}

/** The mean radius of the earth, as elsewhere where distances are taken (IUGG). */
const earthRadiusM = 6_371_008.8;

function interval(per: Per): string {
  return per === 'hour' ? '1 hour' : '1 day';
}

function summaryOf(row: SummaryRow): Summary {
  const { startMs, fixes, firstTimeMs, lastTimeMs, speeds, speedSumCms, topSpeedCms } = row;
  return {
    startMs,
    fixes,
    firstTimeMs,
    lastTimeMs,
    topSpeed: topSpeedCms === null ? null : topSpeedCms / 100,
    averageSpeed: speedSumCms === null ? null : Math.round(speedSumCms / speeds) / 100,
  };
}
