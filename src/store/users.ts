/**
 * The `users` table: who has connected to the subscriber plane.
 * Invariant: the first time stays; of two writes the later one is kept, whichever comes first.
 * Bound: `usersPageRowsMax` rows a statement.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';

export interface StoredUser {
  readonly tenant: string;
  readonly subject: string;
  readonly role: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/** Visits users in the order of their names, at most `usersMax`. */
export async function loadUsers(
  sql: ISql,
  visit: (user: StoredUser) => void,
  usersMax: number = limits.usersMax,
  pageRows: number = limits.usersPageRowsMax,
): Promise<void> {
  let last = { tenant: '', subject: '' };
  for (let visited = 0; visited < usersMax;) {
    const rows = Math.min(pageRows, usersMax - visited);
    const page = await sql<StoredUser[]>`
      select
        tenant, subject, role,
        (extract(epoch from first_seen) * 1000)::double precision as "firstSeenMs",
        (extract(epoch from last_seen) * 1000)::double precision as "lastSeenMs"
      from users
      where (tenant, subject) > (${last.tenant}, ${last.subject})
      order by tenant, subject
      limit ${rows}`;
    for (const user of page) visit(user);
    visited += page.length;
    const end = page.at(-1);
    if (end === undefined || page.length < rows) return;
    last = end;
  }
}

/** A user may be in the list only once. */
export async function saveUsers(sql: ISql, users: readonly StoredUser[]): Promise<void> {
  await sql`
    insert into users (tenant, subject, role, first_seen, last_seen)
    select
      tenant, subject, role,
      timestamptz 'epoch' + first_ms * interval '1 millisecond',
      timestamptz 'epoch' + last_ms * interval '1 millisecond'
    from unnest(
      ${users.map(({ tenant }) => tenant)}::text[],
      ${users.map(({ subject }) => subject)}::text[],
      ${users.map(({ role }) => role)}::text[],
      ${users.map(({ firstSeenMs }) => firstSeenMs)}::double precision[],
      ${users.map(({ lastSeenMs }) => lastSeenMs)}::double precision[]
    ) as told (tenant, subject, role, first_ms, last_ms)
    order by tenant, subject
    on conflict (tenant, subject) do update set
      role = excluded.role,
      last_seen = excluded.last_seen
    where users.last_seen <= excluded.last_seen`;
}
