/** Which detected trips are not told because somebody has started one: live, changed afterwards, and in the past. */
import { describe, expect, it } from 'vitest';
import type { TripOutputKind, TripState } from '../../src/fleet/output.ts';
import { createTripHiding } from '../../src/fleet/triphiding.ts';
import { limits } from '../../src/limits.ts';
import { createVehicles, emptyFix } from '../../src/live/vehicles.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { StartedTrip } from '../../src/store/trips.ts';

const tenant = 'acme';
const minute = 60_000;
/** Times are minutes. */
const lastMinute = 100;

/** What the others say, which the tests change. */
interface Others {
  running: StartedTrip | null;
  detected: TripState | null;
  readonly started: StartedTrip[];
}

function createWorld() {
  const vehicles = createVehicles(10);
  const vehicle = vehicles.open(tenant, 'bus');
  vehicles.track(vehicle);
  vehicles.move(vehicle, emptyFix(lastMinute * minute), 0);
  const marks: number[] = [];
  const metrics = createMetrics();
  const others: Others = { running: null, detected: null, started: [] };
  const hiding = createTripHiding({
    runningOf: () => others.running,
    startedTrips: () => Promise.resolve(others.started),
    folds: { tripOf: () => others.detected },
    lateness: { mark: (_key, sinceMs) => void marks.push(sinceMs / minute) },
    vehicles,
    metrics,
    bounds: limits,
  });
  const hides = (kind: TripOutputKind, trip: TripState): boolean =>
    hiding.hides(vehicle, kind, trip);
  return Object.assign(others, { hiding, hides, vehicle, marks, metrics });
}

function started(from: number, to: number | null = null): StartedTrip {
  const times = { startMs: from * minute, endMs: to === null ? null : to * minute };
  return { tenant, id: 't', vehicle: 'bus', pauses: [], updatedMs: 0, ...times };
}

/** `stopped` is since when it stands. */
function detected(
  from: number,
  to: number | null = null,
  stopped: number | null = null,
): TripState {
  const stops =
    stopped === null ? [] : [{ startMs: stopped * minute, endMs: null, latE7: 0, lonE7: 0 }];
  const goesOn = stopped === null ? 'running' : 'stopped';
  return {
    id: `bus-${from}`,
    vehicle: 'bus',
    state: to === null ? goesOn : 'ended',
    startMs: from * minute,
    startLatE7: 0,
    startLonE7: 0,
    endMs: to === null ? null : to * minute,
    endLatE7: null,
    endLonE7: null,
    updatedMs: 0,
    distanceM: 0,
    durationMs: 0,
    movingMs: 0,
    idleMs: 0,
    topSpeedCms: 0,
    averageSpeedCms: 0,
    stops,
    stopsCount: stops.length,
  };
}

describe('a detected trip', () => {
  it.each<[string, TripState, StartedTrip | null, boolean]>([
    ['alone', detected(10), null, false],
    ['in the time of one', detected(10), started(5), true],
    ['on its way when one starts', detected(10), started(20), true],
    ['that ended before it', detected(10, 15), started(20), false],
    ['that ended as it began', detected(10, 20), started(20), false],
    ['that ended in it', detected(10, 21), started(20), true],
    ['that stands since before it', detected(10, null, 18), started(20), false],
    ['that stands since then', detected(10, null, 22), started(20), true],
  ])('%s', async (_, trip, running, isHidden) => {
    const world = createWorld();
    world.running = running;
    expect(world.hides(trip.endMs === null ? 'tripStarted' : 'tripEnded', trip)).toBe(isHidden);
    if (running !== null) world.started.push(running);
    const past = await world.hiding.past(world.vehicle, 0);
    expect(past.hides(trip)).toBe(isHidden);
  });

  it('stays hidden to its end, also where the trip that hides it ends before', () => {
    const world = createWorld();
    world.running = started(20);
    expect(world.hides('tripStarted', detected(21))).toBe(true);
    world.running = null;
    world.hiding.noteEnd(started(20, 100));
    expect(world.hides('tripStopped', detected(21, null, 110))).toBe(true);
    expect(world.hides('tripEnded', detected(21, 110))).toBe(true);
    expect(world.hides('tripStarted', detected(120))).toBe(false);
    expect(world.marks).toEqual([]);
    expect(world.metrics.counters.tripsHidden).toBe(1);
  });

  it('that was told already is gone over again when one starts, and when it drives on in it', () => {
    const world = createWorld();
    world.detected = detected(90);
    world.hiding.noteStart(started(99.5));
    expect(world.marks).toEqual([90]);
    expect(world.hides('tripStopped', detected(90, null, 101))).toBe(true);
    const other = createWorld();
    other.detected = detected(90, null, 95);
    other.hiding.noteStart(started(99.5));
    expect(other.marks).toEqual([]);
    other.running = started(99.5);
    expect(other.hides('tripResumed', detected(90))).toBe(true);
    expect(other.marks).toEqual([90]);
  });

  it('that turns out to have ended before is told', () => {
    const world = createWorld();
    world.detected = detected(90);
    world.running = started(99.5);
    world.hiding.noteStart(world.running);
    expect(world.hides('tripEnded', detected(90, 99))).toBe(false);
  });

  it('is gone over again where a trip is started, ended or cancelled in the past', () => {
    const world = createWorld();
    world.hiding.noteStart(started(50));
    world.hiding.noteEnd(started(50, 60));
    world.hiding.noteCancel(started(70));
    world.detected = detected(65);
    world.hiding.noteCancel(started(70));
    expect(world.marks).toEqual([50, 60, 70, 65]);
    world.hiding.noteStart({ ...started(50), vehicle: 'unheard' });
    world.hiding.noteEnd(started(99.9, 100));
    expect(world.marks).toHaveLength(4);
  });

  it('is known to be hidden after a start, and after its past was gone over', async () => {
    const world = createWorld();
    world.detected = detected(90);
    world.hiding.restore(started(80, 95));
    expect(world.hides('tripStopped', detected(90, null, 99))).toBe(true);
    world.started.push(started(80, 95));
    const other = createWorld();
    other.started.push(started(80, 95));
    const past = await other.hiding.past(other.vehicle, 0);
    past.goOn(detected(90));
    expect(other.hides('tripEnded', detected(90, 99))).toBe(true);
    past.goOn(detected(96));
    expect(other.hides('tripEnded', detected(96, 99))).toBe(false);
    past.goOn(null);
    expect(other.marks).toEqual([]);
  });
});
