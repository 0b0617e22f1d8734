import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { signedDistanceM } from '../../src/fleet/fenceshape.ts';
import { readShape } from '../../src/fleet/geojson.ts';
import { limits } from '../../src/limits.ts';
import { anyGeojson, at, box, feature, limerick, shapeOf } from './fencefixture.ts';

const read = (value: unknown) => readShape(value, limits);
const refusalOf = (value: unknown): RefusalName | null => {
  const shape = read(value);
  return 'refused' in shape ? shape.refused : null;
};

const polygon = (...rings: unknown[]): object => feature('Polygon', rings);
const line = (positions: unknown, widthM: unknown = 50): object =>
  feature('LineString', positions, { widthM });
const point = (position: unknown, radiusM: unknown = 50): object =>
  feature('Point', position, { radiusM });

const outer = box(limerick, -100, -100, 100, 100);
const inner = box(limerick, -50, -50, 50, 50);
const innermost = box(limerick, -20, -20, 20, 20);
const beside = box(limerick, 200, -100, 400, 100);
const manyPositions = Array.from({ length: 1_001 }, (_, index) => [index / 1_000, 52]);

const good: [string, unknown][] = [
  ['a circle', point([-8.63, 52.66])],
  ['a circle as large as may be', point([180, 90], 500_000)],
  ['altitudes', line(at('0 0 12, 0.1 0 13'))],
  ['a ring that is closed', polygon([...outer, outer[0]])],
  ['a ring that is not', polygon(outer)],
  ['a ring the other way round', polygon(outer.toReversed())],
  ['positions that repeat', polygon([outer[0], ...outer, outer[3], outer[0], outer[0]])],
  ['a hole', polygon(outer, inner)],
  [
    'two holes',
    polygon(box(limerick, -9, -9, 99, 9), box(limerick, 1, 1, 5, 5), box(limerick, 9, 1, 12, 5)),
  ],
  ['polygons beside each other', feature('MultiPolygon', [[outer], [beside]])],
  ['an island in a lake', feature('MultiPolygon', [[outer, inner], [innermost]])],
  ['a road', line(at('0 0, 0.1 0'))],
  ['a road that crosses itself', line(at('0 0, 0.1 0, 0.1 0.1, 0.05 -0.1'))],
  ['roads', feature('MultiLineString', [at('0 0, 0.1 0'), at('0 1, 0.1 1')], { widthM: 1 })],
  ['as many positions as may be', line(manyPositions.slice(1))],
  ['20 degrees', polygon(at('0 0, 20 0, 20 20'))],
  ['members of other people', { ...point([0, 0]), id: 7, bbox: 'x', style: {} }],
  [
    'two halves at the antimeridian',
    feature('MultiPolygon', [
      [at('179 0, 180 0, 180 1, 179 1')],
      [at('-180 0, -179 0, -179 1, -180 1')],
    ]),
  ],
  [
    'halves that differ there',
    feature('MultiPolygon', [[at('179 0, 180 0, 180 2, 179 2')], [at('-180 -1, -179 0, -180 1')]]),
  ],
  ['one that ends there', polygon(at('179 0, 180 0, 180 1, 179 1'))],
];

