/**
 * The `sessions` table: one row for each connection that was greeted, as long as it lasted and how it ended.
 * Invariant: a row ends once; whatever is written of it later, or again, changes nothing. Rows of a node are
 * written by that node alone.
 * Bound: `sessionsPageRowsMax` rows a statement.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';

export interface StoredSession {
  readonly id: string;
  readonly tenant: string;
  readonly subject: string;
  readonly role: string;
  readonly plane: string;
  readonly address: string;
  readonly startedAtMs: number;
  /** `null` while it lasts. */
  readonly end: SessionEnd | null;
}

export interface SessionEnd {
  readonly atMs: number;
  readonly code: number;
  readonly reason: string;
  readonly framesReceived: number;
  readonly bytesReceived: number;
  /** To this connection by itself; what topics carried is not in it. */
  readonly framesSent: number;
  readonly bytesSent: number;
}

/** The close reason of sessions that a crash has left without an end. */
export const lostReason = 'the engine ended without a stop';

/** Inserts those that begin, ends those that end. A session may be in the list only once. */
export async function saveSessions(
  sql: ISql,
  node: string,
  sessions: readonly StoredSession[],
  pageRows: number = limits.sessionsPageRowsMax,
): Promise<void> {
  for (let start = 0; start < sessions.length; start += pageRows) {
    await savePage(sql, node, sessions.slice(start, start + pageRows));
  }
}

async function savePage(sql: ISql, node: string, page: readonly StoredSession[]): Promise<void> {
  const ends = page.map(({ end }) => end);
  await sql`
    insert into sessions (
      id, node, tenant, subject, role, plane, address, started_at, ended_at,
      close_code, close_reason, frames_received, bytes_received, frames_sent, bytes_sent
    )
    select
      id, ${node}, tenant, subject, role, plane, address,
      timestamptz 'epoch' + started_ms * interval '1 millisecond',
      timestamptz 'epoch' + ended_ms * interval '1 millisecond',
      close_code, close_reason, frames_received, bytes_received, frames_sent, bytes_sent
    from unnest(
      ${page.map(({ id }) => id)}::uuid[],
      ${page.map(({ tenant }) => tenant)}::text[],
      ${page.map(({ subject }) => subject)}::text[],
      ${page.map(({ role }) => role)}::text[],
      ${page.map(({ plane }) => plane)}::text[],
      ${page.map(({ address }) => address)}::text[],
      ${page.map(({ startedAtMs }) => startedAtMs)}::double precision[],
      ${ends.map((end) => end?.atMs ?? null)}::double precision[],
      ${ends.map((end) => end?.code ?? null)}::integer[],
      ${ends.map((end) => (end === null ? null : storable(end.reason)))}::text[],
      ${ends.map((end) => end?.framesReceived ?? null)}::bigint[],
      ${ends.map((end) => end?.bytesReceived ?? null)}::bigint[],
      ${ends.map((end) => end?.framesSent ?? null)}::bigint[],
      ${ends.map((end) => end?.bytesSent ?? null)}::bigint[]
    ) as told (
      id, tenant, subject, role, plane, address, started_ms, ended_ms,
      close_code, close_reason, frames_received, bytes_received, frames_sent, bytes_sent
    )
    on conflict (id) do update set
      ended_at = excluded.ended_at,
      close_code = excluded.close_code,
      close_reason = excluded.close_reason,
      frames_received = excluded.frames_received,
      bytes_received = excluded.bytes_received,
      frames_sent = excluded.frames_sent,
      bytes_sent = excluded.bytes_sent
    where sessions.ended_at is null and excluded.ended_at is not null`;
}

/** Ends what a run of this node that crashed has left open, and how many these were. */
export async function endLostSessions(sql: ISql, node: string, nowMs: number): Promise<number> {
  const { count } = await sql`
    update sessions
    set ended_at = timestamptz 'epoch' + ${nowMs}::double precision * interval '1 millisecond',
      close_reason = ${lostReason}
    where node = ${node} and ended_at is null`;
  return count;
}

/** A client may put a NUL into its close reason; the database takes none. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
