/** When a trip begins, stops and ends: tables of what vehicles do, and of what only looks like it. */
import { describe, expect, it } from 'vitest';
import { wrapE7 } from '../../src/fleet/fencebox.ts';
import { tripId } from '../../src/fleet/journey.ts';
import { isVehicleId } from '../../src/identity.ts';
import { drive, fixAt, fold, kindsOf, secondsOf, stand, startMs, tripsOf } from './journeys.ts';

const hourS = 3_600;
const hourMs = hourS * 1_000;
const ignition = (isOn: boolean) => ({ attributes: `{"ignition":${isOn}}` });

/** Parked for ten minutes, ten minutes of driving at 10 m/s. */
const outward = [...stand(0, 600, 0), ...drive(600, 1_200, 0, 6_000)];

describe('a trip', () => {
  it('starts where and when the vehicle left, and ends where and when it began to stand', () => {
    const { outputs } = fold([...outward, ...stand(1_205, 1_800, 6_000)]);
    expect(kindsOf(outputs)).toEqual(['tripStarted', 'tripStopped', 'tripEnded']);
    const [trip] = tripsOf(outputs);
    expect(Math.abs(secondsOf(trip!.startMs) - 600)).toBeLessThanOrEqual(5);
    expect(Math.abs(secondsOf(trip!.endMs) - 1_200)).toBeLessThanOrEqual(10);
    expect(trip!.distanceM).toBeGreaterThan(5_900);
    expect(trip!.distanceM).toBeLessThan(6_050);
    expect(trip!.movingMs + trip!.idleMs).toBe(trip!.durationMs);
    expect(trip!.durationMs).toBe(trip!.endMs! - trip!.startMs);
    expect(trip!.stops).toEqual([]);
  });

  it('is told with the place that it started from, before it is known to be one', () => {
    const { outputs } = fold(outward);
    const [started] = outputs;
    expect(started).toMatchObject({ kind: 'tripStarted', trip: { state: 'running', endMs: null } });
    if (started?.kind !== 'tripStarted') throw new Error('no trip');
    expect(Math.abs(started.trip.startLatE7 - fixAt(0, 0).latE7)).toBeLessThan(500);
    expect(started.trip.distanceM).toBeGreaterThan(200);
  });

  it('has the shorter stands as stops', () => {
    const { outputs } = fold([
      ...outward,
      ...stand(1_205, 1_400, 6_000, 5),
      ...drive(1_400, 2_000, 6_000, 12_000),
      ...stand(2_005, 2_065, 12_000, 5),
      ...drive(2_065, 2_665, 12_000, 18_000),
      ...stand(2_670, 3_300, 18_000, 5),
    ]);
    expect(kindsOf(outputs)).toEqual([
      'tripStarted',
      'tripStopped',
      'tripResumed',
      'tripStopped',
      'tripEnded',
    ]);
    const [trip] = tripsOf(outputs);
    expect(trip).toMatchObject({ state: 'ended', stopsCount: 1 });
    expect(Math.abs(secondsOf(trip!.stops[0]!.startMs) - 1_200)).toBeLessThanOrEqual(10);
    expect(Math.abs(secondsOf(trip!.stops[0]!.endMs) - 1_400)).toBeLessThanOrEqual(10);
    expect(Math.abs(trip!.distanceM - 18_000)).toBeLessThan(180);
  });

  it('is idle while it stands', () => {
    const { outputs } = fold([
      ...outward,
      ...stand(1_205, 1_400, 6_000, 5),
      ...drive(1_400, 2_000, 6_000, 12_000),
      ...stand(2_005, 2_600, 12_000),
    ]);
    const [trip] = tripsOf(outputs);
    expect(trip!.movingMs).toBeGreaterThan(1_180_000);
    expect(trip!.movingMs).toBeLessThan(1_260_000);
  });

  it('does not count what it wanders while it stands', () => {
    const { outputs } = fold([
      ...stand(0, 600, 0, 15, 1),
      ...drive(600, 1_200, 0, 6_000),
      ...stand(1_205, 1_400, 6_000, 15, 1),
      ...drive(1_400, 2_000, 6_000, 12_000),
      ...stand(2_005, 2_600, 12_000, 15, 1),
    ]);
    const [trip] = tripsOf(outputs);
    expect(trip).toMatchObject({ stopsCount: 1 });
    expect(trip!.distanceM).toBeGreaterThan(11_950);
    expect(trip!.distanceM).toBeLessThan(12_060);
    expect(trip!.movingMs).toBeGreaterThan(1_180_000);
    expect(trip!.movingMs).toBeLessThan(1_330_000);
  });

  it('starts where it was parked, though its fixes had wandered off and come back', () => {
    const { outputs } = fold([
      ...stand(0, 600, 0),
      ...[100, 100, 30, 30].map((northM, index) => fixAt(600 + index * 5, northM)),
      ...drive(620, 1_200, 60, 6_000),
    ]);
    const [started] = outputs;
    if (started?.kind !== 'tripStarted') throw new Error('no trip');
    expect(Math.abs(started.trip.startLatE7 - fixAt(0, 0).latE7)).toBeLessThan(100);
    expect(secondsOf(started.trip.startMs)).toBe(615);
  });

  it('is the same across the antimeridian', () => {
    const fixes = [
      ...outward,
      ...stand(1_205, 1_400, 6_000, 5),
      ...drive(1_400, 2_000, 6_000, 12_000),
    ];
    const turned = fixes.map((fix, index) =>
      Object.assign(fix, { lonE7: fix.lonE7 + index * 100 }),
    );
    const middleE7 = turned[Math.floor(turned.length / 2)]!.lonE7;
    const moved = structuredClone(turned);
    for (const fix of moved) fix.lonE7 = wrapE7(fix.lonE7 - middleE7 + 1_800_000_000);
    const [here] = tripsOf(fold(turned, {}, hourMs).outputs);
    const [there] = tripsOf(fold(moved, {}, hourMs).outputs);
    const places = { startLonE7: 0, endLonE7: 0, stops: [] };
    expect({ ...there, ...places }).toEqual({ ...here, ...places });
    expect(Math.sign(there!.startLonE7)).toBe(-Math.sign(there!.endLonE7!));
  });

  it('lists so many stops and counts all', () => {
    const fixes = stand(0, 600, 0);
    for (let leg = 0; leg < 5; leg++) {
      fixes.push(...drive(600 + leg * 400, 795 + leg * 400, leg * 2_000, leg * 2_000 + 1_950));
      fixes.push(...stand(800 + leg * 400, 1_000 + leg * 400, leg * 2_000 + 1_950, 3));
    }
    const { outputs } = fold(fixes, { tripStopsMax: 3 }, hourMs);
    const [trip] = tripsOf(outputs);
    // The fifth stand is where it ended.
    expect(trip).toMatchObject({ stopsCount: 4 });
    expect(trip!.stops).toHaveLength(3);
  });
});