const bad: [RefusalName, string, unknown][] = [
  ['badGeofence', 'nothing', null],
  ['badGeofence', 'a list', []],
  ['badGeofence', 'a geometry without a feature', { type: 'Point', coordinates: [0, 0] }],
  ['badGeofence', 'a feature without a geometry', { type: 'Feature', geometry: null }],
  ['badGeofence', 'a collection', { type: 'FeatureCollection', features: [] }],
  ['badGeofence', 'points', feature('MultiPoint', at('0 0'))],
  ['badGeofence', 'a name of a prototype', feature('constructor', [])],
  ['badGeofence', 'no polygons', feature('MultiPolygon', [])],
  ['badGeofence', 'a polygon without rings', feature('MultiPolygon', [[outer], []])],
  ['badGeofence', 'no lines', feature('MultiLineString', [], { widthM: 5 })],
  ['badGeofence', 'text for polygons', feature('MultiPolygon', 'x')],
  ['fencePosition', 'a position of one number', point([0])],
  ['fencePosition', 'no position', point(undefined)],
  ['fencePosition', 'text', point(['0', '0'])],
  ['fencePosition', 'latitude first', point([52, 120])],
  ['fencePosition', 'longitude of 181', line(at('181 0, 0 0'))],
  [
    'fencePosition',
    'NaN',
    line([
      [Number.NaN, 0],
      [0, 0],
    ]),
  ],
  ['fencePosition', 'a map', polygon([{ x: 1 }])],
  ['fenceTooFewPoints', 'a line of one', line(at('0 0'))],
  ['fenceTooFewPoints', 'a line that stays', line(at('0 0, 0 0, 0.00000001 0'))],
  ['fenceTooFewPoints', 'no coordinates', line(undefined)],
  ['fenceTooFewPoints', 'no ring', polygon(7)],
  ['fenceTooFewPoints', 'a ring of two', polygon(at('0 0, 1 1, 0 0'))],
  ['fenceTooFewPoints', 'a hole of one', polygon(outer, at('0 0'))],
  ['fenceTooManyPoints', 'a line of 1,001', line(manyPositions)],
  [
    'fenceTooManyPoints',
    'the same one very often',
    polygon(
      Array(1_001)
        .fill(0)
        .map(() => [0, 0]),
    ),
  ],
  [
    'fenceTooManyPoints',
    'many rings',
    feature(
      'MultiPolygon',
      Array(300)
        .fill(0)
        .map(() => [outer]),
    ),
  ],
  ['fenceCrossing', 'an eight', polygon(at('0 0, 1 1, 1 0, 0 1'))],
  ['fenceCrossing', 'a spike', polygon(at('0 0, 2 0, 1 0, 1 1'))],
  ['fenceCrossing', 'no area', polygon(at('0 0, 1 0, 2 0'))],
  ['fenceCrossing', 'there and back', polygon(at('0 0, 1 0, 0 0.5, 1 0'))],
  ['fenceCrossing', 'a corner that touches a side', polygon(at('0 0, 2 0, 2 1, 1 0, 0 1'))],
  ['fenceCrossing', 'a hole that crosses', polygon(outer, box(limerick, 50, -50, 150, 50))],
  ['fenceCrossing', 'a hole that touches', polygon(outer, box(limerick, 0, 0, 100, 50))],
  ['fenceCrossing', 'a hole as large as all', polygon(outer, outer)],
  [
    'fenceCrossing',
    'polygons with a side in common',
    feature('MultiPolygon', [[outer], [box(limerick, 100, -100, 200, 100)]]),
  ],
  [
    'fenceCrossing',
    'the same half twice',
    feature('MultiPolygon', [
      [at('179 0, 180 0, 180 1, 179 1')],
      [at('179.5 0, 180 0, 180 1, 179.5 1')],
    ]),
  ],
  [
    'fenceCrossing',
    'two on one side of the antimeridian',
    feature('MultiPolygon', [
      [at('179 0, 180 0, 180 1, 179 1')],
      [at('179 1.5, 180 0.5, 180 1.5')],
    ]),
  ],
  ['fenceNesting', 'a hole outside', polygon(outer, beside)],
  ['fenceNesting', 'a hole in a hole', polygon(outer, inner, innermost)],
  ['fenceNesting', 'a hole around', polygon(inner, outer)],
  ['fenceNesting', 'a polygon in a polygon', feature('MultiPolygon', [[outer], [inner]])],
  [
    'fenceNesting',
    'a hole of another',
    feature('MultiPolygon', [[outer, box(limerick, 250, -50, 300, 50)], [beside]]),
  ],
  ['fenceAntimeridian', 'a line across', line(at('179 0, -179 0'))],
  ['fenceAntimeridian', 'a ring across', polygon(at('179 0, -179 0, -179 1, 179 1'))],
  ['fenceAntimeridian', 'a ring that closes across', polygon(at('179 0, 0 0, -179 0, -179 1'))],
  ['fenceTooLarge', '20.1 degrees', polygon(at('0 0, 20.1 0, 0 1'))],
  ['fenceTooLarge', 'to the south', line(at('0 0, 0 -20.1'))],
  [
    'fenceTooLarge',
    'islands far away',
    feature('MultiPolygon', [[outer], [at('100 0, 101 0, 100 1')]]),
  ],
  ['fenceTooLarge', 'the world', polygon(at('-180 -90, 0 -90, 180 -90, 180 90, 0 90, -180 90'))],
  ...[undefined, null, 0, 0.9, -1, 500_001, '50', Number.NaN, Number.POSITIVE_INFINITY].map(
    (radiusM): [RefusalName, string, unknown] => [
      'fenceRadius',
      String(radiusM),
      feature('Point', [0, 0], { radiusM }),
    ],
  ),
  ...[undefined, 0.5, 20_001, [50]].map((widthM): [RefusalName, string, unknown] => [
    'fenceWidth',
    String(widthM),
    feature('LineString', at('0 0, 1 1'), { widthM }),
  ]),
  [
    'fenceRadius',
    'no properties',
    { type: 'Feature', geometry: { type: 'Point', coordinates: [0, 0] } },
  ],
];

