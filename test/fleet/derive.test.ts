/** The fold as a whole: properties of any life of a vehicle. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, lapse, runningTrip, type DeriveBounds } from '../../src/fleet/derive.ts';
import { distanceM } from '../../src/fleet/distance.ts';
import type { Output } from '../../src/fleet/output.ts';
import { createVehicleState, type VehicleState } from '../../src/fleet/state.ts';
import { decodeState, encodeState } from '../../src/fleet/statecodec.ts';
import { limits } from '../../src/limits.ts';
import { fixFlags, type Fix } from '../../src/wire/types.ts';
import {
  circlesAt,
  contextOf,
  drive,
  eventsOf,
  fixAt,
  fold,
  plainOf,
  stand,
  startMs,
  tripsOf,
  vehicle,
} from './journeys.ts';
import { life } from './vehiclelife.ts';

const hourMs = 3_600_000;
const runs = { numRuns: 150 };

/** All filters on, as an operator may have them. */
const strict: Partial<DeriveBounds> = {
  filterDuplicateMs: 20_000,
  filterDriftM: 20,
  filterIntervalMinMs: 2_000,
};
/** Trips that silences cut to pieces. */
const restless: Partial<DeriveBounds> = {
  tripGapMs: 120_000,
  tripStopMs: 120_000,
  stopMinMs: 90_000,
  standMinMs: 60_000,
  tripStartDistanceM: 2_000,
};
const fences = circlesAt(
  [
    { id: 'home', northM: 0, radiusM: 150 },
    { id: 'town', northM: 500, radiusM: 3_000 },
  ],
  { dwellMs: 300_000, speedMaxCms: 1_400 },
);
const anyBounds = fc.constantFrom<Partial<DeriveBounds>>({}, strict, restless);

/** Folds with something done to the state before each fix. */
function foldWith(
  fixes: readonly Fix[],
  bounds: Partial<DeriveBounds>,
  between: (state: VehicleState, fix: Fix, emit: (output: Output) => void) => VehicleState,
): readonly Output[] {
  const context = contextOf(bounds, fences);
  const outputs: Output[] = [];
  const emit = (output: Output): void => void outputs.push(output);
  let state = createVehicleState(vehicle);
  for (const fix of fixes) {
    state = between(state, fix, emit);
    advance(state, { ...fix }, context, emit);
  }
  lapse(state, startMs + 1e12, context, emit);
  return outputs;
}

describe('the fold', () => {
  it('tells the same of the same fixes, also where its state was stored in between', () => {
    fc.assert(
      fc.property(life, anyBounds, fc.integer({ min: 1, max: 50 }), (fixes, bounds, each) => {
        const { outputs } = fold(fixes, bounds, 1e12, fences);
        let count = 0;
        const stored = foldWith(fixes, bounds, (state) =>
          count++ % each === 0 ? decodeState(vehicle, encodeState(state))! : state,
        );
        expect(stored).toEqual(outputs);
      }),
      runs,
    );
  });

  it('tells the same whenever silences lapse', () => {
    fc.assert(
      fc.property(life, anyBounds, fc.nat(5), (fixes, bounds, shareOfGap) => {
        const { outputs } = fold(fixes, bounds, 1e12, fences);
        const lapsed = foldWith(fixes, bounds, (state, fix, emit) => {
          const agoMs = shareOfGap * 10_000;
          lapse(state, fix.timeMs - agoMs, contextOf(bounds, fences), emit);
          lapse(state, fix.timeMs - agoMs, contextOf(bounds, fences), emit);
          return state;
        });
        expect(lapsed).toEqual(outputs);
      }),
      runs,
    );
  });

  it('is changed by a filtered fix in nothing but how far it has come and its count of jumps', () => {
    fc.assert(
      fc.property(life, anyBounds, (fixes, bounds) => {
        const state = createVehicleState(vehicle);
        const context = contextOf(bounds, fences);
        for (const fix of fixes) {
          const { jumps: _jumps, timeMs: _timeMs, ...rest } = plainOf(state);
          const outputs: Output[] = [];
          const taken = { ...fix };
          const flag = advance(state, taken, context, (output) => outputs.push(output));
          expect(taken).toEqual({ ...fix, flags: flag });
          if (flag === 0) continue;
          expect(outputs).toEqual([]);
          expect(plainOf(state)).toMatchObject(rest);
        }
      }),
      runs,
    );
  });

  it('tells of the fences on the way, with the vehicle and the time of the fixes', () => {
    const depot = circlesAt([{ id: 'depot', northM: 3_000, radiusM: 200 }]);
    const flags = fixFlags.late;
    const fixes = drive(0, 600, 0, 6_000, 5, { flags });
    const events = eventsOf(fold(fixes, {}, 0, depot).outputs);
    expect(events).toMatchObject([
      { vehicle, kind: 'geofenceEntered', subject: 'depot', isLate: true },
      { vehicle, kind: 'geofenceExited', subject: 'depot', isLate: true },
    ]);
    for (const { timeMs, latE7, lonE7 } of events) {
      expect(fixes).toContainEqual(expect.objectContaining({ timeMs, latE7, lonE7 }));
    }
  });

  it('says how many fences it has left out', () => {
    const many = circlesAt(
      Array.from({ length: 40 }, (_, index) => ({ id: `f-${index}`, northM: 0, radiusM: 500 })),
    );
    const counts: number[] = [];
    const onFencesLeftOut = (count: number): void => void counts.push(count);
    const context = { ...contextOf({}, many), onFencesLeftOut };
    advance(createVehicleState(vehicle), fixAt(0, 0), context, () => {});
    expect(counts).toEqual([40 - limits.fencesPerVehicleMax]);
  });

  it('refuses a fix that is not newer', () => {
    const state = createVehicleState(vehicle);
    const take = (fix: Fix): number => advance(state, fix, contextOf(), () => {});
    take(fixAt(10, 0));
    expect(() => take(fixAt(10, 0))).toThrow(RangeError);
    expect(() => take(fixAt(9, 0))).toThrow(RangeError);
    expect(take(fixAt(10.001, 0))).toBe(0);
  });

  it('is late for what comes from inside of a silence that has lapsed', () => {
    const fixes = [...stand(0, 600, 0), ...drive(600, 1_200, 0, 6_000)];
    const { state, outputs } = fold(fixes, {}, 2 * hourMs);
    expect(tripsOf(outputs)).toHaveLength(1);
    expect(state.timeMs).toBe(startMs + 1_200_000 + hourMs - 1);
    expect(runningTrip(state, limits)).toBe(null);
  });

  it('tells of the trip that is under way at any time', () => {
    const fixes = [...stand(0, 600, 0), ...drive(600, 1_200, 0, 6_000)];
    const { state } = fold(fixes);
    const trip = runningTrip(state, limits);
    expect(trip).toMatchObject({ state: 'running', endMs: null });
    expect(trip!.distanceM).toBeGreaterThan(5_800);
    expect(runningTrip(createVehicleState(vehicle), limits)).toBe(null);
    expect(runningTrip(fold(stand(0, 600, 0)).state, limits)).toBe(null);
  });
});

