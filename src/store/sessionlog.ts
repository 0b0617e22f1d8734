/**
 * Who was connected, as the `sessions` table has it, the newest first.
 * Invariant: a page goes on behind the last session of the one before, by the index on subject and start.
 * Bound: the caller's rows a page.
 */
import type { ISql } from 'postgres';

export interface LoggedSession {
  readonly id: string;
  readonly node: string;
  readonly role: string;
  readonly plane: string;
  readonly address: string;
  readonly startedAtMs: number;
  /** Null while it lasts. */
  readonly endedAtMs: number | null;
  readonly closeCode: number | null;
  readonly closeReason: string | null;
  readonly framesReceived: number | null;
  readonly bytesReceived: number | null;
  readonly framesSent: number | null;
  readonly bytesSent: number | null;
}

/** Where a page ended. */
export type SessionPlace = Pick<LoggedSession, 'startedAtMs' | 'id'>;

/** No session begins later, and none has a greater id. */
const newest: SessionPlace = {
  startedAtMs: Date.UTC(9999, 0, 1),
  id: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
};

export async function readSessions(
  sql: ISql,
  user: { readonly tenant: string; readonly subject: string },
  after: SessionPlace | null,
  rows: number,
): Promise<readonly LoggedSession[]> {
  const { startedAtMs, id } = after ?? newest;
  return await sql<LoggedSession[]>`
    select
      id, node, role, plane, address,
      (extract(epoch from started_at) * 1000)::double precision as "startedAtMs",
      (extract(epoch from ended_at) * 1000)::double precision as "endedAtMs",
      close_code as "closeCode",
      close_reason as "closeReason",
      frames_received::double precision as "framesReceived",
      bytes_received::double precision as "bytesReceived",
      frames_sent::double precision as "framesSent",
      bytes_sent::double precision as "bytesSent"
    from sessions
    where tenant = ${user.tenant} and subject = ${user.subject}
      and (started_at, id) < (${new Date(startedAtMs)}, ${id}::uuid)
    order by started_at desc, id desc
    limit ${rows}`;
}
