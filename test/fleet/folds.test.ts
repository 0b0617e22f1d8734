/** The folds beside what recompute.test.ts shows of them: statuses, what is restored, and tails. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFenceIndex } from '../../src/fleet/fenceindex.ts';
import { createFolds, type Folds } from '../../src/fleet/folds.ts';
import { createVehicleState } from '../../src/fleet/state.ts';
import { decodeState, encodeState } from '../../src/fleet/statecodec.ts';
import type { VehicleEvent } from '../../src/fleet/output.ts';
import { limits, type Limits } from '../../src/limits.ts';
import { createVehicles, type Vehicle, type Vehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import type { StoredVehicleEvent } from '../../src/store/vehicleevents.ts';
import type { StoredState } from '../../src/store/vehiclestates.ts';
import { statusFlags, type HeardStatus } from '../../src/store/status.ts';
import { fixFlags, type Fix, type PlainMap } from '../../src/wire/types.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';
import { drive, fixAt, stand, startMs } from './journeys.ts';

let clock: ManualClock;
let metrics: Metrics;
let vehicles: Vehicles;
let folds: Folds;
let bus: Vehicle;
let marks: string[];
let events: StoredVehicleEvent[];
let states: StoredState[];
let heard: string[];

function open(bounds: Limits = limits): void {
  clock = createManualClock(startMs);
  metrics = createMetrics();
  vehicles = createVehicles(2);
  [marks, events, states, heard] = [[], [], [], []];
  folds = createFolds({
    vehicles,
    fences: createFenceIndex(limits),
    harvest: {
      addEvent: (event) => events.push(event),
      addState: (state) => states.push(state),
    },
    lateness: {
      mark: (key, sinceMs, isCertain) => marks.push(`${key} ${sinceMs} ${isCertain}`),
    },
    clock,
    metrics,
    bounds,
  });
  bus = vehicles.open('acme', 'bus-1');
  vehicles.track(bus);
}

beforeEach(() => open());
afterEach(() => folds.stop());

function take(fix: Fix): number {
  const taken = { ...fix };
  const flag = folds.take(bus, taken);
  if (flag === 0) vehicles.move(bus, taken, clock.nowMs());
  return flag;
}

function listen(): void {
  folds.listen({
    onTrip: (_vehicle, kind, trip, isLapse) => heard.push(`${kind} ${trip.toldMs} ${isLapse}`),
    onEvent: (_vehicle: Vehicle, { kind, isLate }: VehicleEvent) => heard.push(`${kind} ${isLate}`),
  });
}

const journey = [...stand(0, 600, 0), ...drive(600, 1_200, 0, 6_000)];

describe('a fold', () => {
  it('takes what is newer, and says of all else that it is late', () => {
    expect(take(fixAt(10, 0))).toBe(0);
    const late = fixAt(10, 1);
    expect(folds.take(bus, late)).toBe(fixFlags.backfill);
    expect(late.flags).toBe(fixFlags.backfill);
    folds.late(bus, late);
    folds.late(bus, { ...late, flags: fixFlags.clockSkew | fixFlags.backfill });
    folds.late(vehicles.open('acme', 'stranger'), late);
    expect(marks).toEqual([`acme/bus-1 ${late.timeMs} false`]);
  });

  it('of one that has changed has its row written, also where it stays where it is', () => {
    take(fixAt(10, 0));
    vehicles.takeDirty();
    expect(take({ ...fixAt(11, 0), latE7: 0, lonE7: 0 })).toBe(fixFlags.zeroIsland);
    expect(vehicles.takeDirty()).toEqual([bus]);
  });

  it('tells whoever listens what it has told before', () => {
    for (const fix of journey) take(fix);
    listen();
    expect(heard).toEqual([expect.stringMatching(/^tripStarted \d+ false$/)]);
    clock.advance(limits.tripLapseMs + 24 * 3_600_000);
    const lastMs = journey.at(-1)!.timeMs;
    expect(heard.slice(1)).toEqual([`tripEnded ${lastMs + limits.tripGapMs - 1} true`]);
    expect(states.at(-1)?.timeMs).toBe(lastMs + limits.tripGapMs - 1);
    expect(folds.underway).toBe(0);
  });

  it('does not lapse while its vehicle is heard of, however old the fixes are', () => {
    listen();
    for (const fix of journey) take({ ...fix, timeMs: fix.timeMs - 1e8 });
    clock.advance(limits.tripLapseMs - 1);
    take({ ...journey.at(-1)!, timeMs: journey.at(-1)!.timeMs - 1e8 + 1_000 });
    clock.advance(limits.tripLapseMs - 1);
    expect(heard).toHaveLength(1);
    clock.advance(limits.tripLapseMs);
    expect(heard).toHaveLength(2);
  });

  it('lapses beside some others in one turn, and the rest in the next', () => {
    folds.stop();
    open({ ...limits, lapsesPerTurnMax: 1 });
    for (const id of ['bus-1', 'bus-2']) {
      bus = vehicles.open('acme', id);
      vehicles.track(bus);
      for (const fix of journey) take(fix);
    }
    listen();
    const silentMs = journey.at(-1)!.timeMs - startMs + limits.tripGapMs;
    clock.advance(Math.ceil(silentMs / limits.tripLapseMs) * limits.tripLapseMs - 1);
    expect(heard).toHaveLength(2);
    let heardBetween = 0;
    clock.after(1, () => (heardBetween = heard.length));
    clock.advance(1);
    expect([heardBetween, heard.length]).toEqual([3, 4]);
    expect(clock.nextInMs).toBe(limits.tripLapseMs);
  });

  it('keeps a state for each hour of fixes, not for all vehicles at once', () => {
    for (const fix of stand(0, 4 * 3_600, 0, 0, 60)) take(fix);
    expect(states).toHaveLength(4);
    const first = states[0]!.timeMs;
    expect(states.map(({ timeMs }) => (timeMs - first) / 3_600_000)).toEqual([0, 1, 2, 3]);
    bus = vehicles.open('acme', 'bus-2');
    vehicles.track(bus);
    for (const fix of stand(0, 4 * 3_600, 0, 0, 60)) take(fix);
    expect((states[4]!.timeMs - first) % 3_600_000).not.toBe(0);
  });
});

describe('a status', () => {
  const status = (seconds: number, attributes: PlainMap, flags = 0): HeardStatus => {
    return { timeMs: startMs + seconds * 1_000, flags, attributes };
  };
  const told = () => events.map(({ kind, toldMs }) => `${kind} ${(toldMs - startMs) / 1_000}`);

  it('tells what its attributes say, at its time', () => {
    listen();
    expect(folds.status(bus, status(0, { tamper: true }))).toBe(statusFlags.unplaced);
    take(fixAt(10, 0));
    expect(folds.status(bus, status(11, { tamper: true, batteryLevel: 3 }))).toBe(0);
    // Before the first fix it is nowhere.
    expect(heard).toEqual(['batteryLow false', 'tamper false']);
    expect(told()).toEqual(['batteryLow 11', 'tamper 11']);
    expect(marks).toEqual([]);
  });

  it('that says nothing here, or is from the future, is not taken', () => {
    take(fixAt(10, 0));
    expect(folds.status(bus, status(99, { door: 1 }))).toBe(0);
    expect(folds.status(bus, status(99, { tamper: true }, statusFlags.clockSkew))).toBe(0);
    expect(folds.status(bus, status(11, { tamper: true }))).toBe(0);
    expect(told()).toEqual(['tamper 11']);
  });

  it('behind a fix is told at once, and folded again where it has changed something', () => {
    take(fixAt(10, 0));
    take(fixAt(20, 0));
    expect(folds.status(bus, status(20, { ignition: true }))).toBe(0);
    expect(marks).toEqual([`acme/bus-1 ${startMs + 20_000} true`]);
    take(fixAt(30, 0));
    folds.status(bus, status(25, { ignition: true }));
    expect(marks).toHaveLength(1);
    folds.status(bus, status(29, { ignition: false }));
    expect(told()).toEqual(['ignitionOff 29']);
    expect(marks).toHaveLength(2);
  });

  it('behind another, or behind attributes of a fix, is late', () => {
    take(fixAt(10, 0));
    folds.status(bus, status(20, { ignition: true }));
    expect(folds.status(bus, status(20, { ignition: false }))).toBe(statusFlags.backfill);
    expect(folds.status(bus, status(12, { ignition: false }))).toBe(statusFlags.backfill);
    take(fixAt(30, 0, 0, { attributes: '{"power":1}' }));
    expect(folds.status(bus, status(25, { ignition: false }))).toBe(statusFlags.backfill);
    expect(told()).toEqual([]);
    const late = [20, 12, 25].map((seconds) => `acme/bus-1 ${startMs + seconds * 1_000} false`);
    expect(marks).toEqual(late);
  });

  it('ahead of fixes leaves them live, and folds again where that makes a difference', () => {
    take(fixAt(10, 0));
    folds.status(bus, status(40, { ignition: true }));
    expect(take(fixAt(20, 0))).toBe(0);
    expect(marks).toEqual([`acme/bus-1 ${startMs + 20_000} true`]);
    expect(take(fixAt(30, 0, 0, { attributes: '{"ignition":false}' }))).toBe(0);
    expect(told()).toEqual([]);
    folds.status(bus, status(60, { ignition: true }));
    expect(take(fixAt(50, 0))).toBe(0);
    expect(marks).toHaveLength(2);
    expect(take(fixAt(55, 0, 0, { attributes: '{"ignition":true}' }))).toBe(0);
    expect(marks).toHaveLength(3);
  });

  it('that the journal brings back is taken where the state has not, and marked where it was late', () => {
    take(fixAt(10, 0));
    folds.status(bus, status(20, { tamper: false }));
    folds.replayStatus(bus, status(20, { tamper: true }));
    folds.replayStatus(bus, status(21, { tamper: true }, statusFlags.unplaced));
    folds.replayStatus(bus, status(15, { tamper: true }, statusFlags.backfill));
    folds.replayStatus(bus, status(22, { door: 1 }));
    folds.replayStatus(vehicles.open('acme', 'stranger'), status(22, { tamper: true }));
    expect(told()).toEqual([]);
    expect(marks).toEqual([`acme/bus-1 ${startMs + 15_000} false`]);
    folds.replayStatus(bus, status(22, { tamper: true }));
    expect(told()).toEqual(['tamper 22']);
  });

  it('while the past is folded again follows behind it', () => {
    listen();
    take(fixAt(10, 0));
    folds.status(bus, status(20, { tamper: false }));
    const fold = folds.begin('acme/bus-1', 0, startMs + 25_000)!;
    expect(folds.status(bus, status(24, { tamper: true }))).toBe(statusFlags.backfill);
    expect(folds.status(bus, status(26, { tamper: true }))).toBe(0);
    expect(heard).toEqual([]);
    const bytes = encodeState(fold.state);
    const state = decodeState('bus-1', bytes)!;
    state.isTampered = false;
    state.signalsAtMs = startMs + 20_000;
    folds.finish(fold, state);
    expect(heard).toEqual(['tamper false']);
    expect(told()).toEqual(['tamper 26']);
  });
});

describe('a start', () => {
  it('goes on from the state that was stored', () => {
    for (const fix of journey.slice(0, 200)) take(fix);
    const bytes = folds.stateOf(bus)!;
    folds.stop();
    open();
    folds.restore(bus, bytes);
    listen();
    expect(folds.underway).toBe(1);
    for (const fix of journey) folds.replay(bus, { ...fix });
    expect(heard).toEqual([]);
    expect(marks).toEqual([]);
    clock.advance(24 * 3_600_000);
    expect(heard).toHaveLength(1);
  });

  it.each([null, Uint8Array.of(1, 2, 3)])('without a state has the past folded again', (bytes) => {
    vehicles.move(bus, fixAt(100, 0), startMs);
    folds.restore(bus, bytes);
    expect(marks).toEqual(['acme/bus-1 0 true']);
    expect(take(fixAt(100, 0))).toBe(fixFlags.backfill);
    expect(take(fixAt(101, 0))).toBe(0);
  });

  it('takes late fixes that the state has not come to, and marks them and the others', () => {
    take(fixAt(100, 0));
    const backfill = { flags: fixFlags.backfill };
    folds.replay(bus, fixAt(90, 0, 0, backfill));
    folds.replay(bus, fixAt(110, 0, 0, backfill));
    expect(marks).toEqual([90, 110].map((second) => `acme/bus-1 ${fixAt(second, 0).timeMs} false`));
    expect(take(fixAt(110, 0))).toBe(fixFlags.backfill);
    // What is stored without the flag that it has now is to be flagged.
    folds.replay(bus, fixAt(111, 90_000, 0, backfill));
    expect(marks.slice(2)).toContain(`acme/bus-1 ${fixAt(111, 0).timeMs} true`);
  });
});

describe('a past that is folded again', () => {
  it('goes on with what came meanwhile, and nobody hears what was told by then', () => {
    listen();
    const half = journey.slice(0, 130);
    for (const fix of half) take(fix);
    const fold = folds.begin('acme/bus-1', 0, 0)!;
    expect(fold.redo?.untilMs).toBe(half.at(-1)!.timeMs);
    for (const fix of journey.slice(130)) take(fix);
    expect(heard).toEqual([]);
    const state = createVehicleState(bus.id);
    state.timeMs = half.at(-1)!.timeMs;
    folds.finish(fold, state);
    expect(fold.state.timeMs).toBe(journey.at(-1)!.timeMs);
    expect(heard).toEqual([expect.stringMatching(/^tripStarted/)]);
    expect(() => folds.finish(fold, state)).toThrow(/not folded again/);
  });

  it('that is given up tells what was held back', () => {
    listen();
    const fold = folds.begin('acme/bus-1', 0, 0)!;
    expect(() => folds.begin('acme/bus-1', 0, 0)).toThrow(/already/);
    for (const fix of journey) take(fix);
    expect(heard).toEqual([]);
    folds.abort(fold);
    expect(heard).toEqual([expect.stringMatching(/^tripStarted/)]);
  });

  it('is given up where more comes meanwhile than a tail holds, and tells what was held back', () => {
    folds.stop();
    open({ ...limits, recomputeTailMax: 150 });
    listen();
    const fold = folds.begin('acme/bus-1', 0, 0)!;
    for (const fix of journey.slice(0, 150)) take(fix);
    expect(heard).toEqual([]);
    take(journey[150]!);
    expect(fold.redo).toBe(null);
    expect(heard).toEqual([expect.stringMatching(/^tripStarted/)]);
    expect(() => folds.finish(fold, createVehicleState(bus.id))).toThrow(/not folded again/);
  });

  it('is none of a vehicle that cannot be tracked', () => {
    vehicles.track(vehicles.open('acme', 'bus-2'));
    expect(folds.begin('acme/bus-3', 0, 0)).toBe(null);
    expect(folds.begin('acme/bus-2', 0, 0)).not.toBe(null);
  });
});
