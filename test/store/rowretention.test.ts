/** Rows that are over and old go, in pages; what is open stays, and what is kept for ever. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { ageMs, createSweeper, nowMs, type Sweeper } from './sweeper.ts';

const tables = [
  'trips',
  'emergencies',
  'notifications',
  'commands',
  'vehicle_events',
  'statuses',
  'sessions',
  'revocations',
  'dead_letters',
] as const;

let test: TestDatabase;
let sweeper: Sweeper;

beforeAll(async () => {
  test = await openTestDatabase();
  sweeper = createSweeper(test.database.sql);
});

beforeEach(async () => {
  await test.database.sql.unsafe(`truncate ${tables.join(', ')}`);
});

afterAll(async () => {
  await test.cleanup();
});

const old = `timestamptz '${new Date(nowMs - ageMs - 1).toISOString()}'`;
const young = `timestamptz '${new Date(nowMs - ageMs + 1).toISOString()}'`;
const ever = `timestamptz '2001-01-01'`;

/** Rows of each table, of which the old ones have ids that begin with `old`. */
const rows: Readonly<Record<(typeof tables)[number], string>> = {
  trips: `insert into trips
    (tenant, id, vehicle, source, phase, started_at, is_open, position, state, updated_at)
    select 'acme', id, 'v', 'explicit', 'p', ${ever}, is_open, 1, '{}', at
    from told`,
  emergencies: `insert into emergencies
    (tenant, id, kind, phase, raised_at, raised_by, is_open, position, state, updated_at)
    select 'acme', id, 'k', 'p', ${ever}, 'u', is_open, 1, '{}', at from told`,
  notifications: `insert into notifications
    (tenant, topic, id, audience, phase, severity, title, created_at, expires_at, is_open, position,
      state, updated_at)
    select 'acme', 't', id, 'user', 'p', 'info', 't', ${ever}, ${ever}, is_open, 1, '{}', at
    from told`,
  commands: `insert into commands
    (tenant, vehicle, id, name, phase, created_at, created_by, expires_at, is_open, position, state,
      updated_at)
    select 'acme', 'v', id, 'n', 'p', ${ever}, 'u', ${ever}, is_open, 1, '{}', at from told`,
  vehicle_events: `insert into vehicle_events
    (vehicle_id, time, kind, subject, latitude, longitude, is_late, data, told_at)
    select id, at, 'overspeed', '', 0, 0, false, '{}', at from told where not is_open`,
  statuses: `insert into statuses (vehicle_id, time, received_at, flags, attributes)
    select id, at, ${ever}, 0, '{}' from told where not is_open`,
  sessions: `insert into sessions
    (id, node, tenant, subject, role, plane, address, started_at, ended_at)
    select gen_random_uuid(), 'n', 'acme', id, 'device', 'ingest', '::1', ${ever},
      case when is_open then null else at end
    from told`,
  revocations: `insert into revocations (tenant, issuer, token_id, revoked_at, expires_at)
    select 'acme', 'i', id, ${ever},
      case when is_open then null else at + interval '9 days' end
    from told`,
  dead_letters: `insert into dead_letters (recorded_at, vehicle_id, sqlstate, reason, row)
    select at, id, '22008', 'r', '' from told where not is_open`,
};

const idColumns: Readonly<Record<string, string>> = {
  statuses: 'vehicle_id',
  vehicle_events: 'vehicle_id',
  sessions: 'subject',
  revocations: 'token_id',
  dead_letters: 'vehicle_id',
};

describe('rows', () => {
  const fill = async (): Promise<void> => {
    const told = `with told (id, at, is_open) as (
      select 'old' || n, ${old} - n * interval '1 minute', false from generate_series(1, 7) as n
      union all values ('young', ${young}, false), ('open', ${ever}, true)
    )`;
    for (const table of tables) await test.database.sql.unsafe(`${told} ${rows[table]}`);
  };
  const idsLeft = async (table: string): Promise<string[]> => {
    const id = idColumns[table] ?? 'id';
    const found = await test.database.sql.unsafe<{ id: string }[]>(
      `select ${id} as id from ${table} order by ${id}`,
    );
    return found.map((row) => row.id);
  };
  const oldIds = Array.from({ length: 7 }, (_, index) => `old${index + 1}`);

  it.each(tables.filter((table) => table !== 'dead_letters'))(
    'of %s go when they are over and old',
    async (table) => {
      await fill();
      expect((await sweeper()())[table]).toBe(7);
      const hasOpen = table !== 'vehicle_events' && table !== 'statuses';
      expect(await idsLeft(table)).toEqual([...(hasOpen ? ['open'] : []), 'young']);
    },
  );

  it('of dead_letters stay, and those of the others where they are kept for ever', async () => {
    await fill();
    expect(await sweeper({ ages: {} })()).toEqual({ revocations: 7 });
    await sweeper()();
    expect(await idsLeft('dead_letters')).toEqual([...oldIds, 'young']);
  });

  it('go a few a round', async () => {
    await fill();
    const round = sweeper({ ages: { sessionsMs: ageMs }, pageRows: 2, roundRows: 3 });
    expect(await round()).toEqual({ sessions: 3, revocations: 3 });
    // The oldest first.
    expect(await idsLeft('sessions')).toEqual(['old1', 'old2', 'old3', 'old4', 'open', 'young']);
  });
});

describe('states of vehicles', () => {
  const left = async (): Promise<string[]> => {
    const found = await test.database.sql<{ text: string }[]>`
      select concat_ws(' ', vehicle_id, get_byte(state, 0)) as text from vehicle_states
      order by vehicle_id, time`;
    return found.map(({ text }) => text);
  };

  beforeEach(async () => {
    const { sql } = test.database;
    await sql`truncate vehicle_states`;
    // Numbered by how many minutes they are too old: those of `a` stop there, `b` has moved since.
    await sql.unsafe(`
      insert into vehicle_states (vehicle_id, time, state)
      select vehicle, ${old} - n * interval '1 minute', set_byte('\\x00', 0, n)
      from generate_series(1, 9) as n cross join unnest(array['a', 'b']) as vehicle
      where vehicle = 'b' or n > 4
      union all values ('b', ${young}, '\\x00'::bytea)`);
  });

  it.each([1, 2, 3, 100])('go but for the newest of the old, %i a page', async (pageRows) => {
    const round = sweeper({ pageRows });
    expect((await round())['vehicle_states']).toBe(4 + 8);
    expect(await left()).toEqual(['a 5', 'b 1', 'b 0']);
    expect(await round()).toEqual({});
    expect(await left()).toEqual(['a 5', 'b 1', 'b 0']);
  });

  it('go a few a round, past those that have to stay', async () => {
    const round = sweeper({ pageRows: 2, roundRows: 6 });
    const dropped: unknown[] = [];
    for (let times = 0; times < 4; times++) dropped.push((await round())['vehicle_states'] ?? 0);
    expect(dropped).toEqual([6, 5, 1, 0]);
    expect(await left()).toEqual(['a 5', 'b 1', 'b 0']);
  });
});
