/**
 * Questions about more than anybody may ask for at once: too long a time, too many at once, the place of another list.
 * Each is refused before the database is asked, and what may be asked is answered in pages.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openGate, type Gate } from '../support/gate.ts';

/** The path of each list, and its name there; `ranged` are those of a span of time. */
const lists = [
  { path: '/v1/vehicles/bus-1/track?', name: 'fixes', most: limits.trackRowsMax, ranged: true },
  { path: '/v1/vehicle-events?', name: 'events', most: limits.apiPageRowsMax, ranged: true },
  { path: '/v1/trips?', name: 'trips', most: limits.apiPageRowsMax, ranged: true },
  { path: '/v1/emergencies?', name: 'emergencies', most: limits.apiPageRowsMax, ranged: true },
  { path: '/v1/notifications?', name: 'notifications', most: limits.apiPageRowsMax, ranged: true },
  {
    path: '/v1/commands?vehicle=bus-1&',
    name: 'commands',
    most: limits.apiPageRowsMax,
    ranged: true,
  },
  { path: '/v1/positions?', name: 'positions', most: limits.apiPageRowsMax, ranged: false },
  {
    path: '/v1/geofences?',
    name: 'features',
    most: limits.geofencesPageRowsMax - 1,
    ranged: false,
  },
  {
    path: '/v1/sessions?subject=root&',
    name: 'sessions',
    most: limits.apiPageRowsMax,
    ranged: false,
  },
] as const;
const ranged = lists.filter((list) => list.ranged);
/** The place in a list that there is not. */
const foreign = Buffer.from('["elsewhere",[1,"x"]]').toString('base64url');

let test: EngineTest;
let api: Api;
let gate: Gate;
let users = 0;

/** Each with requests of its own. */
function admin(): ApiUser {
  users += 1;
  return { sub: `root-${users}`, role: 'admin' };
}

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  gate = await openGate(test);
  await gate.move('bus-1', { lat: 52.6, lon: -8.6 });
  await gate.settled();
});

afterAll(async () => {
  await gate.close();
  await test.cleanup();
});

const queries = (): Promise<number> => test.engine.counter('fleetwire_api_queries_total');

async function refused(name: RefusalName, status: number, path: string): Promise<void> {
  const before = await queries();
  await api.refused(name, status, () => api.ask(admin(), path));
  expect(await queries()).toBe(before);
}

describe.each(lists)('$path', ({ path, name, most }) => {
  it('is answered in pages of no more than may be', async () => {
    expect((await api.get(admin(), `${path}limit=${most}`))[name]).toBeInstanceOf(Array);
    for (const limit of [most + 1, 10_000_000, 0, -1, 1.5, 'all']) {
      await refused('badQuery', 400, `${path}limit=${limit}`);
    }
  });

  it('does not go on where another list was left', async () => {
    for (const cursor of [foreign, 'AAAA', 'x'.repeat(200)]) {
      await refused('badCursor', 400, `${path}cursor=${cursor}`);
    }
  });
});

describe.each(ranged)('$path of a time', ({ path }) => {
  const nowMs = Date.now();
  const longMs = limits.apiRangeMaxMs + 60_000;

  it('is not longer than may be asked for', async () => {
    await refused('rangeTooLong', 422, `${path}from=0`);
    await refused('rangeTooLong', 422, `${path}from=1970-01-01&to=9999-12-31`);
    await refused('rangeTooLong', 422, `${path}from=${nowMs - longMs}&to=${nowMs}`);
  });

  it('ends after it begins', async () => {
    await refused('badTimeRange', 400, `${path}from=${nowMs}&to=${nowMs}`);
    await refused('badTimeRange', 400, `${path}from=${nowMs}&to=${nowMs - 1}`);
    for (const text of ['yesterday', '-1', '1e12', '2026-02-30', '']) {
      await refused('badTimeRange', 400, `${path}from=${text}`);
    }
  });
});
