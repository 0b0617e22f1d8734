/**
 * The real journey of a bus through the real engine, in order, and in no order with a kill in between: the same trip and
 * the same events of the vehicle are stored, and they are those of the fold over the fixes in their order.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createDeviceClient } from '../../src/client/index.ts';
import { fenceOf } from '../../src/fleet/fence.ts';
import { createFenceIndex } from '../../src/fleet/fenceindex.ts';
import { limits } from '../../src/limits.ts';
import { emptyFix } from '../../src/live/vehicles.ts';
import { saveGeofence, type StoredGeofence } from '../../src/store/geofences.ts';
import { readVehicleEvents } from '../../src/store/vehicleeventlog.ts';
import { fixFlags, type Fix } from '../../src/wire/types.ts';
import { createDice, eventsOf, fold, tripsOf, vehicle as bus } from '../fleet/journeys.ts';
import { openTestDesk, type TestDesk } from '../support/desk.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { distinctTrack } from '../support/gpx.ts';

const dayMs = 86_400_000;
const track = distinctTrack();
const endMs = track.at(-1)!.timeMs;
const middle = track[Math.floor(track.length / 2)]!;
/** The journey as if it had been so long ago. */
const shifted = (agoMs: number): readonly Fix[] => {
  const byMs = Date.now() - agoMs - endMs;
  return track.map(({ timeMs, latE7, lonE7 }) => {
    return Object.assign(emptyFix(timeMs + byMs), { latE7, lonE7 });
  });
};

const depot: StoredGeofence = {
  tenant: 'default',
  id: 'middle',
  name: 'Middle',
  geojson: JSON.stringify({
    type: 'Feature',
    geometry: { type: 'Point', coordinates: [middle.lonE7 / 1e7, middle.latE7 / 1e7] },
    properties: { radiusM: 300 },
  }),
  speedMaxCms: null,
  dwellMs: null,
  notify: ['user:dora'],
  attributes: null,
  validFromMs: Date.UTC(2019, 0, 1),
  validToMs: null,
  createdAtMs: Date.UTC(2019, 0, 1),
  createdBy: 'dora',
  updatedAtMs: Date.UTC(2019, 0, 1),
  updatedBy: 'dora',
};

const env = {
  FLEETWIRE_TRIP_LAPSE_MS: '1000',
  FLEETWIRE_FILTER_ZERO_ISLAND_M: String(limits.filterZeroIslandM),
  FLEETWIRE_FILTER_JUMP_SPEED_CMS: String(limits.filterJumpSpeedCms),
  FLEETWIRE_FILTER_ACCURACY_MAX_DM: String(limits.filterAccuracyMaxDm),
};
let test: EngineTest;
let desk: TestDesk;

afterEach(async () => {
  await desk.close();
  await test.cleanup();
});

/** An engine that knows the geofence. */
async function open(more: Readonly<Record<string, string>> = {}): Promise<void> {
  test = await openEngineTest({ ...env, ...more });
  await test.rows((sql) => saveGeofence(sql, depot));
  await test.engine.restart();
  desk = openTestDesk(test.engine);
}

/** What follows from the fixes in their order. */
function expected(fixes: readonly Fix[]) {
  const index = createFenceIndex(limits);
  const fence = fenceOf(depot, limits);
  if ('refused' in fence) throw new Error(fence.refused);
  index.put(fence);
  const { outputs } = fold(fixes, {}, dayMs, index.of('default'));
  const events = eventsOf(outputs).map(({ timeMs, kind, subject, latE7, lonE7, data }) => {
    return { timeMs, kind, subject, latE7, lonE7, data };
  });
  return { trips: tripsOf(outputs), events };
}

async function send(fixes: readonly Fix[], killAfter = Infinity): Promise<void> {
  let acked = 0;
  const client = createDeviceClient({
    url: `${test.engine.wsUrl}/v1/ingest`,
    token: await testToken({ sub: bus, role: 'device' }),
    fixesPerFrame: 40,
    onAck: (batch) => (acked += batch.fixes.length),
    bounds: { clientDelayMinMs: 20, clientDelayMaxMs: 200 },
  });
  for (const { timeMs, latE7, lonE7, accuracyDm } of fixes) {
    const accuracy = accuracyDm === null ? {} : { accuracy: accuracyDm / 10 };
    client.send({ timeMs, latitude: latE7 / 1e7, longitude: lonE7 / 1e7, ...accuracy });
  }
  if (killAfter < fixes.length) {
    await expect.poll(() => acked, { timeout: 20_000, interval: 1 }).toBeGreaterThan(killAfter);
    await test.engine.kill();
    await test.engine.restart();
  }
  await client.flushed();
  await client.close();
}

/** Waits until nothing has to be folded again, and the silence after the journey has ended its trip. */
async function settled(): Promise<void> {
  const isSettled = async (): Promise<boolean> => {
    const late = await test.engine.counter('fleetwire_vehicles_late');
    const underway = await test.engine.counter('fleetwire_vehicles_underway');
    return late === 0 && underway === 0;
  };
  for (let times = 0; times < 2; times++) {
    await expect.poll(isSettled, { timeout: 60_000, interval: 500 }).toBe(true);
  }
}

