import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arrayLiteral } from '../../src/store/arrays.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

afterAll(async () => {
  await test.cleanup();
});

describe('an array as a parameter', () => {
  const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''));

  it('arrives as it was, whatever its texts hold', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text), { maxLength: 8 }), async (values) => {
        const rows = await test.database.sql<{ value: string | null }[]>`
          select value from unnest(${values}::text[]) with ordinality as list (value, place)
          order by place`;
        expect(rows.map(({ value }) => value)).toEqual(values);
      }),
      { numRuns: 50 },
    );
  });

  it('may be of numbers', async () => {
    const [row] = await test.database.sql`
      select
        (${[1, null, -3]}::integer[])[3] as integer,
        (${[9_007_199_254_740_991]}::bigint[])[1]::text as bigint,
        (${[1.5, 1e-7]}::double precision[])[2] as double,
        cardinality(${[]}::smallint[]) as none`;
    expect(row).toEqual({ integer: -3, bigint: '9007199254740991', double: 1e-7, none: 0 });
  });

  it('may be what a query looks for', async () => {
    const rows = await test.database.sql`
      select word from (values ('a'), ('b,c'), ('"')) as words (word)
      where word = any(${['b,c', '"']}) order by word`;
    expect(rows.map(({ word }) => word)).toEqual(['"', 'b,c']);
  });

  it('that is text already stays as it is', () => {
    expect(arrayLiteral('{1,2}')).toBe('{1,2}');
  });
});

describe('statements of one message', () => {
  it('are one transaction', async () => {
    const { sql } = test.database;
    await expect(
      sql.unsafe('create table half (number integer); insert into half values (1 / 0)'),
    ).rejects.toMatchObject({ code: '22012' });
    const [row] = await sql`select to_regclass('half') as half`;
    expect(row).toEqual({ half: null });
  });
});