describe('the shape of a geofence', () => {
  it.each(good)('is read: %s', (_name, value) => {
    expect(refusalOf(value)).toBeNull();
  });

  it.each(bad)('is refused as %s: %s', (refused, _name, value) => {
    expect(refusalOf(value)).toBe(refused);
  });

  it('comes out as GeoJSON that says the same, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.oneof(anyGeojson, fc.constantFrom(...good.map(([, value]) => value))),
        (value) => {
          const first = read(value);
          if ('refused' in first) throw new Error(first.refused);
          const again = read(JSON.parse(first.geojson));
          expect(again).toEqual(first);
        },
      ),
    );
    const written = read({
      ...line([
        [0.123_456_78, -0.000_000_01, 9],
        [1, 1],
      ]),
      id: 7,
    });
    expect(written).toMatchObject({
      geojson:
        '{"type":"Feature","geometry":{"type":"LineString","coordinates":[[0.1234568,0],[1,1]]},' +
        '"properties":{"widthM":50}}',
    });
  });

  it('is never half read: anything is a shape or a refusal', () => {
    const anything = fc.anything({ maxDepth: 3, withNullPrototype: true });
    const kinds = fc.constantFrom(
      'Point',
      'LineString',
      'Polygon',
      'MultiPolygon',
      'MultiLineString',
    );
    const number = fc.oneof(fc.double(), fc.integer({ min: -200, max: 200 }));
    const coordinates = fc.oneof(
      anything,
      fc.array(fc.array(number, { maxLength: 3 }), { maxLength: 6 }),
      fc.array(fc.array(fc.array(number, { maxLength: 3 }), { maxLength: 6 }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(kinds, coordinates, fc.oneof(anything, fc.constant(50)), (type, at, size) => {
        const result = read(feature(type, at, { radiusM: size, widthM: size }));
        if ('refused' in result) return;
        expect(Number.isNaN(signedDistanceM(result.shape, 0, 0))).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is inside of a polygon with holes where a ray says so', () => {
    const shape = shapeOf(feature('MultiPolygon', [[outer, inner], [innermost], [beside]]));
    const inside = (east: number): boolean =>
      signedDistanceM(shape, limerick.latE7, limerick.lonE7 + east * 148) < 0;
    expect([-120, -75, -35, 0, 35, 75, 120, 250, 450].map(inside)).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
  });
});
