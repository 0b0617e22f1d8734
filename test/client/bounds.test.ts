import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaText } from '../../src/client/bounds.ts';
import { isWithin, type AreaBounds } from '../../src/client/index.ts';
import { contains, coverOf, edgesOf } from '../../src/live/grid.ts';

const boundsOf = (west: number, south: number, east: number, north: number): AreaBounds => ({
  west,
  south,
  east,
  north,
});

const e7 = (most: number) => fc.integer({ min: -most * 1e7, max: most * 1e7 });
const rectangle = fc
  .record({ westE7: e7(180), eastE7: e7(180), first: e7(90), second: e7(90) })
  .map(({ westE7, eastE7, first, second }) => ({
    westE7,
    eastE7,
    southE7: Math.min(first, second),
    northE7: Math.max(first, second),
  }));

describe('areaText', () => {
  it.each([
    [boundsOf(-8.7, 52.6, -8.55, 52.7), 'area:-8.7,52.6,-8.55,52.7'],
    [boundsOf(170, -10, -170, 10), 'area:170,-10,-170,10'],
    [boundsOf(-180, -90, 180, 90), 'area:-180,-90,180,90'],
    [boundsOf(-0, 0, 1e-7, 1e-8), 'area:0,0,0.0000001,0'],
    [boundsOf(-1e-9, 0, 100, 0.1 + 0.2), 'area:0,0,100,0.3'],
  ])('has no exponent and no digits to spare: %j', (bounds, text) => {
    expect(areaText(bounds)).toBe(text);
  });

  it('keeps every edge to 1e-7 degree', () => {
    fc.assert(
      fc.property(rectangle, ({ westE7, southE7, eastE7, northE7 }) => {
        const edges = [westE7, southE7, eastE7, northE7];
        const [west, south, east, north] = edges.map((edge) => edge / 1e7);
        const text = areaText(boundsOf(west!, south!, east!, north!));
        expect(text).toMatch(/^area(?:[:,]-?\d{1,3}(?:\.\d{1,7})?){4}$/);
        const read = text.slice('area:'.length).split(',');
        expect(read.map((edge) => Math.round(Number(edge) * 1e7) + 0)).toEqual(
          edges.map((edge) => edge + 0),
        );
      }),
    );
  });
});

describe('isWithin', () => {
  const fiji = boundsOf(170, -20, -170, -10);
  it.each([
    ['between the edges', boundsOf(-9, 52, -8, 53), 52.5, -8.5, true],
    ['on the south west corner', boundsOf(-9, 52, -8, 53), 52, -9, true],
    ['on the north edge', boundsOf(-9, 52, -8, 53), 53, -8.5, false],
    ['on the east edge', boundsOf(-9, 52, -8, 53), 52.5, -8, false],
    ['south of it', boundsOf(-9, 52, -8, 53), 51.9, -8.5, false],
    ['west of the antimeridian', fiji, -15, 179.9, true],
    ['east of the antimeridian', fiji, -15, -179.9, true],
    ['on the antimeridian', fiji, -15, 180, true],
    ['on its other name', fiji, -15, -180, true],
    ['on the far side of the world', fiji, -15, 0, false],
    ['on the east edge beyond it', fiji, -15, -170, false],
    ['at the north pole', boundsOf(-180, 0, 180, 90), 90, 180, true],
    ['at the south pole', boundsOf(-180, -90, 180, 0), -90, -180, true],
    ['at the north pole of another', boundsOf(-180, 0, 180, 45), 90, 0, false],
  ])('is decided %s', (_, area, latitude, longitude, expected) => {
    expect(isWithin(area, { latitude, longitude })).toBe(expected);
  });

  it('agrees with the cells that the engine covers an area with', () => {
    fc.assert(
      fc.property(
        rectangle,
        e7(90),
        e7(180),
        fc.integer({ min: 8, max: 64 }),
        fc.boolean(),
        (bounds, latE7, lonE7, cellsMax, isOnEdge) => {
          const range = coverOf(bounds, cellsMax);
          const edges = edgesOf(range);
          // Edges of cells are where the two could differ.
          const place = isOnEdge
            ? { latE7: Math.round(edges.north * 1e7), lonE7: Math.round(edges.east * 1e7) }
            : { latE7, lonE7 };
          const friendly = { latitude: place.latE7 / 1e7, longitude: place.lonE7 / 1e7 };
          expect(isWithin(edges, friendly)).toBe(contains(range, place.latE7, place.lonE7));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
