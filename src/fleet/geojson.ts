/**
 * GeoJSON (RFC 7946) of untrusted people, read as the shape of a geofence: a shape or a coded refusal, never a throw.
 * Invariant: what comes out is closed, rounded to 1e-7 degree and checked as it is used; the GeoJSON that comes out
 * with it has nothing else in it, and is read again as the same shape.
 * Bound: positions are counted before any is looked at (`fencePositionsMax`), so that work follows from that.
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { borderOf, edgesOf, hasCrossing, isNested, type Corner } from './fenceborder.ts';
import { halfE7, wrapE7 } from './fencebox.ts';
import {
  createCircle,
  createCorridor,
  createPolygon,
  type Place,
  type Shape,
} from './fenceshape.ts';

export type ShapeBounds = Pick<
  Limits,
  'fencePositionsMax' | 'fenceSpanMaxE7' | 'fenceSizeMinM' | 'fenceRadiusMaxM' | 'fenceWidthMaxM'
>;

/** `geojson` is the text of a Feature: the geometry, and `radiusM` or `widthM` where it has one. */
export type ShapeRead =
  { readonly shape: Shape; readonly geojson: string } | { readonly refused: RefusalName };

type Line = readonly Place[];
type Lines = { readonly lines: readonly Line[] } | { readonly refused: RefusalName };
type Polygons = { readonly polygons: readonly (readonly Line[])[] } | { refused: RefusalName };

export function readShape(value: unknown, bounds: ShapeBounds): ShapeRead {
  const feature = mapOf(value);
  const geometry = mapOf(feature?.['geometry']);
  if (feature?.['type'] !== 'Feature' || geometry === null) return { refused: 'badGeofence' };
  const properties = mapOf(feature['properties']) ?? {};
  const { type, coordinates } = geometry;
  switch (type) {
    case 'Point':
      return readCircle(coordinates, properties['radiusM'], bounds);
    case 'LineString':
      return readCorridor(type, [coordinates], properties['widthM'], bounds);
    case 'MultiLineString':
      return readCorridor(type, coordinates, properties['widthM'], bounds);
    case 'Polygon':
      return readPolygon(type, [coordinates], bounds);
    case 'MultiPolygon':
      return readPolygon(type, coordinates, bounds);
    default:
      return { refused: 'badGeofence' };
  }
}

function readCircle(coordinates: unknown, radiusM: unknown, bounds: ShapeBounds): ShapeRead {
  const origin = placeOf(coordinates);
  if (origin === null) return { refused: 'fencePosition' };
  if (!isWithin(radiusM, bounds.fenceSizeMinM, bounds.fenceRadiusMaxM)) {
    return { refused: 'fenceRadius' };
  }
  const geojson = featureText('Point', positionOf(origin), { radiusM });
  return { shape: createCircle(origin, radiusM), geojson };
}

function readCorridor(
  type: 'LineString' | 'MultiLineString',
  coordinates: unknown,
  widthM: unknown,
  bounds: ShapeBounds,
): ShapeRead {
  const read = readLines(coordinates, false, bounds.fencePositionsMax);
  if ('refused' in read) return read;
  if (!isWithin(widthM, bounds.fenceSizeMinM, bounds.fenceWidthMaxM)) {
    return { refused: 'fenceWidth' };
  }
  const { lines } = read;
  const origin = originOf(lines);
  if (origin === null) return { refused: 'badGeofence' };
  const local = lines.map((line) => line.map((place) => cornerOf(place, origin)));
  if (isTooLarge(local.flat(), bounds)) return { refused: 'fenceTooLarge' };
  const edges = local.flatMap((corners) =>
    corners.slice(1).flatMap((to, index) => {
      const from = corners[index] as Corner;
      return [from.x, from.y, to.x, to.y];
    }),
  );
  const positions = lines.map((line) => line.map(positionOf));
  const geojson = featureText(type, type === 'LineString' ? positions[0] : positions, { widthM });
  return { shape: createCorridor(origin, edges, widthM), geojson };
}

