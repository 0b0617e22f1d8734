import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadVehicles, saveVehicles, type KnownVehicle } from '../../src/store/vehicles.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { anyPlaced, placed, startMs } from './fixes.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate vehicles`;
});

afterAll(async () => {
  await test.cleanup();
});

async function load(pageRows?: number): Promise<KnownVehicle[]> {
  const vehicles: KnownVehicle[] = [];
  const count = await loadVehicles(test.database.sql, (one) => vehicles.push(one), pageRows);
  expect(count).toBe(vehicles.length);
  return vehicles;
}

const byKey = (vehicles: readonly KnownVehicle[]): KnownVehicle[] =>
  vehicles.toSorted((one, other) => (one.key < other.key ? -1 : 1));

describe('last known positions', () => {
  it('come back as they were saved', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyPlaced, { selector: ({ key }) => key, maxLength: 40 }),
        async (vehicles) => {
          await test.database.sql`truncate vehicles`;
          await saveVehicles(test.database.sql, vehicles, 7);
          const asJson = (one: KnownVehicle): unknown => ({
            ...one,
            state: null,
            fix: { ...one.fix, attributes: JSON.parse(one.fix.attributes ?? 'null') },
          });
          expect((await load(7)).map(asJson)).toEqual(byKey(vehicles).map(asJson));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('are visited in the order of their keys, page by page', async () => {
    const keys = ['b', 'a/2', 'B', 'a', 'a/10', 'ab'];
    await saveVehicles(
      test.database.sql,
      keys.map((key) => placed(key, 0)),
    );
    for (const pageRows of [1, 2, 3, 6, 100]) {
      const loaded = await load(pageRows);
      expect(loaded.map(({ key }) => key)).toEqual(['B', 'a', 'a/10', 'a/2', 'ab', 'b']);
    }
  });

  it('are none in a new database', async () => {
    expect(await load()).toEqual([]);
    await saveVehicles(test.database.sql, []);
    expect(await load()).toEqual([]);
  });

  it('move forward, never back', async () => {
    const { sql } = test.database;
    await saveVehicles(sql, [placed('veh-1', 10), placed('veh-2', 10)]);
    await saveVehicles(sql, [
      placed('veh-1', 9, { latE7: 1, speedCms: null }),
      placed('veh-2', 11, { latE7: 2, speedCms: null }),
      placed('veh-3', 1, { latE7: 3 }),
    ]);
    const loaded = await load();
    expect(loaded.map(({ key, fix }) => [key, fix.timeMs - startMs, fix.latE7])).toEqual([
      ['veh-1', 10_000, 526_000_010],
      ['veh-2', 11_000, 2],
      ['veh-3', 1_000, 3],
    ]);
    expect(loaded.map(({ fix }) => fix.speedCms)).toEqual([1_250, null, 1_250]);
  });

  it('stay what they were at the same time', async () => {
    const { sql } = test.database;
    await saveVehicles(sql, [placed('veh-1', 0, { latE7: 1 })]);
    await saveVehicles(sql, [placed('veh-1', 0, { latE7: 2 })]);
    expect((await load())[0]?.fix.latE7).toBe(1);
  });

  it('have a state of the fold, which changes also where they stay, and stays where none is told', async () => {
    const { sql } = test.database;
    const stateOf = async (): Promise<number[] | null> => {
      const state = (await load())[0]?.state ?? null;
      return state === null ? null : [...state];
    };
    await saveVehicles(sql, [placed('veh-1', 10)]);
    expect(await stateOf()).toBe(null);
    await saveVehicles(sql, [{ ...placed('veh-1', 10), state: Uint8Array.of(0, 1, 255) }]);
    expect(await stateOf()).toEqual([0, 1, 255]);
    await saveVehicles(sql, [placed('veh-1', 11)]);
    await saveVehicles(sql, [{ ...placed('veh-1', 9), state: Uint8Array.of(9) }]);
    expect(await stateOf()).toEqual([0, 1, 255]);
    await saveVehicles(sql, [{ ...placed('veh-1', 11), state: Uint8Array.of(2) }]);
    expect(await stateOf()).toEqual([2]);
  });

  it('are saved without attributes that the database refuses', async () => {
    const attributes = String.raw`{"note":"\u0000"}`;
    const vehicles = ['a', 'b', 'c', 'd', 'e'].map((key) =>
      placed(key, 0, key === 'c' ? { attributes } : { attributes: '{"ok": true}' }),
    );
    await saveVehicles(test.database.sql, vehicles);
    expect((await load()).map(({ key, fix }) => [key, fix.attributes])).toEqual([
      ['a', '{"ok": true}'],
      ['b', '{"ok": true}'],
      ['c', null],
      ['d', '{"ok": true}'],
      ['e', '{"ok": true}'],
    ]);
  });

  it('are written many at once', async () => {
    const vehicles = Array.from({ length: 12_000 }, (_, index) => placed(`veh-${index}`, 0));
    await saveVehicles(test.database.sql, vehicles);
    await saveVehicles(
      test.database.sql,
      vehicles.map(({ key }) => placed(key, 1)),
    );
    const loaded = await load();
    expect(loaded).toHaveLength(12_000);
    expect(new Set(loaded.map(({ fix }) => fix.timeMs))).toEqual(new Set([startMs + 1_000]));
  });
});
