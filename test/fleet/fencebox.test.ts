import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signedDistanceM, type Place, type Shape } from '../../src/fleet/fenceshape.ts';
import { anyGeojson, anyPlace, circle, feature, isInBox, place, shapeOf } from './fencefixture.ts';

const outsideM = (shape: Shape, { latE7, lonE7 }: Place): number =>
  signedDistanceM(shape, latE7, lonE7);
describe('the boxes of a geofence', () => {
  const anywhere = fc.record({
    latE7: fc.oneof(
      fc.integer({ min: -900_000_000, max: 900_000_000 }),
      fc.integer({ min: 899_000_000, max: 900_000_000 }),
    ),
    lonE7: fc.oneof(
      fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
      fc.integer({ min: 1_799_000_000, max: 1_800_000_000 }),
      fc.integer({ min: -1_800_000_000, max: -1_799_000_000 }),
    ),
  });
  const share = fc.integer({ min: 0, max: 1_000 }).map((value) => value / 1_000);

  it('have every place of a circle in them, wherever it is', () => {
    fc.assert(
      fc.property(
        anywhere,
        fc.integer({ min: 1, max: 500_000 }),
        share,
        share,
        (centre, radiusM, far, turn) => {
          const shape = shapeOf(circle(centre, radiusM));
          const angle = turn * 2 * Math.PI;
          const where = travel(centre, radiusM * far, angle);
          expect(outsideM(shape, where)).toBeLessThan(0.05);
          if (outsideM(shape, where) <= 0) expect(isInBox(shape, where)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('have every place of any other shape in them', () => {
    fc.assert(
      fc.property(anyGeojson, anyPlace, (geojson, where) => {
        const shape = shapeOf(geojson);
        if (outsideM(shape, where) <= 0) expect(isInBox(shape, where)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('of a long road leave out what is far from it', () => {
    const road = Array.from({ length: 200 }, (_, index) => [index / 100, index / 100]);
    const shape = shapeOf(feature('LineString', road, { widthM: 20 }));
    expect(shape.boxes).toHaveLength(13);
    expect(isInBox(shape, place(1, 1))).toBe(true);
    expect(isInBox(shape, place(1.8, 0.2))).toBe(false);
  });
});

/** Where one gets to along a great circle. */
function travel(from: Place, metres: number, course: number): Place {
  const radians = Math.PI / 180 / 1e7;
  const arc = metres / 6_371_008.8;
  const latitude = from.latE7 * radians;
  const sine =
    Math.sin(latitude) * Math.cos(arc) + Math.cos(latitude) * Math.sin(arc) * Math.cos(course);
  const east = Math.atan2(
    Math.sin(course) * Math.sin(arc) * Math.cos(latitude),
    Math.cos(arc) - Math.sin(latitude) * sine,
  );
  const lonE7 = from.lonE7 + east / radians;
  const world = 3_600_000_000;
  const wrapped = ((((lonE7 + world / 2) % world) + world) % world) - world / 2;
  return { latE7: Math.round(Math.asin(sine) / radians), lonE7: Math.round(wrapped) };
}