async function stored() {
  return test.rows(async (sql) => {
    const trips = await sql<{ state: string; phase: string }[]>`
      select state::text as state, phase from trips where vehicle = ${bus} order by started_at`;
    const ofBus = { tenant: 'default', key: bus, seen: null, kind: null, geofence: null };
    const range = { ...ofBus, fromMs: 0, toMs: Date.now() };
    const events = await readVehicleEvents(sql, range, null, 1_000);
    const dirty = await sql`select from vehicle_dirty`;
    return {
      trips: trips.map(({ state }) => {
        const { toldMs: _toldMs, ...trip } = JSON.parse(state) as Record<string, unknown>;
        return trip;
      }),
      events: events.map(({ timeMs, kind, subject, latE7, lonE7, data }) => {
        return { timeMs, kind, subject, latE7, lonE7, data };
      }),
      dirty: dirty.length,
    };
  });
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  const dice = createDice(304);
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(dice() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other]!, mixed[last]!];
  }
  return mixed;
}

describe('the journey of bus 304', () => {
  it('is told live: the trip, the geofence that it passes, and whoever that notifies', async () => {
    await open({ FLEETWIRE_LIVE_AGE_MAX_MS: '3600000' });
    const fixes = shifted(30_000);
    const dora = await desk.person({ sub: 'dora', role: 'dispatcher' });
    const { events } = expected(fixes);
    expect(events.map(({ kind }) => kind)).toEqual(['geofenceEntered', 'geofenceExited']);
    await dora.follow('notification:dora');
    await send(fixes);
    const notified = [await dora.toldOf('sent'), await dora.toldOf('sent')];
    expect(notified.map(({ data }) => data)).toMatchObject(
      events.map(({ kind, timeMs }) => ({
        severity: 'info',
        data: { kind, timeMs, vehicle: bus },
      })),
    );
    const found = await stored();
    expect(found.events).toEqual(events);
    expect(found.trips).toMatchObject([{ vehicle: bus, state: 'running', stopsCount: 4 }]);
  });

  it('in order is one trip with its stops, which the silence behind it ends', async () => {
    await open();
    const fixes = shifted(2 * 3_600_000);
    const wanted = expected(fixes);
    const vera = await desk.person({ sub: 'vera', role: 'viewer' });
    await vera.follow(`trip:${wanted.trips[0]!.id}`);
    await send(fixes);
    const names: string[] = [];
    while (names.at(-1) !== 'ended') names.push((await vera.told()).event);
    const stop = ['stopped', 'resumed'];
    expect(names).toEqual(['started', ...stop, ...stop, ...stop, ...stop, 'ended']);
    await settled();
    expect(await test.engine.counter('fleetwire_vehicles_recomputed_total')).toBe(0);
    expect(await stored()).toEqual({ ...wanted, dirty: 0 });
  });

  it('a day late, in no order, and with a kill in between is the same', async () => {
    await open();
    const fixes = shifted(dayMs);
    const wanted = expected(fixes);
    expect(wanted.trips).toHaveLength(1);
    expect(wanted.trips[0]!.stopsCount).toBe(4);
    const third = Math.ceil(fixes.length / 3);
    const chunks = [fixes.slice(third, 2 * third), fixes.slice(2 * third), fixes.slice(0, third)];
    const [first, second, last] = chunks.map(shuffled);
    await send(first!);
    await send(second!, 200);
    desk = openTestDesk(test.engine);
    await send(last!, 200);
    await settled();
    expect(await stored()).toEqual({ ...wanted, dirty: 0 });
  });
});

describe('fixes that are filtered', () => {
  it('are stored with why, and nobody sees them', async () => {
    await open();
    const fixes = shifted(60_000).slice(0, 200);
    const spike = { ...fixes[100]!, timeMs: fixes[100]!.timeMs + 1, latE7: 536_000_000 };
    const nowhere = { ...fixes[150]!, timeMs: fixes[150]!.timeMs + 1, latE7: 0, lonE7: 0 };
    const mast = { ...fixes[160]!, timeMs: fixes[160]!.timeMs + 1, accuracyDm: 20_000 };
    const bad = [spike, nowhere, mast];
    const watcher = await desk.person({ sub: 'vera', role: 'viewer' });
    await watcher.follow(`vehicle:${bus}`).catch(() => undefined);
    const all = [...fixes, ...bad].toSorted((one, other) => one.timeMs - other.timeMs);
    await send(all);
    const seen: number[] = [];
    while (seen.at(-1) !== fixes.at(-1)!.timeMs) {
      const [, , positions] = await watcher.socket.nextOf(52);
      seen.push(...(positions as readonly (readonly number[])[]).map(([, timeMs]) => timeMs!));
    }
    expect(seen).toEqual(fixes.map(({ timeMs }) => timeMs));
    const rows = await test.rows(
      (sql) => sql<{ timeMs: number; flags: number }[]>`
        select (extract(epoch from time) * 1000)::double precision as "timeMs", flags
        from positions
        where vehicle_id = ${bus} order by time`,
    );
    expect(rows.map(({ timeMs }) => timeMs)).toEqual(all.map(({ timeMs }) => timeMs));
    const late = fixFlags.late;
    const flagsOf = (fix: Fix): number => rows.find(({ timeMs }) => timeMs === fix.timeMs)!.flags;
    expect(bad.map(flagsOf).map((flags) => flags & ~late)).toEqual([
      fixFlags.jump,
      fixFlags.zeroIsland,
      fixFlags.inaccurate,
    ]);
    expect(rows.filter(({ flags }) => (flags & ~late) !== 0)).toHaveLength(3);
  });
});
