/** The embedded database is one session: batches and clients must not get into each other's way. */
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { placed, rowsOf, track } from './fixes.ts';
import { message, openRawClient } from './rawclient.ts';

let test: TestDatabase;
let path: string;
let client: Sql;

beforeAll(async () => {
  test = await openTestDatabase({ url: null });
  path = (test.database.sql as unknown as { options: { path: string } }).options.path;
  client = openClient();
});

beforeEach(async () => {
  await client`truncate positions, vehicles`;
});

afterAll(async () => {
  await client.end();
  await test.cleanup();
});

function openClient(): Sql {
  const login = { database: 'template1', user: 'postgres', ssl: false };
  return postgres({ ...login, path, max: 4, onnotice: () => undefined });
}

const insertVehicle = (sql: Pick<Sql, 'unsafe'>, key: string) =>
  sql.unsafe(
    `insert into vehicles (vehicle_id, time, latitude, longitude, received_at)
     values ('${key}', now(), 1, 2, now())`,
  );

const count = async (table: 'positions' | 'vehicles'): Promise<number> => {
  const [row] = await client.unsafe<{ rows: number }[]>(
    `select count(*)::integer as rows from ${table}`,
  );
  return row?.rows ?? -1;
};

describe('a batch beside a transaction', () => {
  it('waits for its end, and is not rolled back with it', async () => {
    const events: string[] = [];
    let copying: Promise<unknown> = Promise.resolve();
    const transaction = client.begin(async (sql) => {
      await insertVehicle(sql, 'veh-1');
      copying = test.database.copy
        .copy([rowsOf(track('veh-1', 100))])
        .then(() => events.push('copy'));
      for (let step = 0; step < 5; step++) await sql`select ${step}::integer`;
      events.push('rollback');
      throw new Error('changed my mind');
    });
    await expect(transaction).rejects.toThrow('changed my mind');
    await copying;
    expect(events).toEqual(['rollback', 'copy']);
    expect(await count('positions')).toBe(100);
    expect(await count('vehicles')).toBe(0);
  });

  it('waits also when a statement of it has failed', async () => {
    const events: string[] = [];
    let copying: Promise<unknown> = Promise.resolve();
    const transaction = client.begin(async (sql) => {
      const failing = sql`select 1 / 0`.catch((error: Error) => error);
      expect(await failing).toMatchObject({ code: '22012' });
      copying = test.database.copy
        .copy([rowsOf(track('veh-1', 10))])
        .then(() => events.push('copy'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push('end');
    });
    await expect(transaction).rejects.toMatchObject({ code: '22012' });
    await copying;
    expect(events).toEqual(['end', 'copy']);
    expect(await count('positions')).toBe(10);
  });

  it('that is refused leaves a transaction after it alone', async () => {
    const rows = rowsOf(track('veh-1', 5));
    await test.database.copy.copy([rows]);
    const [refused] = await Promise.allSettled([
      test.database.copy.copy([rows]),
      client.begin((sql) => insertVehicle(sql, 'veh-1')),
    ]);
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: '23505' } });
    expect(await count('vehicles')).toBe(1);
  });
});

describe('many clients', () => {
  it('get their own answers while batches are written', async () => {
    const copies = Array.from({ length: 20 }, (_, index) =>
      index % 3 === 0
        ? test.database.copy.merge([rowsOf(track(`veh-${index}`, 50))])
        : test.database.copy.copy([rowsOf(track(`veh-${index}`, 50))]),
    );
    const queries = Array.from({ length: 60 }, async (_, index) => {
      const [row] = await client`select ${index}::integer as a, ${`text ${index}`}::text as b`;
      expect(row).toEqual({ a: index, b: `text ${index}` });
    });
    const transactions = Array.from({ length: 20 }, async (_, index) => {
      const transaction = client.begin(async (sql) => {
        await insertVehicle(sql, `veh-${index}`);
        const [row] = await sql`select ${index}::integer as a`;
        expect(row).toEqual({ a: index });
        if (index % 2 === 0) throw new Error('rolled back');
      });
      if (index % 2 === 0) await expect(transaction).rejects.toThrow('rolled back');
      else await transaction;
    });
    await Promise.all([...copies, ...queries, ...transactions]);
    expect(await count('positions')).toBe(20 * 50);
    expect(await count('vehicles')).toBe(10);
  });

  it('may send large messages', async () => {
    const large = 'x'.repeat(3_000_000);
    const [row] = await client`select length(${large}::text) as length, ${large}::text as back`;
    expect(row?.['length']).toBe(large.length);
    expect(row?.['back']).toBe(large);
  });
});

describe('a client that vanishes', () => {
  it('in the middle of a transaction lets the others in, and what it did is undone', async () => {
    const raw = await openRawClient(path);
    await raw.exchange(message('Q', 'begin\0'), 'Z\0\0\0\x05T');
    await raw.exchange(
      message(
        'Q',
        `insert into vehicles (vehicle_id, time, latitude, longitude, received_at)
         values ('ghost', now(), 1, 2, now())\0`,
      ),
      'Z\0\0\0\x05T',
    );
    const copying = test.database.copy.copy([rowsOf(track('veh-1', 10))]);
    const querying = insertVehicle(client, 'veh-1');
    await raw.vanish();
    await Promise.all([copying, querying]);
    expect(await count('positions')).toBe(10);
    expect(await count('vehicles')).toBe(1);
  });

  it('in the middle of a query lets the others in', async () => {
    const raw = await openRawClient(path);
    await raw.exchange(message('P', '\0select 1\0\0\0'), '1\0\0\0\x04');
    const copying = test.database.copy.copy([rowsOf(track('veh-1', 10))]);
    await raw.vanish();
    await copying;
    const [row] = await client`select 7 as a`;
    expect(row).toEqual({ a: 7 });
  });

  it('after an error in the middle of a query lets the others in', async () => {
    const raw = await openRawClient(path);
    await raw.exchange(message('P', '\0selec 1\0\0\0'), 'E\0\0');
    await raw.vanish();
    await test.database.copy.copy([rowsOf([placed('veh-1', 0)])]);
    expect(await count('positions')).toBe(1);
  });

  it('before it has said its password lets the others in', async () => {
    const raw = await openRawClient(path, { isGreetingOnly: true });
    const copying = test.database.copy.copy([rowsOf([placed('veh-1', 0)])]);
    await raw.vanish();
    await copying;
    expect(await count('positions')).toBe(1);
  });

  it('while it waits for its turn takes none', async () => {
    const holder = await openRawClient(path);
    await holder.exchange(message('Q', 'begin\0'), 'Z\0\0\0\x05T');
    const waiting = openClient();
    const query = waiting`select 1`.catch((error: Error) => error);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await waiting.end({ timeout: 0 });
    expect(await query).toBeInstanceOf(Error);
    await holder.exchange(message('Q', 'rollback\0'), 'Z\0\0\0\x05I');
    await holder.vanish();
    expect(await count('positions')).toBe(0);
  });

  it('takes no notice of the others, however many there were', async () => {
    for (let round = 0; round < 10; round++) {
      const short = openClient();
      await short`select 1`;
      await short.end();
    }
    expect(await count('positions')).toBe(0);
  });
});
