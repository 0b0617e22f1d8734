/** A server over TLS: rows go through postgres.js then, for nobody else may write to such a connection. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowsOf, track } from '../store/fixes.ts';
import { openTestDatabase, serverUrl, type TestDatabase } from '../support/database.ts';
import { startNative, type NativeServer } from './server.ts';

describe.skipIf(serverUrl === null)('a server that encrypts', () => {
  let server: NativeServer;
  let test: TestDatabase;

  beforeAll(async () => {
    server = await startNative({ isEncrypting: true });
    test = await openTestDatabase({ url: `${server.url}?sslmode=require` });
  });

  afterAll(async () => {
    await test.cleanup();
    await server.remove();
  });

  it('stores and merges rows as any other', async () => {
    const { copy, sql } = test.database;
    const [connection] = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    expect(connection).toEqual({ ssl: true });
    const chunks = ['veh-1', 'veh-2'].map((vehicle) => rowsOf(track(vehicle, 2_000)));
    await Promise.all(chunks.map((chunk) => copy.copy([chunk])));
    const more = rowsOf(track('veh-2', 3_000));
    expect(await copy.merge([more])).toEqual({ inserted: 1_000, conflicting: 0 });
    const [row] = await sql`select count(*)::integer as rows from positions`;
    expect(row).toEqual({ rows: 5_000 });
  });
});
