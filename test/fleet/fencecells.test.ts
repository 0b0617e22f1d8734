/** Cells of the map against the distance to the border of each of their places. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxOfCell, cellOf, nearIn } from '../../src/fleet/fencecells.ts';
import { signedDistanceM, type Place } from '../../src/fleet/fenceshape.ts';
import { readShape } from '../../src/fleet/geojson.ts';
import { limits } from '../../src/limits.ts';
import { away, circle, feature, fence, isInBox, place, position } from './fencefixture.ts';

const anywhere: fc.Arbitrary<Place> = fc.oneof(
  fc
    .tuple(fc.integer({ min: -180, max: 180 }), fc.integer({ min: -90, max: 90 }))
    .map(([longitude, latitude]) => place(longitude, latitude)),
  fc.record({
    lonE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
    latE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  }),
);
const angle = fc.double({ min: 0, max: 2 * Math.PI, noNaN: true });
const shareOf = (min: number): fc.Arbitrary<number> => fc.double({ min, max: 1, noNaN: true });

/** From a bus stop to a province; each has its centre at `centre`, or begins there. */
const anyFence = fc
  .record({
    centre: anywhere,
    radiusM: fc.oneof(fc.integer({ min: 10, max: 5_000 }), fc.integer({ min: 10, max: 200_000 })),
    shares: fc.array(shareOf(0.3), { minLength: 3, maxLength: 40 }),
    kind: fc.constantFrom('circle', 'polygon', 'corridor'),
  })
  .map(({ centre, radiusM, shares, kind }) => {
    const corners = shares.map((share, index) => {
      const angle = (index * 2 * Math.PI) / shares.length;
      return position(
        away(centre, radiusM * share * Math.cos(angle), radiusM * share * Math.sin(angle)),
      );
    });
    if (kind === 'circle') return { centre, radiusM, geojson: circle(centre, radiusM) };
    if (kind === 'polygon') return { centre, radiusM, geojson: feature('Polygon', [corners]) };
    const widthM = Math.min(2 + radiusM / 2, limits.fenceWidthMaxM);
    return { centre, radiusM, geojson: feature('LineString', corners, { widthM }) };
  })
  // Over the antimeridian, or a pole, not each can be drawn.
  .filter(({ geojson }) => !('refused' in readShape(geojson, limits)));

const isOnEarth = ({ latE7, lonE7 }: Place): boolean =>
  Math.abs(latE7) <= 900_000_000 && Math.abs(lonE7) <= 1_800_000_000;

describe('a cell of the map', () => {
  it('is a box with all its places', () => {
    fc.assert(
      fc.property(anywhere, ({ latE7, lonE7 }) => {
        const cell = cellOf(latE7, lonE7);
        const { minX, minY, maxX, maxY } = boxOfCell(cell);
        expect(lonE7 >= minX && lonE7 <= maxX && latE7 >= minY && latE7 <= maxY).toBe(true);
        expect(cellOf(minY, minX)).toBe(cell);
        expect(cellOf(maxY, maxX)).toBe(cell);
        expect(cell).toBeLessThan(2 ** 30);
      }),
    );
  });

  it('says no more of a fence than is true at each of its places', () => {
    let [outside, deep] = [0, 0];
    fc.assert(
      fc.property(
        anyFence,
        angle,
        shareOf(0),
        fc.array(fc.tuple(shareOf(0), shareOf(0)), { maxLength: 10 }),
        ({ centre, radiusM, geojson }, angle, share, shares) => {
          const one = fence('one', geojson);
          const reachM = 1.3 * radiusM * share;
          const there = away(centre, reachM * Math.cos(angle), reachM * Math.sin(angle));
          fc.pre(isOnEarth(there));
          const cell = boxOfCell(cellOf(there.latE7, there.lonE7));
          const mix = (min: number, max: number, share: number): number =>
            min + Math.round((max - min) * share);
          const corners = [0, 1].flatMap((east) => [0, 1].map((north) => [east, north] as const));
          const places = [...shares, ...corners].map(([east, north]) => ({
            latE7: mix(cell.minY, cell.maxY, north),
            lonE7: mix(cell.minX, cell.maxX, east),
          }));
          const leaves = one.shape.boxes.map((box) => ({ ...box, fence: one }));
          const [near] = nearIn(cell, leaves);
          for (const { latE7, lonE7 } of [there, ...places.filter(isOnEarth)]) {
            const outsideM = signedDistanceM(one.shape, latE7, lonE7);
            if (near === undefined) expect(outsideM).toBeGreaterThan(0);
            else if (near.depthM > 0) expect(-outsideM).toBeGreaterThanOrEqual(near.depthM);
            if (outsideM > 0 || near === undefined) continue;
            expect(isInBox({ ...one.shape, boxes: [near] }, { latE7, lonE7 })).toBe(true);
          }
          if (near === undefined) outside += 1;
          else if (near.depthM > 0) deep += 1;
        },
      ),
      { numRuns: 3_000 },
    );
    // Else there was nothing to be wrong about.
    expect(outside).toBeGreaterThan(100);
    expect(deep).toBeGreaterThan(100);
  });
});