describe('trips of any life', () => {
  it('begin before they end, follow each other, and have their stops inside', () => {
    fc.assert(
      fc.property(life, anyBounds, (fixes, bounds) => {
        const { stopMinMs, tripStopMs } = { ...limits, ...bounds };
        let lastEndMs = 0;
        for (const trip of tripsOf(fold(fixes, bounds, 1e12).outputs)) {
          expect(trip.startMs).toBeGreaterThanOrEqual(lastEndMs);
          expect(trip.endMs).toBeGreaterThan(trip.startMs);
          lastEndMs = trip.endMs!;
          let atMs = trip.startMs;
          for (const stop of trip.stops) {
            expect(stop.startMs).toBeGreaterThanOrEqual(atMs);
            expect(stop.endMs! - stop.startMs).toBeGreaterThanOrEqual(stopMinMs);
            expect(stop.endMs! - stop.startMs).toBeLessThan(tripStopMs);
            atMs = stop.endMs!;
          }
          expect(atMs).toBeLessThanOrEqual(lastEndMs);
        }
      }),
      runs,
    );
  });

  it('have a distance of at least the displacement, and times that add up', () => {
    fc.assert(
      fc.property(life, anyBounds, (fixes, bounds) => {
        for (const trip of tripsOf(fold(fixes, bounds, 1e12).outputs)) {
          const { startLatE7, startLonE7, endLatE7, endLonE7, movingMs, idleMs } = trip;
          const displacementM = distanceM(startLatE7, startLonE7, endLatE7!, endLonE7!);
          expect(trip.distanceM).toBeGreaterThanOrEqual(Math.floor(displacementM) - 1);
          expect(movingMs).toBeGreaterThanOrEqual(0);
          expect(idleMs).toBeGreaterThanOrEqual(0);
          expect(movingMs + idleMs).toBe(trip.endMs! - trip.startMs);
          expect(trip.topSpeedCms).toBeGreaterThanOrEqual(0);
        }
      }),
      runs,
    );
  });

  it('are told in order: started, stopped and resumed by turns, ended once, under one id', () => {
    fc.assert(
      fc.property(life, anyBounds, (fixes, bounds) => {
        let last = 'tripEnded';
        let id = '';
        for (const output of fold(fixes, bounds, 1e12).outputs) {
          if (output.kind === 'vehicleEvent') continue;
          const follows: Readonly<Record<string, readonly string[]>> = {
            tripStarted: ['tripEnded'],
            tripStopped: ['tripStarted', 'tripResumed'],
            tripResumed: ['tripStopped'],
            tripEnded: ['tripStarted', 'tripStopped', 'tripResumed'],
          };
          expect(follows[output.kind]).toContain(last);
          if (output.kind === 'tripStarted') ({ id } = output.trip);
          expect(output.trip.id).toBe(id);
          last = output.kind;
        }
      }),
      runs,
    );
  });

  it('are none where a parked vehicle only wanders', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 5, 30, 300),
        fc.nat(90),
        fc.nat(1e6),
        (stepS, noiseM, seed) => {
          const fixes = stand(seed, seed + stepS * 500, 0, noiseM, stepS);
          expect(fold(fixes, {}, 1e12).outputs).toEqual([]);
        },
      ),
      runs,
    );
  });
});