describe('a trip ends', () => {
  it('with the last fix before an hour of silence, whether it goes on or not', () => {
    const silent = fold(outward, {}, hourMs);
    const resumed = fold([...outward, ...drive(1_200 + hourS, 1_800 + hourS, 9_000, 15_000)]);
    for (const { outputs } of [silent, resumed]) {
      expect(secondsOf(tripsOf(outputs)[0]!.endMs)).toBe(1_200);
    }
    expect(kindsOf(resumed.outputs)).toEqual(['tripStarted', 'tripEnded', 'tripStarted']);
    expect(fold(outward, {}, hourMs - 1).outputs).toHaveLength(1);
  });

  it('before the next one begins, also where silences are short', () => {
    const bounds = { tripGapMs: 120_000, tripStopMs: 120_000, tripStartDistanceM: 1_000 };
    const fixes = [...drive(0, 1_190, 0, 5_950, 1), ...drive(1_315, 1_915, 6_200, 12_000)];
    const [one, other] = tripsOf(fold(fixes, bounds, hourMs).outputs);
    expect(secondsOf(one!.endMs)).toBe(1_190);
    expect(secondsOf(other!.startMs)).toBeGreaterThanOrEqual(1_190);
  });

  it('where it stands already when silence begins', () => {
    const { outputs } = fold([...outward, ...stand(1_205, 1_400, 6_000)], {}, hourMs);
    expect(secondsOf(tripsOf(outputs)[0]!.endMs)).toBeLessThanOrEqual(1_205);
  });

  it('sooner where the ignition is off', () => {
    const arrived = [
      ...outward.map((fix) => ({ ...fix, ...ignition(true) })),
      ...stand(1_205, 1_300, 6_000, 3, 5, ignition(false)),
    ];
    const { outputs } = fold(arrived);
    expect(kindsOf(outputs)).toEqual(['tripStarted', 'ignitionOff', 'tripEnded']);
    expect(secondsOf(tripsOf(outputs)[0]!.endMs)).toBeLessThanOrEqual(1_205);
    expect(kindsOf(fold(arrived.slice(0, -8)).outputs)).not.toContain('tripEnded');
  });

  it('not for a traffic light of 60 s, nor for a stop with the ignition on', () => {
    const { outputs } = fold([
      ...outward,
      ...stand(1_205, 1_265, 6_000, 3),
      ...drive(1_265, 1_900, 6_000, 12_000),
      ...stand(1_905, 2_100, 12_000, 3, 5, ignition(true)),
      ...drive(2_100, 2_700, 12_000, 18_000),
    ]);
    expect(kindsOf(outputs)).toEqual(['tripStarted', 'tripStopped', 'tripResumed']);
  });

  it('in a noisy place as well', () => {
    const { outputs } = fold([...outward, ...stand(1_205, 1_205 + hourS, 6_000, 30, 1)]);
    expect(kindsOf(outputs).filter((kind) => kind === 'tripEnded')).toHaveLength(1);
    const [trip] = tripsOf(outputs);
    expect(secondsOf(trip!.endMs)).toBeLessThan(1_800);
    expect(Math.abs(trip!.distanceM - 6_000)).toBeLessThan(400);
  });
});

