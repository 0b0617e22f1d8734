/**
 * Everything that is TimescaleDB's own: which edition this is, and chunks, compression, retention and
 * aggregates where the edition has them.
 * Invariant: what an edition lacks is skipped, and the caller is told so; nothing here fails for it.
 * Bound: at most `chunksMax` chunks are compressed by one call, each in a transaction of its own.
 */
import type { ISql } from 'postgres';
import { badFlags } from './track.ts';

export interface Edition {
  /** The version of the extension. */
  readonly version: string;
  readonly license: 'apache' | 'timescale';
  readonly hasCompression: boolean;
  readonly hasAggregates: boolean;
}

/** Null where the database has no TimescaleDB. */
export async function detectEdition(sql: ISql): Promise<Edition | null> {
  const [extension] = await sql<{ version: string; license: string | null }[]>`
    select extversion as version, current_setting('timescaledb.license', true) as license
    from pg_extension
    where extname = 'timescaledb'`;
  if (extension === undefined || extension.license === null) return null;
  const isCommunity = extension.license === 'timescale';
  return {
    version: extension.version,
    license: isCommunity ? 'timescale' : 'apache',
    hasCompression: isCommunity,
    hasAggregates: isCommunity,
  };
}

/** True where the server's disk holds the extension, created or not. */
export async function isInstallable(sql: ISql): Promise<boolean> {
  const rows = await sql`select from pg_available_extensions where name = 'timescaledb'`;
  return rows.length > 0;
}

/** The statement that sets it for chunks to come; those that exist keep theirs. */
export function chunkIntervalStatement(intervalMs: number): string {
  return `select set_chunk_time_interval('positions', interval '${intervalMs} milliseconds');`;
}

/** What consists of chunks. */
export type Chunked = 'positions' | 'positions_hourly';

/** Drops chunks that lie before `beforeMs` as a whole; how many. */
export async function dropChunks(
  sql: ISql,
  beforeMs: number,
  source: Chunked = 'positions',
): Promise<number> {
  const dropped = await sql`
    select drop_chunks(
      ${source}::text::regclass,
      older_than => ${new Date(beforeMs)}::timestamptz
    )`;
  return dropped.length;
}

/** Compresses the oldest chunks that lie before `beforeMs` as a whole and are not compressed yet; how many. */
export async function compressChunks(
  sql: ISql,
  beforeMs: number,
  chunksMax: number,
): Promise<number> {
  await enableCompression(sql);
  const chunks = await sql<{ chunk: string }[]>`
    select format('%I.%I', chunk_schema, chunk_name) as chunk
    from timescaledb_information.chunks
    where format('%I.%I', hypertable_schema, hypertable_name)::regclass = 'positions'::regclass
      and not is_compressed
      and range_end <= ${new Date(beforeMs)}
    order by range_end
    limit ${chunksMax}`;
  for (const { chunk } of chunks) {
    await sql`select compress_chunk(${chunk}::regclass, if_not_compressed => true)`;
  }
  return chunks.length;
}

// A vehicle's track is read by vehicle and in the order of time: that is how it lies together.
async function enableCompression(sql: ISql): Promise<void> {
  const enabled = await sql`
    select
    from timescaledb_information.hypertables
    where format('%I.%I', hypertable_schema, hypertable_name)::regclass = 'positions'::regclass
      and compression_enabled`;
  if (enabled.length > 0) return;
  await sql.unsafe(`
    alter table positions set (
      timescaledb.compress,
      timescaledb.compress_segmentby = 'vehicle_id',
      timescaledb.compress_orderby = 'time'
    )`);
}

/** True where the hourly aggregate is there as this version makes it. */
export async function hasHourlyAggregate(sql: ISql): Promise<boolean> {
  const rows = await sql`
    select from pg_attribute
    where attrelid = to_regclass('positions_hourly') and attname = 'speed_sum_cms'`;
  return rows.length > 0;
}

/**
 * The hour of each vehicle: how many fixes, how fast, where and when it began and ended; without those that
 * were filtered. Speeds are added up as integers, so that the sum is the same in every order. One that an
 * earlier version made is made anew.
 */
export async function createHourlyAggregate(sql: ISql): Promise<void> {
  if (await hasHourlyAggregate(sql)) return;
  await sql.unsafe('drop materialized view if exists positions_hourly');
  await sql.unsafe(`
    create materialized view if not exists positions_hourly
    with (timescaledb.continuous, timescaledb.materialized_only = false) as
    select
      time_bucket(interval '1 hour', time) as hour,
      vehicle_id,
      count(*)                as fixes,
      min(time)               as time_first,
      max(time)               as time_last,
      count(speed)            as speeds,
      sum(round(speed::double precision * 100)::bigint) as speed_sum_cms,
      max(speed)              as speed_max,
      first(latitude, time)   as latitude_first,
      first(longitude, time)  as longitude_first,
      last(latitude, time)    as latitude_last,
      last(longitude, time)   as longitude_last
    from positions
    where flags & ${badFlags} = 0
    group by hour, vehicle_id
    with no data`);
}

/**
 * Brings the aggregate up to date for the hours that lie between the two as a whole; null for all before.
 * Where that is not one hour, there is nothing to do.
 */
export async function refreshHourlyAggregate(
  sql: ISql,
  fromMs: number | null,
  untilMs: number,
): Promise<void> {
  if (fromMs !== null && untilMs - fromMs < 2 * hourMs) return;
  const literal = (ms: number): string => `'${new Date(ms).toISOString()}'`;
  const from = fromMs === null ? 'null' : literal(fromMs);
  // A procedure that commits on its way: it can be called only by itself, without parameters.
  await sql.unsafe(
    `call refresh_continuous_aggregate('positions_hourly', ${from}, ${literal(untilMs)})`,
  );
}

const hourMs = 3_600_000;
