import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  endLostSessions,
  lostReason,
  saveSessions,
  type SessionEnd,
  type StoredSession,
} from '../../src/store/connections.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate sessions`;
});

afterAll(() => test.cleanup());

const startedAtMs = 1_700_000_000_123;
const end: SessionEnd = {
  atMs: startedAtMs + 1_000,
  code: 1000,
  reason: 'bye "all", \\o/ ü {}',
  framesReceived: 1,
  bytesReceived: 5_000_000_000,
  framesSent: 3,
  bytesSent: 4,
};

function session(over: Partial<StoredSession> = {}): StoredSession {
  return {
    id: randomUUID(),
    tenant: 'acme',
    subject: 'anna',
    role: 'viewer',
    plane: 'live',
    address: '2001:db8::1',
    startedAtMs,
    end: null,
    ...over,
  };
}

async function rows(): Promise<readonly unknown[]> {
  return [
    ...(await test.database.sql`
      select id, node, tenant, subject, role, plane, address, started_at, ended_at, close_code,
        close_reason, frames_received::integer, bytes_received::double precision,
        frames_sent::integer, bytes_sent::integer
      from sessions order by started_at, id`),
  ];
}

function rowOf(stored: StoredSession, ended: SessionEnd | null = stored.end): unknown {
  const { id, tenant, subject, role, plane, address } = stored;
  return {
    id,
    node: 'node-1',
    tenant,
    subject,
    role,
    plane,
    address,
    started_at: new Date(stored.startedAtMs),
    ended_at: ended === null ? null : new Date(ended.atMs),
    close_code: ended?.code ?? null,
    close_reason: ended?.reason ?? null,
    frames_received: ended?.framesReceived ?? null,
    bytes_received: ended?.bytesReceived ?? null,
    frames_sent: ended?.framesSent ?? null,
    bytes_sent: ended?.bytesSent ?? null,
  };
}

describe('sessions', () => {
  it('are stored as they are, open and ended, page by page', async () => {
    const all = [0, 1, 2, 3, 4].map((index) =>
      session({ startedAtMs: startedAtMs + index, end: index % 2 === 0 ? null : end }),
    );
    await saveSessions(test.database.sql, 'node-1', all, 2);
    expect(await rows()).toEqual(all.map((one) => rowOf(one)));
    await saveSessions(test.database.sql, 'node-1', []);
  });

  it('end once, whatever is written of them later', async () => {
    const { sql } = test.database;
    const open = session();
    const ended = { ...open, end };
    await saveSessions(sql, 'node-1', [open]);
    await saveSessions(sql, 'node-1', [ended]);
    await saveSessions(sql, 'node-1', [ended]);
    await saveSessions(sql, 'node-1', [open]);
    await saveSessions(sql, 'node-1', [{ ...open, end: { ...end, code: 1006 } }]);
    expect(await rows()).toEqual([rowOf(ended)]);
  });

  it('are not held up by a reason that the database cannot take', async () => {
    const rude = session({ end: { ...end, reason: 'a\0b' } });
    await saveSessions(test.database.sql, 'node-1', [rude]);
    expect(await rows()).toEqual([rowOf(rude, { ...end, reason: 'a\uFFFDb' })]);
  });

  it('that a crash left open are ended, those of this node only', async () => {
    const { sql } = test.database;
    const lost = session();
    const ended = session({ startedAtMs: startedAtMs + 1, end });
    const elsewhere = session({ startedAtMs: startedAtMs + 2 });
    await saveSessions(sql, 'node-1', [lost, ended]);
    await saveSessions(sql, 'node-2', [elsewhere]);
    expect(await endLostSessions(sql, 'node-1', startedAtMs + 5_000)).toBe(1);
    expect(await endLostSessions(sql, 'node-1', startedAtMs + 6_000)).toBe(0);
    const [first, second, third] = await rows();
    expect(first).toEqual({
      ...(rowOf(lost) as object),
      ended_at: new Date(startedAtMs + 5_000),
      close_reason: lostReason,
    });
    expect(second).toEqual(rowOf(ended));
    expect(third).toMatchObject({ node: 'node-2', ended_at: null });
  });

  it('of a subject are found by the index, the last first', async () => {
    const { sql } = test.database;
    await sql`
      insert into sessions (id, node, tenant, subject, role, plane, address, started_at)
      select gen_random_uuid(), 'node-1', 'acme', 'user-' || n % 500, 'viewer', 'live', '::1',
        timestamptz 'epoch' + n * interval '1 second'
      from generate_series(1, 10000) as n`;
    await sql`analyze sessions`;
    const plan = JSON.stringify(
      await sql`
        explain select * from sessions where tenant = 'acme' and subject = 'user-7'
        order by started_at desc limit 3`,
    );
    expect(plan).toContain('sessions_subject');
    expect(plan).not.toContain('Sort');
  });
});