function readPolygon(
  type: 'Polygon' | 'MultiPolygon',
  coordinates: unknown,
  bounds: ShapeBounds,
): ShapeRead {
  const read = readPolygons(coordinates, bounds.fencePositionsMax);
  if ('refused' in read) return read;
  const { polygons } = read;
  const origin = originOf(polygons.flat());
  if (origin === null) return { refused: 'badGeofence' };
  const local = polygons.map((rings) =>
    rings.map((ring) => ring.map((place) => cornerOf(place, origin))),
  );
  const rings = local.flat();
  if (isTooLarge(rings.flat(), bounds)) return { refused: 'fenceTooLarge' };
  if (hasCrossing(rings)) return { refused: 'fenceCrossing' };
  if (!isNested(local)) return { refused: 'fenceNesting' };
  const positions = polygons.map((some) => some.map((ring) => closed(ring).map(positionOf)));
  return {
    shape: createPolygon(origin, local.map(edgesOf), borderOf(rings)),
    geojson: featureText(type, type === 'Polygon' ? positions[0] : positions, {}),
  };
}

function readPolygons(value: unknown, positionsMax: number): Polygons {
  const polygons: (readonly Line[])[] = [];
  let positionsLeft = positionsMax;
  for (const rings of listOf(value)) {
    const read = readLines(rings, true, positionsLeft);
    if ('refused' in read) return read;
    if (read.lines.length === 0) return { refused: 'badGeofence' };
    polygons.push(read.lines);
    positionsLeft -= countOf(read.lines);
  }
  return { polygons };
}

function readLines(value: unknown, areRings: boolean, positionsMax: number): Lines {
  const lines: Line[] = [];
  let positionsLeft = positionsMax;
  for (const positions of listOf(value)) {
    const list = listOf(positions);
    positionsLeft -= list.length;
    if (positionsLeft < 0) return { refused: 'fenceTooManyPoints' };
    const line = readLine(list, areRings);
    if (typeof line === 'string') return { refused: line };
    lines.push(line);
  }
  return { lines };
}

/** The positions, each unlike the one before; of a ring also the first unlike the last. */
function readLine(positions: readonly unknown[], isRing: boolean): Line | RefusalName {
  const line: Place[] = [];
  for (const position of positions) {
    const place = placeOf(position);
    if (place === null) return 'fencePosition';
    const last = line.at(-1);
    if (last !== undefined && isSame(last, place)) continue;
    if (last !== undefined && Math.abs(place.lonE7 - last.lonE7) > halfE7) {
      return 'fenceAntimeridian';
    }
    line.push(place);
  }
  const [first] = line;
  const last = line.at(-1);
  if (isRing && first !== undefined && last !== undefined) {
    if (Math.abs(first.lonE7 - last.lonE7) > halfE7) return 'fenceAntimeridian';
    if (line.length > 1 && isSame(first, last)) line.pop();
  }
  return line.length < (isRing ? 3 : 2) ? 'fenceTooFewPoints' : line;
}

function placeOf(value: unknown): Place | null {
  const [longitude, latitude] = listOf(value);
  if (!isWithin(longitude, -180, 180) || !isWithin(latitude, -90, 90)) return null;
  // There is no -0 in JSON.
  return { latE7: Math.round(latitude * 1e7) + 0, lonE7: Math.round(longitude * 1e7) + 0 };
}

const positionOf = ({ latE7, lonE7 }: Place): readonly number[] => [lonE7 / 1e7, latE7 / 1e7];

function isSame(one: Place, other: Place): boolean {
  return one.latE7 === other.latE7 && one.lonE7 === other.lonE7;
}

function closed(ring: Line): Line {
  return [...ring, ...ring.slice(0, 1)];
}

function originOf(lines: readonly Line[]): Place | null {
  return lines[0]?.[0] ?? null;
}

/** Seen from `origin`, the other half of what is cut at the antimeridian is near. */
function cornerOf({ latE7, lonE7 }: Place, origin: Place): Corner {
  const isSeam = Math.abs(lonE7) === halfE7;
  return {
    x: wrapE7(lonE7 - origin.lonE7),
    y: latE7 - origin.latE7,
    seam: isSeam ? Math.sign(lonE7) : 0,
  };
}

function isTooLarge(corners: readonly Corner[], { fenceSpanMaxE7 }: ShapeBounds): boolean {
  const span = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);
  return (
    span(corners.map(({ x }) => x)) > fenceSpanMaxE7 ||
    span(corners.map(({ y }) => y)) > fenceSpanMaxE7
  );
}

function countOf(lines: readonly Line[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}

function featureText(type: string, coordinates: unknown, properties: object): string {
  return JSON.stringify({ type: 'Feature', geometry: { type, coordinates }, properties });
}

function mapOf(value: unknown): Record<string, unknown> | null {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMap ? (value as Record<string, unknown>) : null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}
