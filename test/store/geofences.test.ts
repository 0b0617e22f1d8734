import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  findGeofence,
  listGeofences,
  loadGeofences,
  removeGeofence,
  saveGeofence,
  type StoredGeofence,
} from '../../src/store/geofences.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate geofences`;
});

afterAll(() => test.cleanup());

const nowMs = 1_700_000_000_123;

const of = (over: Partial<StoredGeofence> = {}): StoredGeofence => ({
  tenant: 'acme',
  id: 'depot',
  name: 'Depot "Süd" \\ 1',
  geojson: '{"type":"Feature"}',
  speedMaxCms: 833,
  dwellMs: 90_500,
  notify: ['role:dispatcher', 'user:anna@example'],
  attributes: '{"gate":"ü"}',
  validFromMs: nowMs,
  validToMs: null,
  createdAtMs: nowMs - 1,
  createdBy: 'anna',
  updatedAtMs: nowMs + 1,
  updatedBy: 'bert',
  ...over,
});

const save = (over: Partial<StoredGeofence> = {}): Promise<boolean> =>
  saveGeofence(test.database.sql, of(over));
const remove = (removedAtMs: number, id = 'depot'): Promise<boolean> =>
  removeGeofence(test.database.sql, 'acme', id, removedAtMs, 'carla');
const find = (id = 'depot') => findGeofence(test.database.sql, 'acme', id);

async function load(sinceMs: number | null = 0, pageRows?: number): Promise<StoredGeofence[]> {
  const all: StoredGeofence[] = [];
  const count = await loadGeofences(test.database.sql, sinceMs, (one) => all.push(one), pageRows);
  expect(count).toBe(all.length);
  return all;
}

/** As it comes back: the database writes JSON its own way. */
const plain = (one: StoredGeofence | null): unknown =>
  one && {
    ...one,
    geojson: JSON.parse(one.geojson) as unknown,
    attributes: JSON.parse(one.attributes ?? 'null') as unknown,
  };

const spans = (all: readonly StoredGeofence[]): unknown =>
  all.map(({ id, validFromMs, validToMs }) => [
    id,
    validFromMs - nowMs,
    validToMs === null ? null : validToMs - nowMs,
  ]);

