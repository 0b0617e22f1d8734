import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrackPoint } from '../../src/cli/gpx.ts';
import { readJourney } from '../../src/cli/journey.ts';
import { courseBetween, createRoute, distanceM } from '../../src/cli/route.ts';

const at = (timeMs: number, latitude: number, longitude: number, altitude = 0): TrackPoint => ({
  timeMs,
  latitude,
  longitude,
  altitude,
});

describe('distance and course', () => {
  it('agree with what is known', () => {
    const origin = at(0, 0, 0);
    // One degree of a great circle of the mean Earth radius.
    expect(distanceM(origin, at(0, 1, 0))).toBeCloseTo(111_195, 0);
    expect(distanceM(origin, at(0, 0, 1))).toBeCloseTo(111_195, 0);
    expect(distanceM(origin, origin)).toBe(0);
    expect(courseBetween(origin, at(0, 1, 0))).toBe(0);
    expect(courseBetween(origin, at(0, 0, 1))).toBeCloseTo(90);
    expect(courseBetween(origin, at(0, -1, 0))).toBeCloseTo(180);
    expect(courseBetween(origin, at(0, 0, -1))).toBeCloseTo(270);
  });
});

describe('route', () => {
  const points = [at(1_000, 0, 0, 10), at(2_000, 0.001, 0, 20), at(4_000, 0.001, 0.002, 20)];

  it('is at its points at their moments and evenly between them', () => {
    const route = createRoute(points);
    expect(route.durationMs).toBe(3_000);
    expect(route.at(0)).toMatchObject({ latitude: 0, longitude: 0, altitude: 10, course: 0 });
    expect(route.at(500)).toMatchObject({ latitude: 0.0005, altitude: 15 });
    expect(route.at(500).speed).toBeCloseTo(111.2, 1);
    expect(route.at(2_000)).toMatchObject({ latitude: 0.001, longitude: 0.001 });
    expect(route.at(3_000)).toMatchObject({ latitude: 0.001, longitude: 0.002 });
  });

  it('turns round at its ends and goes back the same way', () => {
    const route = createRoute(points);
    expect(route.at(4_000).longitude).toBeCloseTo(route.at(2_000).longitude);
    expect(route.at(4_000).course).toBeCloseTo(270);
    expect(route.at(6_000)).toMatchObject({ latitude: 0, longitude: 0 });
    expect(route.at(6_500).latitude).toBeCloseTo(0.0005);
  });

  it('needs two points at different times', () => {
    expect(() => createRoute([at(1, 0, 0), at(1, 1, 1)])).toThrow(RangeError);
  });

  it('along the real journey never leaves its box and never jumps', async () => {
    const journey = await readJourney();
    const route = createRoute(journey);
    const latitudes = journey.map(({ latitude }) => latitude);
    const longitudes = journey.map(({ longitude }) => longitude);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50_000_000 }), (elapsedMs) => {
        const here = route.at(elapsedMs);
        const soon = route.at(elapsedMs + 100);
        expect(here.latitude).toBeGreaterThanOrEqual(Math.min(...latitudes));
        expect(here.latitude).toBeLessThanOrEqual(Math.max(...latitudes));
        expect(here.longitude).toBeGreaterThanOrEqual(Math.min(...longitudes));
        expect(here.longitude).toBeLessThanOrEqual(Math.max(...longitudes));
        expect(here.course).toBeGreaterThanOrEqual(0);
        expect(here.course).toBeLessThan(360);
        // The receiver of the real bus jumps by up to a hundred metres in a second.
        const moved = distanceM({ ...here, timeMs: 0 }, { ...soon, timeMs: 0 });
        expect(moved).toBeLessThan(20);
      }),
    );
  });
});
