/** What a vehicle's past is folded from, and how the result takes the place of what was stored. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  detectedTrips,
  firstFix,
  lateRange,
  readPast,
  saveClean,
  saveFlags,
  saveRefold,
  type Refold,
} from '../../src/store/refolds.ts';
import { readVehicleEvents } from '../../src/store/vehicleeventlog.ts';
import { saveVehicleEvents, type StoredVehicleEvent } from '../../src/store/vehicleevents.ts';
import {
  loadDirty,
  saveDirty,
  saveVehicleStates,
  statesBefore,
} from '../../src/store/vehiclestates.ts';
import { statusFlags, type StoredStatus } from '../../src/store/status.ts';
import { lastStatus, saveStatuses } from '../../src/store/statuses.ts';
import { saveVehicles } from '../../src/store/vehicles.ts';
import { createWriter } from '../../src/store/writer.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { systemClock } from '../../src/clock.ts';
import { fixFlags } from '../../src/wire/types.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { batchOf, placed, startMs } from './fixes.ts';

const key = 'acme/bus-1';
const ofKey = { tenant: 'acme', key, seen: null, kind: null, geofence: null };
let test: TestDatabase;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  const { sql } = test.database;
  await sql`truncate positions, statuses, vehicles, vehicle_events, vehicle_states, vehicle_dirty, trips`;
});

afterAll(() => test.cleanup());

const at = (seconds: number): number => startMs + seconds * 1_000;

function event(seconds: number, change: Partial<StoredVehicleEvent> = {}): StoredVehicleEvent {
  return {
    key,
    timeMs: at(seconds),
    kind: 'geofenceEntered',
    subject: 'depot',
    latE7: 526_000_001,
    lonE7: -86_000_001,
    isLate: false,
    data: { name: 'Depot' },
    toldMs: at(seconds),
    ...change,
  };
}

const state = (seconds: number) => ({ key, timeMs: at(seconds), state: Uint8Array.of(seconds) });

async function events(): Promise<readonly StoredVehicleEvent[]> {
  const range = { ...ofKey, fromMs: at(-1e6), toMs: at(1e6) };
  return readVehicleEvents(test.database.sql, range, null, 100);
}

async function statesAt(): Promise<number[]> {
  const states = await statesBefore(test.database.sql, key, at(1e6), 100);
  return states.map(({ state }) => state[0] ?? -1);
}

async function dirty(): Promise<Record<string, number>> {
  const marks: Record<string, number> = {};
  await loadDirty(test.database.sql, (one) => (marks[one.key] = one.sinceMs), 1);
  return marks;
}

const refoldOf = (change: Partial<Refold>): Refold => ({
  key,
  tenant: 'acme',
  afterMs: at(10),
  untilMs: null,
  events: [],
  states: [],
  state: null,
  removedTrips: [],
  dirtySinceMs: null,
  ...change,
});

describe('events of vehicles', () => {
  it('come back as they were saved last, a page at a time', async () => {
    const { sql } = test.database;
    const some = [event(1), event(2, { subject: '' }), event(2), event(3)];
    await saveVehicleEvents(sql, [event(3, { data: {} }), ...some]);
    await saveVehicleEvents(sql, some);
    await saveVehicleEvents(sql, [event(1, { key: 'bus-1' })]);
    await saveVehicleEvents(sql, []);
    const range = { ...ofKey, fromMs: at(0), toMs: at(3) };
    const first = await readVehicleEvents(sql, range, null, 2);
    const rest = await readVehicleEvents(sql, range, first.at(-1)!, 2);
    expect([...first, ...rest]).toEqual(some.slice(0, 3));
    expect(await events()).toEqual(some);
  });
});

describe('states of vehicles', () => {
  it('are thinned to the first of each day once they are two days old', async () => {
    const { sql } = test.database;
    const dayS = 86_400;
    const hours = Array.from({ length: 24 * 4 }, (_, hour) => ({
      key,
      timeMs: at(hour * 3_600),
      state: Uint8Array.of(hour),
    }));
    for (const one of hours) await saveVehicleStates(sql, [one]);
    const kept = (await statesBefore(sql, key, at(1e6), 200)).map(({ timeMs }) => timeMs);
    const newestMs = at(95 * 3_600);
    expect(kept.filter((timeMs) => timeMs >= newestMs - dayS * 1_000)).toHaveLength(25);
    const old = kept.filter((timeMs) => timeMs < newestMs - dayS * 1_000);
    expect(new Set(old.map((timeMs) => Math.floor(timeMs / (dayS * 1_000)))).size).toBe(old.length);
  });
});

describe('fixes of a vehicle', () => {
  it('are read in wire units, in the order of time, without those that never counted', async () => {
    const fixes = [
      placed(key, 1, { attributes: '{"ignition": true}', flags: fixFlags.late }),
      placed(key, 2, { flags: fixFlags.jump, speedCms: null, satellites: null }),
      placed(key, 3, { flags: fixFlags.backfill }),
      placed(key, 4, { flags: fixFlags.clockSkew | fixFlags.backfill }),
      placed(key, 5, { flags: fixFlags.outdated | fixFlags.backfill }),
      placed(key, 6, { flags: fixFlags.backfill, speedCms: 333, courseCdeg: 12_345 }),
      placed(key, 7),
    ];
    const writer = createWriter({
      database: test.database,
      bounds: limits,
      metrics: createMetrics(),
      clock: systemClock,
      random: Math.random,
    });
    await writer.write(batchOf(fixes.toReversed()));
    const { sql } = test.database;
    const status = (seconds: number, flags = 0, attributes = '{"power": 12.5}') => {
      return { key, timeMs: at(seconds), flags, receivedAtMs: at(99), attributes };
    };
    const told = [
      status(2),
      status(3, statusFlags.late | statusFlags.backfill),
      status(4, statusFlags.unplaced | statusFlags.backfill),
      status(6, 0, '{"door": 1, "x": {"power": 1}}'),
      status(9, statusFlags.backfill),
      status(11),
    ];
    expect(await saveStatuses(sql, [...told, status(3, 0, '{"power": 0}')])).toBe(6);
    expect(await saveStatuses(sql, told)).toBe(0);
    const past = (afterS: number, untilS: number, statusUntilS: number, rows: number) => {
      const until = { untilMs: at(untilS), statusUntilMs: at(statusUntilS) };
      return readPast(sql, { key, afterMs: at(afterS), ...until }, rows);
    };
    const asPast = ({ fix }: (typeof fixes)[number]) => ({ timeMs: fix.timeMs, fix });
    const asTold = ({ timeMs, flags }: StoredStatus) => {
      return { timeMs, status: { timeMs, flags, attributes: { power: 12.5 } } };
    };
    expect(await past(1, 7, 10, 4)).toEqual([
      asTold(told[0]!),
      asPast(fixes[1]!),
      asTold(told[1]!),
      asPast(fixes[2]!),
    ]);
    expect(await past(3, 6, 10, 9)).toEqual([asPast(fixes[5]!), asTold(told[4]!)]);
    expect(await past(0, 1, 1, 3)).toEqual([asPast(fixes[0]!)]);
    expect([await firstFix(sql, key, at(4)), await firstFix(sql, key, at(8))]).toEqual([
      at(6),
      null,
    ]);
    expect(await lastStatus(sql, key)).toEqual({ timeMs: at(11), attributes: { power: 12.5 } });
    expect(await lastStatus(sql, 'nobody')).toBe(null);
    const range = { lastMs: at(6), lastStatusMs: at(9) };
    expect(await lateRange(sql, key, at(0))).toEqual({ firstMs: at(3), ...range });
    expect(await lateRange(sql, key, at(4))).toEqual({ firstMs: at(6), ...range });
    const late = { firstMs: at(9), lastMs: at(9), lastStatusMs: at(9) };
    expect(await lateRange(sql, key, at(7))).toEqual(late);
    expect(await lateRange(sql, key, at(10))).toBe(null);
    await saveFlags(sql, key, [
      { timeMs: at(3), flags: 36 },
      { timeMs: at(99), flags: 1 },
    ]);
    await saveFlags(sql, key, []);
    expect(await past(2, 3, 0, 3)).toMatchObject([{ fix: { flags: 36 } }]);
  });
});

describe('a refold', () => {
  it('replaces what was told behind its base, and nothing else', async () => {
    const { sql } = test.database;
    await saveVehicleEvents(sql, [
      event(9),
      event(8, { toldMs: at(11) }),
      event(12),
      event(13, { toldMs: at(2) }),
      event(14),
      event(12, { key: 'bus-1' }),
    ]);
    await saveVehicleStates(sql, [state(10), state(12), state(20)]);
    await saveVehicles(sql, [{ ...placed(key, 20), state: Uint8Array.of(1) }]);
    await saveDirty(sql, [{ key, sinceMs: at(11) }]);
    const toldAt = (id: string, seconds: number) => ({ id, toldMs: at(seconds) });
    await sql`
      insert into trips (tenant, id, vehicle, source, phase, started_at, is_open, position, state)
      select 'acme', id, 'bus-1', source, 'ended', ${new Date(at(5))}, false, 1, state::jsonb
      from unnest(
        ${['one', 'two', 'own']}::text[],
        ${['detected', 'detected', 'explicit']}::text[],
        ${[toldAt('one', 10), toldAt('two', 12), { id: 'own' }].map((one) => JSON.stringify(one))}::text[]
      ) as told (id, source, state)`;
    expect(await detectedTrips(sql, 'acme', 'bus-1', at(10))).toEqual([
      { id: 'two', toldMs: at(12), state: { id: 'two', toldMs: at(12) } },
    ]);
    const told = [event(14, { data: { name: 'New' } }), event(15)];
    const refold = refoldOf({
      events: [event(15, { data: {} }), ...told],
      states: [state(12), state(15)],
      state: Uint8Array.of(7),
      removedTrips: ['two', 'own'],
    });
    for (let times = 0; times < 2; times++) {
      await saveRefold(sql, refold);
      expect(await events()).toEqual([event(9), event(13, { toldMs: at(2) }), ...told]);
      expect(await statesAt()).toEqual([15, 12, 10]);
      expect(await dirty()).toEqual({});
    }
    const [vehicle] = await sql<{ state: Uint8Array }[]>`select state from vehicles`;
    expect([...(vehicle?.state ?? [])]).toEqual([7]);
    const trips = await sql<{ id: string }[]>`select id from trips order by id`;
    expect(trips.map(({ id }) => id)).toEqual(['one', 'own']);
  });

  it('of a part leaves what is behind it, and the mark', async () => {
    const { sql } = test.database;
    await saveVehicleEvents(sql, [event(11), event(21)]);
    await saveVehicleStates(sql, [state(11), state(21)]);
    await saveVehicles(sql, [{ ...placed(key, 30), state: Uint8Array.of(1) }]);
    await saveDirty(sql, [{ key, sinceMs: at(11) }]);
    const part = { untilMs: at(20), states: [state(20)], dirtySinceMs: at(20) + 1 };
    await saveRefold(sql, refoldOf(part));
    expect(await events()).toEqual([event(21)]);
    expect(await statesAt()).toEqual([21, 20]);
    expect(await dirty()).toEqual({ [key]: at(20) + 1 });
    const [vehicle] = await sql<{ state: Uint8Array }[]>`select state from vehicles`;
    expect([...(vehicle?.state ?? [])]).toEqual([1]);
  });
});

describe('a mark', () => {
  it('stays at its earliest time until it is taken back', async () => {
    const { sql } = test.database;
    await saveDirty(sql, [
      { key, sinceMs: at(5) },
      { key: 'bus-2', sinceMs: at(6) },
    ]);
    // Of one that was marked again while it was worked on there are two.
    await saveDirty(sql, [
      { key, sinceMs: at(7) },
      { key, sinceMs: at(4) },
    ]);
    await saveDirty(sql, [{ key, sinceMs: at(9) }]);
    expect(await dirty()).toEqual({ [key]: at(4), 'bus-2': at(6) });
    await saveClean(sql, key, at(8));
    await saveClean(sql, 'bus-2', null);
    expect(await dirty()).toEqual({ [key]: at(8) });
  });
});
