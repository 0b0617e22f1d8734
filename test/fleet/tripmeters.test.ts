/** The meters of trips on a clock and a table of the test's own: live, read again, and when something fails. */
import { describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { createMeter, takeFix, totalsOf, type TripTotals } from '../../src/fleet/tripmeter.ts';
import { createTripMeters, type TripMeters } from '../../src/fleet/tripmeters.ts';
import { limits, type Limits } from '../../src/limits.ts';
import { createVehicles, type Vehicle } from '../../src/live/vehicles.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { StartedTrip } from '../../src/store/trips.ts';
import { fixFlags, type Fix } from '../../src/wire/types.ts';
import { createManualClock } from '../support/clock.ts';
import { drive, fixAt, startMs, vehicle as id } from './journeys.ts';

const tenant = 'acme';
const at = (seconds: number): number => startMs + seconds * 1_000;

function tripOf(over: Partial<StartedTrip> = {}): StartedTrip {
  const times = { startMs, pauses: [], endMs: null, updatedMs: startMs };
  return { tenant, id: 't', vehicle: id, ...times, ...over };
}

const ended = (seconds: number): StartedTrip =>
  tripOf({ endMs: at(seconds), updatedMs: at(seconds) });

function expected(fixes: readonly Fix[], trip: StartedTrip): TripTotals {
  const meter = createMeter();
  for (const fix of fixes) takeFix(meter, trip, fix, limits);
  return totalsOf(meter, trip, trip.updatedMs, limits);
}

function createWorld(over: Partial<Limits> = {}) {
  const bounds = { ...limits, recomputePageRowsMax: 10, ...over };
  const clock = createManualClock();
  const metrics = createMetrics();
  const vehicles = createVehicles(10);
  /** What the database has. */
  const rows = new Map<number, Fix>();
  const trips: StartedTrip[] = [];
  const corrected: TripTotals[] = [];
  const told: TripTotals[] = [];
  const world = {
    clock,
    metrics,
    rows,
    trips,
    corrected,
    told,
    refused: null as RefusalName | null,
    isAway: false,
    keptSinceMs: 0,
    errors: 0,
    reads: 0,
    /** Called before each page. */
    onRead: () => {},
    meters: null as unknown as TripMeters,
    vehicle: null as unknown as Vehicle,
    /** Fixes come live, and are stored. */
    drive(fixes: readonly Fix[]) {
      for (const fix of fixes) {
        world.vehicle = vehicles.open(tenant, id);
        vehicles.track(world.vehicle);
        vehicles.move(world.vehicle, fix, fix.timeMs);
        rows.set(fix.timeMs, { ...fix });
        world.meters.take(world.vehicle);
      }
    },
    /** Lets what waits for the database go on. */
    async settle() {
      for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    },
  };
  world.meters = createTripMeters({
    vehicles,
    store: {
      async fixes(_key, afterMs, untilMs, max) {
        await Promise.resolve();
        world.reads += 1;
        world.onRead();
        if (world.isAway) throw new Error('the database is away');
        return [...rows.values()]
          .toSorted((one, other) => one.timeMs - other.timeMs)
          .filter(({ timeMs }) => timeMs > afterMs && timeMs <= untilMs)
          .slice(0, max);
      },
      startedTrips: () => Promise.resolve(trips),
    },
    keptSinceMs: () => world.keptSinceMs,
    stored: () => Promise.resolve(),
    correct(_tenant, _id, totals, settle) {
      if (world.refused === null) corrected.push(totals);
      settle(world.refused);
    },
    onTotals: (_tenant, _id, totals) => told.push(totals),
    onError: () => (world.errors += 1),
    clock,
    metrics,
    bounds,
  });
  return world;
}

const way = drive(0, 120, 0, 1_200);

describe('the meter of a trip that runs', () => {
  it('takes live fixes, and tells the totals once in a while, and only where they have changed', () => {
    const world = createWorld();
    world.meters.note(tripOf());
    world.drive(way);
    expect(world.told).toEqual([]);
    world.clock.advance(limits.tripTotalsIntervalMs);
    expect(world.told).toEqual([expected(way, tripOf())]);
    world.clock.advance(10 * limits.tripTotalsIntervalMs);
    expect(world.told).toHaveLength(1);
    expect(world.meters.running(tenant, 't')).toEqual(world.told[0]);
    expect(world.meters.running('other', 't')).toBeNull();
    expect(world.reads).toBe(0);
  });

  it('is read again at a start, page by page, with what comes meanwhile', async () => {
    const world = createWorld();
    world.drive(way);
    world.rows.set(at(1), fixAt(1, 9_000, 0, { flags: fixFlags.jump }));
    world.meters.restore(tripOf());
    expect(world.meters.running(tenant, 't')).toBeNull();
    const rest = drive(125, 180, 1_250, 1_800);
    let isFirst = true;
    world.onRead = () => {
      if (isFirst) world.drive(rest);
      isFirst = false;
    };
    await world.settle();
    expect(world.reads).toBeGreaterThan(2);
    expect(world.meters.running(tenant, 't')).toEqual(expected([...way, ...rest], tripOf()));
  });

  it('is read again where it was started earlier than its vehicle has been heard of', async () => {
    const world = createWorld();
    world.drive(way);
    world.meters.note(tripOf({ startMs: at(60) }));
    await world.settle();
    expect(world.meters.running(tenant, 't')).toEqual(expected(way, tripOf({ startMs: at(60) })));
  });

  it('is read until the database answers, and has no totals meanwhile', async () => {
    const world = createWorld();
    world.drive(way);
    world.isAway = true;
    world.meters.restore(tripOf());
    await world.settle();
    expect(world.errors).toBe(1);
    expect(world.meters.totalsOf(ended(120))).toBeNull();
    world.isAway = false;
    world.clock.advance(limits.tripTotalsIntervalMs);
    await world.settle();
    expect(world.meters.running(tenant, 't')).toEqual(expected(way, tripOf()));
  });

  it('is begun anew where more came than a tail holds', async () => {
    const world = createWorld({ recomputeTailMax: 3 });
    world.drive(way);
    world.meters.restore(tripOf());
    const rest = drive(125, 180, 1_250, 1_800);
    let isFirst = true;
    world.onRead = () => {
      if (isFirst) world.drive(rest);
      isFirst = false;
    };
    await world.settle();
    world.clock.advance(limits.tripTotalsIntervalMs);
    await world.settle();
    expect(world.meters.running(tenant, 't')).toEqual(expected([...way, ...rest], tripOf()));
  });

  it('is given up where it has more fixes than are read', async () => {
    const world = createWorld({ tripMeasureRowsMax: 20 });
    world.drive(way);
    world.meters.restore(tripOf());
    await world.settle();
    expect(world.meters.size).toBe(0);
    expect(world.metrics.counters.tripMetersDropped).toBe(1);
  });

  it('has the totals of a change before it is in force, but for one that lies behind it', async () => {
    const world = createWorld();
    world.meters.note(tripOf());
    world.drive(way);
    expect(world.meters.totalsOf(ended(130))).toEqual(expected(way, ended(130)));
    expect(world.meters.totalsOf(ended(60))).toBeNull();
    world.meters.note(ended(60));
    await world.settle();
    expect(world.corrected).toEqual([expected(way, ended(60))]);
    expect(world.meters.size).toBe(0);
  });

  it('is forgotten with the trip', () => {
    const world = createWorld();
    world.meters.note(tripOf());
    world.meters.forget(tenant, 't');
    world.meters.forget(tenant, 't');
    world.drive(way);
    world.clock.advance(limits.tripTotalsIntervalMs);
    expect([world.told, world.meters.size]).toEqual([[], 0]);
  });
});

describe('the meter of a trip that has ended', () => {
  it('takes what comes until its vehicle is further, and corrects its totals', async () => {
    const world = createWorld();
    const [first, rest] = [way.slice(0, 10), way.slice(10)];
    world.meters.note(tripOf());
    world.drive(first);
    world.meters.note(ended(120));
    world.drive(rest);
    world.drive([fixAt(200, 3_000)]);
    await world.settle();
    expect(world.corrected).toEqual([expected(way, ended(120))]);
    expect(world.meters.size).toBe(0);
  });

  it('is corrected later where that is refused for now, and not where it is for good', async () => {
    const world = createWorld();
    world.meters.note(tripOf());
    world.drive(way.slice(0, 10));
    world.meters.note(ended(120));
    world.refused = 'journalFull';
    world.drive([...way.slice(10), fixAt(200, 3_000)]);
    await world.settle();
    expect(world.metrics.counters.casesRetried).toBe(1);
    world.refused = null;
    world.clock.advance(limits.tripTotalsIntervalMs);
    await world.settle();
    expect(world.corrected).toEqual([expected(way, ended(120))]);
    expect(world.meters.size).toBe(0);
  });

  it('gives way where too many have ended', () => {
    const world = createWorld({ casesClosedMax: 1 });
    for (const name of ['a', 'b']) {
      world.meters.note(tripOf({ id: name }));
      world.meters.note({ ...ended(60), id: name });
    }
    expect(world.meters.size).toBe(1);
    expect(world.metrics.counters.tripMetersDropped).toBe(1);
  });
});

describe('late fixes', () => {
  it('correct a trip that is long over, and are taken by one that runs', async () => {
    const world = createWorld();
    world.drive(way);
    const running = tripOf({ id: 'now', startMs: at(100) });
    world.meters.note(running);
    world.trips.push(ended(90), running);
    await world.settle();
    const late = fixAt(52, 540);
    world.rows.set(late.timeMs, late);
    const whole = [...way, late].toSorted((one, other) => one.timeMs - other.timeMs);
    await world.meters.measureAgain(world.vehicle, late.timeMs);
    expect(world.corrected).toEqual([expected(whole, ended(90))]);
    expect(world.meters.running(tenant, 'now')).toEqual(expected(whole, running));
  });

  it('change nothing of a trip whose fixes are not all stored any more', async () => {
    const world = createWorld();
    world.drive(way);
    world.trips.push(ended(90));
    world.keptSinceMs = startMs + 1;
    await world.meters.measureAgain(world.vehicle, at(60));
    expect(world.corrected).toEqual([]);
    expect(world.metrics.counters.tripMetersDropped).toBe(1);
  });

  it('have to come again where the totals cannot be corrected now', async () => {
    const world = createWorld();
    world.drive(way);
    world.trips.push(ended(90));
    world.refused = 'journalFull';
    await expect(world.meters.measureAgain(world.vehicle, startMs)).rejects.toThrow('refused');
    world.refused = null;
    world.isAway = true;
    await expect(world.meters.measureAgain(world.vehicle, startMs)).rejects.toThrow('away');
  });
});