describe('a trip starts', () => {
  it('at once where the ignition is on and the device says that it moves', () => {
    const moving = { speedCms: 1_000, ...ignition(true) };
    const { outputs } = fold([
      ...stand(0, 600, 0, 0, 5, ignition(true)),
      ...drive(600, 615, 0, 150, 5, moving),
    ]);
    expect(kindsOf(outputs)).toEqual(['tripStarted']);
  });

  it('with the first fix, of a vehicle that is under way when it is first seen', () => {
    const { outputs } = fold([...drive(0, 600, 0, 6_000), ...stand(605, 1_200, 6_000)]);
    expect(tripsOf(outputs)).toMatchObject([{ startMs }]);
  });

  it('after a night of silence where it was parked', () => {
    const nightS = 8 * hourS;
    const { outputs } = fold([
      ...stand(0, 600, 0, 5),
      ...drive(nightS, nightS + 600, 60, 6_000),
      ...stand(nightS + 605, nightS + 1_200, 6_000),
    ]);
    const [trip] = tripsOf(outputs);
    expect(secondsOf(trip!.startMs)).toBeGreaterThan(nightS - 70);
    expect(secondsOf(trip!.startMs)).toBeLessThanOrEqual(nightS);
    expect(Math.abs(trip!.distanceM - 6_000)).toBeLessThan(100);
  });

  it('with a device that says nothing while it stands', () => {
    const { outputs } = fold([
      ...outward,
      fixAt(1_205, 6_000),
      ...drive(1_805, 2_405, 6_050, 12_000),
      ...stand(2_410, 3_000, 12_000),
    ]);
    const trips = tripsOf(outputs);
    expect(trips).toHaveLength(2);
    expect(secondsOf(trips[0]!.endMs)).toBeLessThanOrEqual(1_205);
    expect(Math.abs(secondsOf(trips[1]!.startMs) - 1_800)).toBeLessThanOrEqual(60);
  });

  it('with a fix every five minutes', () => {
    const { outputs } = fold([
      ...stand(0, 1_800, 0, 0, 300),
      ...drive(1_800, 5_400, 0, 36_000, 300),
      ...stand(5_700, 9_000, 36_000, 0, 300),
    ]);
    expect(tripsOf(outputs)).toHaveLength(1);
    const [trip] = tripsOf(outputs);
    expect(secondsOf(trip!.startMs)).toBe(1_800);
    expect(secondsOf(trip!.endMs)).toBe(5_400);
    expect(Math.abs(trip!.distanceM - 36_000)).toBeLessThan(40);
    expect(Math.abs(trip!.topSpeedCms - 1_000)).toBeLessThan(10);
  });
});

describe('no trip', () => {
  it.each([
    ['an hour parked with noise of 30 m', stand(0, hourS, 0, 30, 1)],
    ['the same, a fix every 30 s', stand(0, hourS, 0, 30, 30)],
    ['an hour in a hall, where fixes are 100 m off', stand(0, hourS, 0, 95, 10)],
    [
      '150 m across the yard',
      [...stand(0, 600, 0), ...drive(600, 660, 0, 150), ...stand(665, 1_500, 150)],
    ],
    [
      'away for 20 s and back',
      [
        ...stand(0, 600, 0),
        ...drive(600, 630, 0, 260),
        ...drive(635, 665, 260, 0),
        ...stand(670, 1_500, 0),
      ],
    ],
    ['one fix 500 m off', [...stand(0, 600, 0), fixAt(600, 500), ...stand(605, 1_500, 0)]],
    ['moved while it was silent', [...stand(0, 600, 0), ...stand(3 * hourS, 4 * hourS, 90_000)]],
  ])('%s', (_name, fixes) => {
    expect(fold(fixes, {}, 2 * hourMs).outputs).toEqual([]);
  });
});

describe('the id of a trip', () => {
  it.each(['bus-1', 'x'.repeat(54), 'x'.repeat(55), 'x'.repeat(64), `a${':'.repeat(63)}`])(
    'is a valid one for %s',
    (id) => {
      expect(isVehicleId(tripId(id, startMs))).toBe(true);
      expect(tripId(id, startMs)).not.toBe(tripId(id, startMs + 1));
    },
  );

  it('differs between long vehicle ids that begin alike', () => {
    const [one, other] = ['1', '2'].map((end) => tripId('x'.repeat(63) + end, startMs));
    expect(one).not.toBe(other);
    expect(tripId('bus-1', startMs)).toBe(`bus-1-${startMs.toString(36)}`);
  });
});