describe('geofences', () => {
  it.each<[string, Partial<StoredGeofence>]>([
    ['with all there is', {}],
    ['with little', { speedMaxCms: null, dwellMs: null, notify: [], attributes: null }],
    ['with the most', { speedMaxCms: 100_000, dwellMs: 31 * 86_400_000, attributes: '{}' }],
    ['with the least', { speedMaxCms: 1, dwellMs: 1 }],
    ['of the default tenant', { tenant: 'default', id: 'A.b_c:d-1' }],
  ])('come back as they were saved, %s', async (_name, over) => {
    expect(await save(over)).toBe(true);
    const saved = of(over);
    expect((await load(null)).map(plain)).toEqual([plain(saved)]);
    expect(plain(await findGeofence(test.database.sql, saved.tenant, saved.id))).toEqual(
      plain(saved),
    );
  });

  it('are saved again without harm, and changed in place where the version is the same', async () => {
    await save();
    await save();
    await save({ name: 'Depot 2', createdBy: 'mallory', updatedAtMs: nowMs + 7 });
    expect(plain(await find())).toEqual(plain(of({ name: 'Depot 2', updatedAtMs: nowMs + 7 })));
    expect(await load()).toHaveLength(1);
  });

  it('have versions that follow each other, whatever is done again', async () => {
    await save();
    await save({ validFromMs: nowMs + 1_000, name: 'wider' });
    expect(await save({ validFromMs: nowMs + 1_000, name: 'wider' })).toBe(true);
    expect(await save()).toBe(false);
    expect(spans(await load())).toEqual([
      ['depot', 0, 1_000],
      ['depot', 1_000, null],
    ]);
    expect((await find())?.name).toBe('wider');
    // One that was forgotten on the way is put between the others, and is not the newest.
    expect(await save({ validFromMs: nowMs + 500 })).toBe(false);
    expect(spans(await load())).toEqual([
      ['depot', 0, 500],
      ['depot', 500, 1_000],
      ['depot', 1_000, null],
    ]);
    await remove(nowMs + 9_000);
    expect(await save({ validFromMs: nowMs + 8_000 })).toBe(false);
    expect(await find()).toBeNull();
    expect(spans(await load(nowMs + 7_000))).toEqual([
      ['depot', 1_000, 8_000],
      ['depot', 8_000, 9_000],
    ]);
  });

  it('are removed once, and come again as another version', async () => {
    expect(await remove(nowMs)).toBe(false);
    await save();
    expect(await remove(nowMs + 50)).toBe(true);
    expect(await remove(nowMs + 60)).toBe(false);
    expect(await find()).toBeNull();
    expect(await load(null)).toEqual([]);
    expect((await load())[0]).toMatchObject({ updatedAtMs: nowMs + 50, updatedBy: 'carla' });
    expect(await save({ validFromMs: nowMs + 70 })).toBe(true);
    expect(spans(await load())).toEqual([
      ['depot', 0, 50],
      ['depot', 70, null],
    ]);
    // By a clock that is behind.
    expect(await remove(nowMs)).toBe(true);
    expect(spans(await load(nowMs + 51))).toEqual([['depot', 70, 70]]);
  });

  it('are loaded with the versions that counted since', async () => {
    await save();
    await save({ validFromMs: nowMs + 1_000 });
    await save({ id: 'port', tenant: 'globex' });
    expect(spans(await load(nowMs + 999))).toHaveLength(3);
    expect(spans(await load(nowMs + 1_000))).toEqual([
      ['depot', 1_000, null],
      ['port', 0, null],
    ]);
  });

  it('are visited and listed page by page', async () => {
    const ids = ['b', 'B', 'a-1', 'a', 'c'];
    for (const id of ids) {
      await save({ id });
      await save({ id, validFromMs: nowMs + 1 });
      await save({ id, tenant: 'globex' });
    }
    await remove(nowMs + 2, 'c');
    for (const pageRows of [1, 2, 3, 7, 100]) {
      const loaded = await load(null, pageRows);
      expect(loaded.map(({ tenant, id }) => `${tenant}/${id}`)).toEqual([
        ...['B', 'a', 'a-1', 'b'].map((id) => `acme/${id}`),
        ...['B', 'a', 'a-1', 'b', 'c'].map((id) => `globex/${id}`),
      ]);
      expect(await load(0, pageRows)).toHaveLength(15);
    }
    const list = async (afterId: string, rows: number): Promise<string[]> =>
      (await listGeofences(test.database.sql, 'acme', afterId, rows)).map(({ id }) => id);
    expect(await list('', 2)).toEqual(['B', 'a']);
    expect(await list('a', 2)).toEqual(['a-1', 'b']);
    expect(await list('b', 2)).toEqual([]);
    expect(await list('', 1e9)).toHaveLength(4);
  });

  it('end up the same when what was done is done again', async () => {
    const steps = fc.array(
      fc.record({ isRemoval: fc.boolean(), afterMs: fc.integer({ min: 1, max: 9 }) }),
      { minLength: 1, maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const run = async (times: number): Promise<unknown> => {
          await test.database.sql`truncate geofences`;
          let atMs = nowMs;
          for (const { isRemoval, afterMs } of steps) {
            atMs += afterMs;
            for (let again = 0; again < times; again++) {
              await (isRemoval ? remove(atMs) : save({ validFromMs: atMs, updatedAtMs: atMs }));
            }
          }
          return load();
        };
        expect(await run(2)).toEqual(await run(1));
        const current = await load(null);
        expect(current).toHaveLength(steps.at(-1)?.isRemoval === true ? 0 : 1);
      }),
      { numRuns: 10 },
    );
  });
});
