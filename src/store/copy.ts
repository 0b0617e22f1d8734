/**
 * The way of rows into `positions`: the one thing that the native and the embedded database do differently,
 * and the SQL that both do it with.
 * Invariant: `copy` and `merge` resolve only after the commit; when they throw an error with a SQLSTATE,
 * nothing of these rows was committed, without one nobody knows.
 * Bound: `rowsMax` rows a call.
 */
import type { Deadline } from './deadline.ts';
import { rowColumns } from './row.ts';

export interface MergeResult {
  readonly inserted: number;
  /** Of those not inserted, the rows whose vehicle has another content at this time. */
  readonly conflicting: number;
}

/** `rows` are tuples in chunks that end where one of them ends, without header and trailer of COPY. */
export interface CopyPort {
  readonly rowsMax: number;
  /** A call that takes longer hangs: `replace` is due. */
  readonly deadline: Deadline;
  /** All rows or none; SQLSTATE 23505 where one of them is there already. */
  copy(rows: readonly Buffer[]): Promise<void>;
  /** Those that are not there yet; of rows for the same vehicle and time, the first. */
  merge(rows: readonly Buffer[]): Promise<MergeResult>;
  /** Throws away whatever hangs, so that the next call starts afresh. Does not throw. */
  replace(): Promise<void>;
}

/** Where the rows of a merge wait; a temporary table, gone with its transaction. */
const arrivals = 'fleetwire_arrivals';

/** What makes two rows of one vehicle at one time the same: when and how they came does not count. */
const content = 'latitude, longitude, speed, course, altitude, accuracy, satellites, attributes';
const contentOf = (table: string): string => content.replace(/\w+/g, `${table}.$&`);

/** COPY into `positions` from `source`: `stdin`, or a quoted file name. */
export function copyStatement(source: string): string {
  return `copy positions (${rowColumns}) from ${source} (format binary)`;
}

/**
 * The statements of a merge: one message, hence one transaction. Its last two results are one row each,
 * `{ inserted }` and `{ conflicting }`. The conflicting are counted with one look at the index for each
 * row: a join would be free to read the whole of `positions`.
 */
export function mergeStatements(source: string): string {
  return `
    create temporary table ${arrivals} (like positions) on commit drop;
    copy ${arrivals} (${rowColumns}) from ${source} (format binary);
    with inserted as (
      insert into positions (${rowColumns})
      select ${rowColumns} from ${arrivals}
      on conflict do nothing
      returning 1
    )
    select count(*)::integer as inserted from inserted;
    select count(*)::integer as conflicting
    from ${arrivals} as arrived
    cross join lateral (
      select ${content}
      from positions
      where vehicle_id = arrived.vehicle_id and time = arrived.time
      limit 1
    ) as present
    where (${contentOf('present')}) is distinct from (${contentOf('arrived')})`;
}

/** `results` as postgres.js and PGlite both give them once each is a list of rows. */
export function mergeResult(results: readonly (readonly unknown[])[]): MergeResult {
  const [inserted, conflicting] = results.slice(-2).map((rows) => rows[0]);
  const answer = Object.assign({}, inserted, conflicting) as Partial<MergeResult>;
  if (answer.inserted === undefined || answer.conflicting === undefined) {
    throw new Error('a merge answered something else than its counts');
  }
  return { inserted: answer.inserted, conflicting: answer.conflicting };
}
