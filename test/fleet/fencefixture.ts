/** Places by metres, fixes on the way, and fences of each shape, for the tests of geofences. */
import fc from 'fast-check';
import { fenceOf, type Fence } from '../../src/fleet/fence.ts';
import type { Place, Shape } from '../../src/fleet/fenceshape.ts';
import { readShape } from '../../src/fleet/geojson.ts';
import { limits } from '../../src/limits.ts';
import type { Fix } from '../../src/wire/types.ts';

export const startMs = Date.UTC(2026, 2, 14, 9, 26, 53);
export const limerick: Place = { latE7: 526_600_000, lonE7: -86_300_000 };

const e7PerM = 1e7 / ((6_371_008.8 * Math.PI) / 180);
const worldE7 = 3_600_000_000;

/** So many metres east and north of `from`. */
export function away(from: Place, eastM: number, northM: number): Place {
  const scale = Math.cos((from.latE7 / 1e7) * (Math.PI / 180));
  const lonE7 = Math.round(from.lonE7 + (eastM * e7PerM) / scale);
  return {
    latE7: Math.round(from.latE7 + northM * e7PerM),
    lonE7: lonE7 > worldE7 / 2 ? lonE7 - worldE7 : lonE7,
  };
}

/** By degrees. */
export const place = (longitude: number, latitude: number): Place => ({
  latE7: Math.round(latitude * 1e7),
  lonE7: Math.round(longitude * 1e7),
});

export const isInBox = (shape: Shape, { latE7, lonE7 }: Place): boolean =>
  shape.boxes.some(
    ({ minX, minY, maxX, maxY }) =>
      lonE7 >= minX && lonE7 <= maxX && latE7 >= minY && latE7 <= maxY,
  );

/** As GeoJSON has it. */
export const position = ({ latE7, lonE7 }: Place): readonly number[] => [lonE7 / 1e7, latE7 / 1e7];

/** Positions: `at('0 0, 1 0.5')`. */
export function at(text: string): readonly (readonly number[])[] {
  return text.split(', ').map((one) => one.split(' ').map(Number));
}

export function feature(type: string, coordinates: unknown, properties: object = {}): object {
  return { type: 'Feature', geometry: { type, coordinates }, properties };
}

export function shapeOf(value: unknown): Shape {
  const read = readShape(value, limits);
  if ('refused' in read) throw new Error(`${read.refused}: ${JSON.stringify(value)}`);
  return read.shape;
}

export const circle = (centre: Place, radiusM: number): object =>
  feature('Point', position(centre), { radiusM });

/** Its corners are so many metres west, south, east and north of `centre`. */
export function box(centre: Place, west: number, south: number, east: number, north: number) {
  const corners = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
  ] as const;
  return corners.map(([eastM, northM]) => position(away(centre, eastM, northM)));
}

export const square = (centre: Place, halfM: number): object =>
  feature('Polygon', [box(centre, -halfM, -halfM, halfM, halfM)]);

/** A fence of the tenant acme that counts from the beginning. */
export function fence(id: string, geojson: object, over: Partial<Fence> = {}): Fence {
  const stored = {
    tenant: 'acme',
    id,
    name: `the ${id}`,
    geojson: JSON.stringify(geojson),
    speedMaxCms: null,
    dwellMs: null,
    notify: [],
    attributes: null,
    validFromMs: 0,
    validToMs: null,
    createdAtMs: 0,
    createdBy: 'anna',
    updatedAtMs: 0,
    updatedBy: 'anna',
  };
  const made = fenceOf(stored, limits);
  if ('refused' in made) throw new Error(`${made.refused}: ${JSON.stringify(geojson)}`);
  return { ...made, ...over };
}

/** `atS` seconds after the start. */
export function fixAt(place: Place, atS: number, over: Partial<Fix> = {}): Fix {
  return {
    ...place,
    timeMs: startMs + Math.round(atS * 1_000),
    speedCms: null,
    courseCdeg: null,
    altitudeDm: null,
    accuracyDm: 50,
    satellites: null,
    attributes: null,
    attributesMap: null,
    flags: 0,
    ...over,
  };
}

/** Always the same numbers from 0 to 1. */
export function createNoise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Of a normal distribution with deviation 1. */
export function gauss(noise: () => number): number {
  return Math.sqrt(-2 * Math.log(noise() || 1e-12)) * Math.cos(2 * Math.PI * noise());
}

const metres = fc.integer({ min: -2_000, max: 2_000 });

/** A polygon that looks like a star, maybe with a hole; it never crosses itself. */
const star = fc
  .record({
    east: metres,
    north: metres,
    radii: fc.array(fc.integer({ min: 20, max: 900 }), { minLength: 3, maxLength: 14 }),
    turn: fc.integer({ min: 0, max: 99 }).map((value) => value / 100),
    hasHole: fc.boolean(),
    isBackwards: fc.boolean(),
  })
  .map(({ east, north, radii, turn, hasHole, isBackwards }) => {
    const centre = away(limerick, east, north);
    const ring = (share: number): readonly (readonly number[])[] => {
      const corners = radii.map((radiusM, index) => {
        const angle = ((index + turn) * 2 * Math.PI) / radii.length;
        return position(
          away(centre, radiusM * share * Math.cos(angle), radiusM * share * Math.sin(angle)),
        );
      });
      return isBackwards ? corners.toReversed() : corners;
    };
    return feature('Polygon', hasHole ? [ring(1), ring(0.4).toReversed()] : [ring(1)]);
  });

const round = fc
  .record({ east: metres, north: metres, radiusM: fc.integer({ min: 1, max: 1_500 }) })
  .map(({ east, north, radiusM }) => circle(away(limerick, east, north), radiusM));

const road = fc
  .record({
    east: metres,
    north: metres,
    legs: fc.array(fc.tuple(metres, metres), { minLength: 1, maxLength: 40 }),
    widthM: fc.integer({ min: 2, max: 400 }),
  })
  .map(({ east, north, legs, widthM }) => {
    const places = [away(limerick, east, north)];
    for (const [eastM, northM] of legs) {
      const last = places.at(-1) as Place;
      places.push(away(last, eastM / 8 || 1, northM / 8));
    }
    return feature('LineString', places.map(position), { widthM });
  });

/** A fence within some 3 km around Limerick. */
export const anyGeojson: fc.Arbitrary<object> = fc.oneof(star, round, road);

export const anyPlace: fc.Arbitrary<Place> = fc
  .tuple(fc.integer({ min: -3_000, max: 3_000 }), fc.integer({ min: -3_000, max: 3_000 }))
  .map(([east, north]) => away(limerick, east, north));
