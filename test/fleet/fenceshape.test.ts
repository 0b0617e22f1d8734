import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceM } from '../../src/fleet/distance.ts';
import {
  isSameShape,
  signedDistanceM,
  type Place,
  type Shape,
} from '../../src/fleet/fenceshape.ts';
import {
  anyGeojson,
  anyPlace,
  at,
  away,
  box,
  circle,
  feature,
  isInBox,
  limerick,
  place,
  position,
  shapeOf,
  square,
} from './fencefixture.ts';

const between = (from: Place, to: Place): number =>
  distanceM(from.latE7, from.lonE7, to.latE7, to.lonE7);
const outsideM = (shape: Shape, { latE7, lonE7 }: Place): number =>
  signedDistanceM(shape, latE7, lonE7);
/** The ends of each edge of the shape, as GeoJSON has them. */
function edgesIn({ geometry: { type, coordinates } }: Geojson): readonly (readonly Place[])[] {
  const join = (ring: readonly (readonly number[])[], isRing: boolean): (readonly Place[])[] => {
    const places = ring.map(([longitude, latitude]) => place(longitude ?? 0, latitude ?? 0));
    const ends = isRing ? [...places.slice(1), places[0] as Place] : places.slice(1);
    return ends.map((end, index) => [places[index] as Place, end]);
  };
  const rings = (
    type === 'LineString' ? [coordinates] : coordinates
  ) as readonly (readonly number[])[][];
  return rings.flatMap((ring) => join(ring, type === 'Polygon'));
}

interface Geojson {
  readonly geometry: { readonly type: string; readonly coordinates: unknown };
  readonly properties: { readonly widthM?: number; readonly radiusM?: number };
}

