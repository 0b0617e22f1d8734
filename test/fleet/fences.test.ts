import { describe, expect, it } from 'vitest';
import type { Fence } from '../../src/fleet/fence.ts';
import type { Place } from '../../src/fleet/fenceshape.ts';
import type { Fix } from '../../src/wire/types.ts';
import {
  away,
  box,
  circle,
  createNoise,
  feature,
  fence,
  fixAt,
  gauss,
  limerick,
  position,
  square,
  startMs,
} from './fencefixture.ts';
import { vehicleAmong } from './fencestage.ts';

const depot = (over: Partial<Fence> = {}): Fence => fence('depot', square(limerick, 100), over);
/** So far east of the middle of the depot. */
const east = (metres: number): Place => away(limerick, metres, 0);
const after = (atS: number, metres: number, over: Partial<Fix> = {}): Fix =>
  fixAt(east(metres), atS, over);

describe('geofences', () => {
  it('are entered and exited by driving through, at once', () => {
    const vehicle = vehicleAmong(depot());
    // 20 m/s, a fix a second, an accuracy of 5 m.
    for (let atS = 0; atS <= 30; atS++) vehicle.step(after(atS, -300 + 20 * atS));
    expect(vehicle.take()).toEqual(['11 entered depot', '25 exited depot']);
    expect(vehicle.told.map(({ data }) => data)).toEqual([
      { name: 'the depot', sinceMs: startMs + 10_000 },
      { name: 'the depot', enteredMs: startMs + 11_000, sinceMs: startMs + 21_000 },
    ]);
    expect(vehicle.states).toEqual([]);
  });

  it('are entered and exited with one fix a minute', () => {
    const vehicle = vehicleAmong(depot());
    for (const [minute, metres] of [-900, -80, 900].entries()) {
      vehicle.step(after(minute * 60, metres));
    }
    expect(vehicle.take()).toEqual(['60 entered depot', '120 exited depot']);
  });

  it.each<[string, number[], string[]]>([
    ['deep inside by one fix', [-500, -90], ['10 entered depot']],
    ['on the border, held', [-99, -99, -99, -99], ['30 entered depot']],
    ['on the border, not held', [-99, -99, -99, -101, -99, -99, -99], []],
    ['out by little, held', [0, 103, 103, 103, 103], ['0 entered depot', '40 exited depot']],
    ['out by little, not held', [0, 103, 103, 103, 97, 103, 103, 103], ['0 entered depot']],
    ['out by much', [0, 201], ['0 entered depot', '10 exited depot']],
    ['out by not enough', [0, 199], ['0 entered depot']],
  ])('side of the border, a fix each 10 s: %s', (_name, metres, events) => {
    const vehicle = vehicleAmong(depot());
    for (const [index, one] of metres.entries()) vehicle.step(after(index * 10, one));
    expect(vehicle.take()).toEqual(events);
  });

  it.each<[string, Partial<Fix>, number, boolean]>([
    ['an accuracy circle that lies inside', { accuracyDm: 400 }, 60, true],
    ['one that reaches over the border', { accuracyDm: 410 }, 60, false],
    ['an unknown one, 10 m from the border', { accuracyDm: null }, 89, true],
    ['an unknown one, nearer', { accuracyDm: null }, 91, false],
    ['a perfect one', { accuracyDm: 0 }, 99.9, true],
  ])('are entered at once or not with %s', (_name, over, metres, isEntered) => {
    const vehicle = vehicleAmong(depot());
    vehicle.step(after(0, metres, over));
    expect(vehicle.take()).toEqual(isEntered ? ['0 entered depot'] : []);
    expect(vehicle.states).toHaveLength(1);
  });

  it('are held by two fixes, not by one and a long silence before', () => {
    const vehicle = vehicleAmong(depot());
    vehicle.step(after(0, -99));
    vehicle.step(after(3_600, -99));
    expect(vehicle.take()).toEqual(['3600 entered depot']);
    vehicle.step(after(9_000, 103));
    expect(vehicle.take()).toEqual([]);
    vehicle.step(after(9_029, 103));
    expect(vehicle.take()).toEqual([]);
    vehicle.step(after(9_030, 103));
    expect(vehicle.take()).toEqual(['9030 exited depot']);
  });

  /** Parked on the border for an hour: metres east of it for each second. */
  const parked: [string, (noise: () => number) => number, number | null][] = [
    ['20 m at most, and says so', (noise) => 40 * noise() - 20, 200],
    ['20 m at most, and says 5 m', (noise) => 40 * noise() - 20, 50],
    ['20 m at most, and says nothing', (noise) => 40 * noise() - 20, null],
    ['20 m of deviation, and says so', (noise) => 20 * gauss(noise), 200],
    ['20 m of deviation, and says 10 m', (noise) => 20 * gauss(noise), 100],
    ['40 m of deviation, and says so', (noise) => 40 * gauss(noise), 400],
  ];

  it.each(parked)('do not flap under noise of %s', (_name, stray, accuracyDm) => {
    for (let seed = 1; seed <= 5; seed++) {
      const noise = createNoise(seed);
      const vehicle = vehicleAmong(fence('depot', square(east(-500), 500)));
      for (let atS = 0; atS < 3_600; atS++) {
        const place = away(limerick, stray(noise), stray(noise));
        vehicle.step(fixAt(place, atS, { accuracyDm, speedCms: 0 }));
      }
      expect(vehicle.take().length).toBeLessThanOrEqual(1);
    }
  });

  it('tell of a dwell by the time of fixes, to the millisecond', () => {
    const vehicle = vehicleAmong(depot({ dwellMs: 300_000 }));
    vehicle.step(after(0, 0));
    vehicle.step(after(299.999, 0));
    expect(vehicle.take()).toEqual(['0 entered depot']);
    vehicle.step(after(300, 0));
    vehicle.step(after(900, 0));
    expect(vehicle.take()).toEqual(['300 dwelled depot']);
    expect(vehicle.told.at(-1)?.data).toEqual({ name: 'the depot', enteredMs: startMs });
    // Out, in, and silent for an hour.
    vehicle.step(after(1_000, 500));
    vehicle.step(after(1_100, 0));
    vehicle.step(after(4_700, 1));
    expect(vehicle.take()).toEqual([
      '1000 exited depot',
      '1100 entered depot',
      '1400 dwelled depot',
    ]);
  });

  it('tell of a dwell also while it is not sure that they were exited', () => {
    const vehicle = vehicleAmong(depot({ dwellMs: 300_000 }));
    for (const [atS, metres] of [
      [0, 0],
      [290, 0],
      [310, 103],
      [319, 103],
      [340, 103],
    ] as const) {
      vehicle.step(after(atS, metres));
    }
    expect(vehicle.take()).toEqual(['0 entered depot', '300 dwelled depot', '340 exited depot']);
  });

  it('tell of no dwell where the next fix is somewhere else', () => {
    const vehicle = vehicleAmong(depot({ dwellMs: 300_000 }));
    vehicle.step(after(0, 0));
    vehicle.step(after(3_600, 5_000));
    expect(vehicle.take()).toEqual(['0 entered depot', '3600 exited depot']);
  });

  it('tell of too much speed inside, once until it is kept again', () => {
    const vehicle = vehicleAmong(depot({ speedMaxCms: 1_000 }));
    const speeds = [1_000, 1_001, 950, 2_000, 901, null, 1_500, 900, 1_001];
    vehicle.step(after(0, -500, { speedCms: 3_000 }));
    for (const [index, speedCms] of speeds.entries()) {
      vehicle.step(after(index + 1, 0, { speedCms }));
    }
    expect(vehicle.take()).toEqual(['1 entered depot', '2 overspeed depot', '9 overspeed depot']);
    expect(vehicle.told[1]?.data).toEqual({
      name: 'the depot',
      speedCms: 1_001,
      speedMaxCms: 1_000,
    });
    // Outside of it nobody minds, also while the exit is not sure.
    vehicle.step(after(10, 0, { speedCms: 0 }));
    vehicle.step(after(11, 110, { speedCms: 3_000 }));
    expect(vehicle.take()).toEqual([]);
    vehicle.step(after(12, 90, { speedCms: 3_000 }));
    expect(vehicle.take()).toEqual(['12 overspeed depot']);
  });

  it('tell of too much speed with the fix that enters', () => {
    const vehicle = vehicleAmong(depot({ speedMaxCms: 1_000 }));
    vehicle.step(after(0, 0, { speedCms: 1_200 }));
    expect(vehicle.take()).toEqual(['0 entered depot', '0 overspeed depot']);
  });

  it('are exited before the next is entered, and in the order of their ids', () => {
    const next = (id: string): Fence => fence(id, square(east(1_000), 100));
    const vehicle = vehicleAmong(next('c'), next('a'), depot(), next('b'));
    vehicle.step(after(0, 0));
    vehicle.step(after(60, 1_000));
    expect(vehicle.take()).toEqual([
      '0 entered depot',
      ...['60 exited depot', '60 entered a', '60 entered b', '60 entered c'],
    ]);
  });

  it('with a hole are exited into it', () => {
    const rings = [box(limerick, -500, -500, 500, 500), box(limerick, -250, -250, 250, 250)];
    const vehicle = vehicleAmong(fence('ring', feature('Polygon', rings)));
    for (const [minute, metres] of [-900, -400, 0, 400, 900].entries()) {
      vehicle.step(after(minute * 60, metres));
    }
    expect(vehicle.take()).toEqual([
      ...['60 entered ring', '120 exited ring', '180 entered ring', '240 exited ring'],
    ]);
  });

  it('that are corridors are left by who leaves the road', () => {
    const road = [0, 500, 1_000].map((metres) => position(east(metres)));
    const vehicle = vehicleAmong(fence('road', feature('LineString', road, { widthM: 60 })));
    const way = [
      [-200, 0],
      [10, 0],
      [400, 20],
      [700, -25],
      [700, 140],
      [700, 10],
    ] as const;
    for (const [minute, [eastM, northM]] of way.entries()) {
      vehicle.step(fixAt(away(limerick, eastM, northM), minute * 60));
    }
    expect(vehicle.take()).toEqual(['60 entered road', '240 exited road', '300 entered road']);
  });

  it.each([
    ['at the antimeridian', { latE7: 0, lonE7: 1_799_990_000 }],
    ['at the north pole', { latE7: 899_900_000, lonE7: 0 }],
  ])('are circles %s', (_name, centre) => {
    const vehicle = vehicleAmong(fence('round', circle(centre, 400)));
    for (const [minute, metres] of [-1_000, -200, 0, 200, 1_000].entries()) {
      vehicle.step(fixAt(away(centre, metres, 0), minute * 60));
    }
    expect(vehicle.take()).toEqual(['60 entered round', '240 exited round']);
  });

  it('count from their beginning to their end', () => {
    const span = { validFromMs: startMs + 60_000, validToMs: startMs + 120_000 };
    const vehicle = vehicleAmong(depot(span));
    for (const atS of [0, 59.999, 60, 90, 119.999]) vehicle.step(after(atS, 0));
    expect(vehicle.take()).toEqual(['60 entered depot']);
    expect(vehicle.states).toHaveLength(1);
    vehicle.step(after(120, 0));
    expect(vehicle.states).toEqual([]);
    vehicle.step(after(130, 900));
    expect(vehicle.take()).toEqual([]);
  });

  it('that are deleted are forgotten without a word', () => {
    const vehicle = vehicleAmong(depot({ dwellMs: 60_000 }));
    vehicle.step(after(0, 0));
    vehicle.take();
    vehicle.index.remove('acme', 'depot');
    vehicle.step(after(60, 0));
    vehicle.step(after(70, 900));
    expect(vehicle.take()).toEqual([]);
    expect(vehicle.states).toEqual([]);
  });

  it('that are edited begin anew, and an older fix is not theirs', () => {
    const vehicle = vehicleAmong(depot({ dwellMs: 120_000 }));
    vehicle.step(after(0, 0));
    vehicle.index.put(depot({ dwellMs: 120_000, validFromMs: startMs + 60_000 }));
    vehicle.step(after(59, 0));
    expect(vehicle.take()).toEqual(['0 entered depot']);
    expect(vehicle.states).toEqual([]);
    for (const atS of [60, 121, 180]) vehicle.step(after(atS, 0));
    expect(vehicle.take()).toEqual(['60 entered depot', '180 dwelled depot']);
  });

  it('that were edited later tell the same when the past is gone over again', () => {
    const editedMs = startMs + 60_000;
    const old = depot({ validToMs: editedMs });
    const young = fence('depot', square(limerick, 30), { validFromMs: editedMs });
    const vehicle = vehicleAmong();
    vehicle.index.add(young);
    vehicle.index.add(old);
    const way = [-500, 0, 50, 0, 0, 0, 0, 20, 300];
    for (const [index, metres] of way.entries()) vehicle.step(after(index * 10, metres));
    expect(vehicle.take()).toEqual(['10 entered depot', '60 entered depot', '80 exited depot']);
  });

  it('are so many of one vehicle at most, and the rest is counted', () => {
    const many = Array.from({ length: 40 }, (_, index) =>
      fence(`f-${index + 10}`, square(limerick, 100)),
    );
    const vehicle = vehicleAmong(...many);
    expect(vehicle.step(after(0, 0))).toBe(8);
    expect(vehicle.take()).toHaveLength(32);
    expect(vehicle.step(after(1, 0))).toBe(8);
    expect(vehicle.step(after(2, 900))).toBe(0);
    expect(vehicle.take()).toHaveLength(32);
    expect(vehicle.states).toEqual([]);
  });

  it('of another tenant are nothing', () => {
    const vehicle = vehicleAmong(depot({ tenant: 'globex' }));
    expect(vehicle.step(after(0, 0))).toBe(0);
    expect(vehicle.take()).toEqual([]);
  });
});
