import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { openDatabase } from '../../src/store/database.ts';
import { lastEvents } from '../../src/store/events.ts';
import { migrate, schemaVersion } from '../../src/store/migrate.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

afterAll(async () => {
  await test.cleanup();
});

/** Everything that the schema made. */
async function shape(): Promise<unknown> {
  const { sql } = test.database;
  const columns = await sql`
    select table_name, column_name, data_type, is_nullable, collation_name, column_default
    from information_schema.columns
    where table_schema = 'public'
    order by table_name, ordinal_position`;
  const indexes = await sql`
    select tablename, indexname, indexdef from pg_indexes
    where schemaname = 'public' order by indexname`;
  const dimensions = await sql`
    select hypertable_name, column_name, time_interval::text from timescaledb_information.dimensions`;
  return { columns: [...columns], indexes: [...indexes], dimensions: [...dimensions] };
}

const migrateOptions = { bounds: limits, chunkIntervalMs: 86_400_000 };

describe('the schema', () => {
  it('is of the version of this code', async () => {
    const rows = await test.database.sql`select version from schema_version`;
    expect([...rows]).toEqual([{ version: schemaVersion }]);
  });

  it('makes positions a hypertable with one index, by vehicle and time', async () => {
    const { sql } = test.database;
    const dimensions = await sql`
      select hypertable_name, column_name, time_interval = interval '1 day' as daily
      from timescaledb_information.dimensions`;
    expect([...dimensions]).toEqual([
      { hypertable_name: 'positions', column_name: 'time', daily: true },
    ]);
    const indexes = await sql`select indexdef from pg_indexes where tablename = 'positions'`;
    expect(indexes.map(({ indexdef }) => indexdef)).toEqual([
      'CREATE UNIQUE INDEX positions_pkey ON public.positions USING btree (vehicle_id, "time")',
    ]);
  });

  it('compares vehicles byte by byte, so that a tenant is a range', async () => {
    const rows = await test.database.sql`
      select table_name, collation_name from information_schema.columns
      where column_name = 'vehicle_id' and table_schema = 'public'
      order by table_name`;
    expect([...rows]).toEqual([
      { table_name: 'dead_letters', collation_name: 'C' },
      { table_name: 'positions', collation_name: 'C' },
      { table_name: 'statuses', collation_name: 'C' },
      { table_name: 'vehicle_dirty', collation_name: 'C' },
      { table_name: 'vehicle_events', collation_name: 'C' },
      { table_name: 'vehicle_states', collation_name: 'C' },
      { table_name: 'vehicles', collation_name: 'C' },
    ]);
  });

  it('is the same when it is applied again, and by several at once', async () => {
    const { sql } = test.database;
    const before = await shape();
    await migrate(sql, migrateOptions);
    await Promise.all([1, 2, 3].map(() => migrate(sql, migrateOptions)));
    expect(await shape()).toEqual(before);
  });

  it('is made once when several nodes come to an empty database', async () => {
    const { sql } = test.database;
    const before = await shape();
    await sql.unsafe('drop table positions; drop table vehicles, dead_letters, schema_version');
    await Promise.all([1, 2, 3, 4].map(() => migrate(sql, migrateOptions)));
    expect(await shape()).toEqual(before);
  });

  it('of version 1 is brought to this one, with what is in it', async () => {
    const { sql } = test.database;
    const before = await shape();
    await sql.unsafe(`
      drop index events_subject;
      alter table events drop column subject, drop column is_open;
      alter table dead_letters drop column kind;
      drop table open_events;
      delete from schema_version;
      insert into schema_version (version) values (1);
      insert into events (topic, position, event_id, event, data, time)
      values ('acme/a', 1, 'x', 'raised', '{}', 'epoch');
      insert into dead_letters (sqlstate, reason, row) values ('22008', 'a time', '');`);
    await migrate(sql, migrateOptions);
    expect(await shape()).toEqual(before);
    const versions = await sql`select version from schema_version order by version`;
    expect(versions.map(({ version }) => version as number)).toEqual([1, schemaVersion]);
    expect(await lastEvents(sql, 'acme/a', 9)).toMatchObject([
      { offset: 1, id: 'x', subject: null, isOpen: false },
    ]);
    const [letter] = await sql`select kind from dead_letters`;
    expect(letter).toEqual({ kind: 'fix' });
    await sql.unsafe('truncate events, dead_letters; delete from schema_version where version = 1');
  });

  it('of a later version is left alone', async () => {
    const { sql } = test.database;
    await sql`insert into schema_version (version) values (${schemaVersion + 1})`;
    try {
      await expect(migrate(sql, migrateOptions)).rejects.toMatchObject({
        code: 'DATABASE_SCHEMA_NEWER',
        message: expect.stringContaining(`schema version ${schemaVersion + 1}`),
      });
    } finally {
      await sql`delete from schema_version where version > ${schemaVersion}`;
    }
  });

  it('that cannot be applied is not applied in part', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fleetwire-test-'));
    const schemaFile = join(directory, 'schema.sql');
    await writeFile(schemaFile, 'create table half (a integer); select no_such_function();');
    try {
      await expect(
        migrate(test.database.sql, { ...migrateOptions, schemaFile }),
      ).rejects.toMatchObject({
        code: 'DATABASE_MIGRATION',
        message: expect.stringContaining('no_such_function'),
      });
      const [row] = await test.database.sql`select to_regclass('half') as half`;
      expect(row?.['half']).toBeNull();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe('the chunk interval', () => {
  it('is that of the configuration', async () => {
    const other = await openTestDatabase({ chunkIntervalMs: 3_600_000 });
    try {
      const [row] = await other.database.sql`
        select time_interval = interval '1 hour' as hourly
        from timescaledb_information.dimensions`;
      expect(row).toEqual({ hourly: true });
    } finally {
      await other.cleanup();
    }
  });
});

describe('a server that is not there', () => {
  it('is an error that names DATABASE_URL and no password', async () => {
    const url = 'postgres://me:hunter2@127.0.0.1:1/fleet?sslmode=disable';
    const opening = openDatabase({ ...test.options, url });
    await expect(opening).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    const message = await opening.catch((error: Error) => error.message);
    expect(message).toContain('127.0.0.1:1/fleet');
    expect(message).toContain('DATABASE_URL');
    expect(message).not.toContain('hunter2');
    expect(message).not.toContain('me:');
  });
});
