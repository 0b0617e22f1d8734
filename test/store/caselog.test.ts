/** Trips and the like, from their tables: filters and pages. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCases, type CaseFilter, type CasePlace } from '../../src/store/caselog.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;
const startMs = Date.UTC(2026, 2, 14);
const filter: CaseFilter = {
  tenant: 'default',
  fromMs: startMs,
  toMs: startMs + 3_600_000,
  isOpenOnly: false,
  vehicles: [],
  recipient: null,
};

beforeAll(async () => {
  test = await openTestDatabase();
  // Three begin at each moment; every second one is open.
  for (let index = 0; index < 12; index++) {
    const began = new Date(startMs + Math.floor(index / 3) * 60_000);
    const state = JSON.stringify({ id: `t-${index}` });
    await test.database.sql`
      insert into trips (tenant, id, vehicle, source, phase, started_at, is_open, position, state)
      values (
        'default', ${`t-${index}`}, ${`bus-${index % 4}`}, 'explicit', 'running', ${began},
        ${index % 2 === 0}, 1, ${state}::text::jsonb
      )`;
  }
});

afterAll(() => test.cleanup());

async function ids(change: Partial<CaseFilter>, rows = 100): Promise<string[]> {
  const found: string[] = [];
  let after: CasePlace | null = null;
  for (;;) {
    const page: Awaited<ReturnType<typeof readCases>> = await readCases(
      test.database.sql,
      'trips',
      { ...filter, ...change },
      after,
      rows,
    );
    found.push(...page.map(({ state }) => state['id'] as string));
    const last = page.at(-1);
    if (last === undefined) return found;
    after = last;
  }
}

const newestFirst = ['9', '11', '10', '8', '7', '6', '5', '4', '3', '2', '1', '0'].map(
  (n) => `t-${n}`,
);

it.each([1, 2, 5, 100])('pages of %i have each once, the newest first', async (rows) => {
  expect(await ids({}, rows)).toEqual(newestFirst);
});

it('of a range, of vehicles, of what is open, of a tenant', async () => {
  expect(await ids({ toMs: startMs + 60_000 })).toEqual(['t-2', 't-1', 't-0']);
  expect(await ids({ fromMs: startMs + 180_000 })).toEqual(['t-9', 't-11', 't-10']);
  const one = { ids: ['bus-1'], prefixes: [] };
  expect(await ids({ vehicles: [one] })).toEqual(['t-9', 't-5', 't-1']);
  const two = { ids: ['bus-0', 'bus-1'], prefixes: ['van-'] };
  expect(await ids({ vehicles: [two, one] })).toEqual(['t-9', 't-5', 't-1']);
  expect(await ids({ vehicles: [{ ids: [], prefixes: ['bus-'] }] })).toEqual(newestFirst);
  expect(await ids({ vehicles: [{ ids: [], prefixes: ['van-'] }] })).toEqual([]);
  expect(await ids({ isOpenOnly: true, vehicles: [one] })).toEqual([]);
  expect(await ids({ isOpenOnly: true })).toHaveLength(6);
  expect(await ids({ tenant: 'acme' })).toEqual([]);
});

it.each(['emergencies', 'notifications', 'commands'] as const)(
  '%s can be asked for',
  async (table) => {
    const vehicles = table === 'notifications' ? [] : [{ ids: ['bus-1'], prefixes: [] }];
    const recipient = table === 'notifications' ? 'anna' : null;
    const wanted = { ...filter, vehicles, recipient, isOpenOnly: true };
    expect(await readCases(test.database.sql, table, wanted, null, 10)).toEqual([]);
  },
);
