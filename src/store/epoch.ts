/**
 * The epoch of the database: the name of the life of its offsets. An offset means something within its
 * epoch only.
 * Invariant: made once, whoever asks first, and kept until it is renewed; every start reads it.
 * Bound: one row of `engine_state`.
 */
import type { ISql } from 'postgres';

/** The epoch of this database, made at the first call. */
export async function loadEpoch(sql: ISql): Promise<string> {
  await sql`
    insert into engine_state (key, value) values ('epoch', gen_random_uuid()::text)
    on conflict (key) do nothing`;
  const [row] = await sql<{ epoch: string }[]>`
    select value as epoch from engine_state where key = 'epoch'`;
  return epochOf(row);
}

/** Begins another epoch: for when events that subscribers may have seen are lost, with their offsets. */
export async function renewEpoch(sql: ISql): Promise<string> {
  const [row] = await sql<{ epoch: string }[]>`
    insert into engine_state (key, value) values ('epoch', gen_random_uuid()::text)
    on conflict (key) do update set value = excluded.value
    returning value as epoch`;
  return epochOf(row);
}

function epochOf(row: { readonly epoch: string } | undefined): string {
  if (row === undefined) throw new Error('engine_state has no epoch');
  return row.epoch;
}