describe('the distance to the border of a geofence', () => {
  it('is that along the great circle to the nearest of many points of it', () => {
    fc.assert(
      fc.property(anyGeojson, anyPlace, (value, where) => {
        const geojson = value as Geojson;
        const shape = shapeOf(geojson);
        const distance = outsideM(shape, where);
        if (geojson.geometry.type === 'Point') {
          const centre = place(...(geojson.geometry.coordinates as [number, number]));
          expect(distance).toBeCloseTo(between(centre, where) - shape.radiusM, 6);
          return;
        }
        const steps = 64;
        let nearestM = Number.POSITIVE_INFINITY;
        let stepM = 0;
        for (const [from, to] of edgesIn(geojson)) {
          if (from === undefined || to === undefined) throw new Error('an edge has two ends');
          stepM = Math.max(stepM, between(from, to) / steps);
          for (let step = 0; step <= steps; step++) {
            const mix = (one: number, other: number): number =>
              one + ((other - one) * step) / steps;
            const there = { latE7: mix(from.latE7, to.latE7), lonE7: mix(from.lonE7, to.lonE7) };
            nearestM = Math.min(nearestM, between(there, where));
          }
        }
        const measuredM =
          geojson.properties.widthM === undefined ? Math.abs(distance) : distance + shape.radiusM;
        // What the header of fenceshape.ts says, and what lies between two of the points.
        const error = 0.01 + (nearestM * (1.5 * nearestM)) / 12_742_000;
        expect(measuredM).toBeLessThanOrEqual(nearestM + error);
        expect(measuredM).toBeGreaterThanOrEqual(
          Math.sqrt(Math.max(0, nearestM ** 2 - stepM ** 2)) - stepM - error,
        );
      }),
      { numRuns: 400 },
    );
  });

  it('is inside where a place has been found to be by counting turns', () => {
    fc.assert(
      fc.property(anyGeojson, anyPlace, (value, where) => {
        const geojson = value as Geojson;
        if (geojson.geometry.type !== 'Polygon') return;
        const distance = outsideM(shapeOf(geojson), where);
        if (Math.abs(distance) < 0.05) return;
        // The angle under which a ring is seen adds up to a turn where it goes around, else to none.
        let angle = 0;
        for (const [from, to] of edgesIn(geojson)) {
          if (from === undefined || to === undefined) throw new Error('an edge has two ends');
          const [ax, ay] = [from.lonE7 - where.lonE7, from.latE7 - where.latE7];
          const [bx, by] = [to.lonE7 - where.lonE7, to.latE7 - where.latE7];
          angle += Math.atan2(ax * by - ay * bx, ax * bx + ay * by);
        }
        // A hole goes the other way round than its polygon, so that in it both add up to none.
        expect(distance < 0).toBe(Math.abs(angle) > Math.PI);
      }),
      { numRuns: 1_000 },
    );
  });

  const diamond = feature('Polygon', [
    [
      away(limerick, -100, 0),
      away(limerick, 0, -100),
      away(limerick, 100, 0),
      away(limerick, 0, 100),
    ].map(position),
  ]);
  const withHole = feature('Polygon', [
    box(limerick, -100, -100, 100, 100),
    box(limerick, -50, -50, 50, 50),
  ]);
  const road = feature('LineString', [limerick, away(limerick, 500, 0)].map(position), {
    widthM: 40,
  });
  const islands = feature('MultiPolygon', [
    [box(limerick, 0, 0, 100, 100)],
    [box(limerick, 150, 0, 250, 100)],
  ]);

  it.each<[string, object, number, number, number]>([
    ['in the middle of a square', square(limerick, 100), 0, 0, -100],
    ['near its side', square(limerick, 100), 90, 0, -10],
    ['outside of its side', square(limerick, 100), 130, 20, 30],
    ['outside of its corner', square(limerick, 100), 130, 140, 50],
    ['level with corners', diamond, -130, 0, 30],
    ['level with corners, inside', diamond, 0, 0, -100 / Math.SQRT2],
    ['level with corners, behind', diamond, 130, 0, 30],
    ['in a circle', circle(limerick, 100), 30, 40, -50],
    ['outside of it', circle(limerick, 100), 300, 400, 400],
    ['on its centre', circle(limerick, 100), 0, 0, -100],
    ['in a hole', withHole, 10, 0, 40],
    ['beside a hole', withHole, 60, 0, -10],
    ['in a road', road, 250, 5, -15],
    ['beside it', road, 250, -50, 30],
    ['behind its end', road, 515, 0, -5],
    ['between two islands', islands, 120, 50, 20],
    ['on the second', islands, 200, 50, -50],
  ])('%s', (_name, geojson, eastM, northM, metres) => {
    const shape = shapeOf(geojson);
    expect(outsideM(shape, away(limerick, eastM, northM))).toBeCloseTo(metres, 1);
  });

  const halves = feature('MultiPolygon', [
    [at('179 -1, 180 -1, 180 1, 179 1')],
    [at('-180 -1, -179 -1, -179 1, -180 1')],
  ]);
  const divided = feature('MultiPolygon', [
    [at('179 -1, 180 -1, 180 0, 180 1, 179 1')],
    [at('-180 -1, -179 -1, -179 1, -180 1')],
  ]);
  const unlike = feature('MultiPolygon', [
    [at('179 -1, 180 -1, 180 3, 179 3')],
    [at('-180 -2, -179 0, -180 1')],
  ]);
  const degreeM = 111_195;

  it.each<[string, object, Place, number]>([
    [
      'a circle, from the other side',
      circle(place(179.999, 0), 500),
      place(-179.999, 0),
      0.002 * degreeM - 500,
    ],
    ['the cut is no border', halves, place(180, 0), -degreeM],
    ['nor on the other side of it', halves, place(-179.9, 0), -0.9 * degreeM],
    ['nor on this', halves, place(179.9, 0.5), -0.5 * degreeM],
    ['nor at a corner in the middle of it', divided, place(180, 0), -degreeM],
    ['but where there is one half only', unlike, place(-179.9, 2), 0.1 * degreeM],
    ['and inside of that', unlike, place(179.9, 2), -0.1 * degreeM],
    ['as on the other side', unlike, place(179.9, -1.5), 0.1 * degreeM],
    [
      'one that ends there',
      feature('Polygon', [at('179 -1, 180 -1, 180 1, 179 1')]),
      place(-179.9, 0),
      0.1 * degreeM,
    ],
    [
      'a road to it',
      feature('LineString', at('179.9 0, 180 0'), { widthM: 1_000 }),
      place(-179.99, 0),
      0.01 * degreeM - 500,
    ],
  ])('at the antimeridian: %s', (_name, geojson, where, metres) => {
    const shape = shapeOf(geojson);
    const distance = outsideM(shape, where);
    expect(Math.abs(distance - metres)).toBeLessThan(Math.max(1, Math.abs(metres) * 0.002));
    if (distance <= 0) expect(isInBox(shape, where)).toBe(true);
  });

  it.each<[string, object, Place, number]>([
    [
      'a circle around the pole',
      circle(place(0, 90), 1_000),
      place(123, 89.995),
      0.005 * degreeM - 1_000,
    ],
    [
      'a circle over the pole',
      circle(place(0, 89.995), 1_000),
      place(180, 89.999),
      0.006 * degreeM - 1_000,
    ],
    ['a circle at the south pole', circle(place(0, -90), 1_000), place(-77, -90), -1_000],
    ['a square far north', square(place(10, 89), 100), away(place(10, 89), 130, 0), 30],
    [
      'a road to the pole',
      feature('LineString', at('0 89, 0 90'), { widthM: 200 }),
      place(170, 90),
      -100,
    ],
  ])('at a pole: %s', (_name, geojson, where, metres) => {
    const shape = shapeOf(geojson);
    expect(outsideM(shape, where)).toBeCloseTo(metres, -1);
    if (metres <= 0) expect(isInBox(shape, where)).toBe(true);
  });
});

it('a shape is the same as one that says the same', () => {
  fc.assert(
    fc.property(anyGeojson, anyGeojson, (one, other) => {
      expect(isSameShape(shapeOf(one), shapeOf(one))).toBe(true);
      const isSame = JSON.stringify(one) === JSON.stringify(other);
      expect(isSameShape(shapeOf(one), shapeOf(other))).toBe(isSame);
    }),
  );
  const wider = feature('LineString', at('0 0, 1 1'), { widthM: 6 });
  const narrower = feature('LineString', at('0 0, 1 1'), { widthM: 5 });
  expect(isSameShape(shapeOf(wider), shapeOf(narrower))).toBe(false);
});
