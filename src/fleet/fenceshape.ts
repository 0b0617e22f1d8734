/**
 * The shape of a geofence on the map, and how far a place is from its border.
 * Invariant: inside is negative. A line between two positions is straight in longitude and latitude, as RFC 7946 says,
 * so inside and outside are exact to 1e-7 degree. Only the distance is measured on a plane, which touches the earth
 * at the place itself: at distance d it is off by tan(latitude) * d / the earth's diameter (0.1 % at 60 degrees
 * and 7 km), and by up to 0.6 % because the earth is no sphere.
 * Bound: `fencePositionsMax` positions, of which those that are far away are passed over eight at a time: 0.3 us for a
 * border of 140, 1.5 us for one of 1,000.
 */
import { distanceM } from './distance.ts';
import { boxOf, splitBox, widen, wrapE7, type Box } from './fencebox.ts';

/** An integer of 1e-7 degree each. */
export interface Place {
  readonly latE7: number;
  readonly lonE7: number;
}

export interface Shape {
  readonly kind: 'circle' | 'polygon' | 'corridor';
  /** The centre of a circle; where `edges` are counted from. */
  readonly origin: Place;
  /** Of a circle, and from the middle of a corridor to its side; 0 of a polygon. */
  readonly radiusM: number;
  /** `x1, y1, x2, y2` of each straight piece, eastwards and northwards from `origin`, 1e-7 degree. */
  readonly edges: Int32Array;
  /** `minX, minY, maxX, maxY` of each `edgesPerSpan` edges. */
  readonly spans: Int32Array;
  /** Together they cover the shape; a place in none of them is outside. */
  readonly boxes: readonly Box[];
}

const radiansPerE7 = Math.PI / 180 / 1e7;
/** Of latitude. */
const metresPerE7 = distanceM(0, 0, 10_000_000, 0) / 10_000_000;

/** Edges that are passed over together. */
const edgesPerSpan = 8;
const noBorder = bordered([]);
/** Edges that have one box together: a corridor is long and thin, and its own box mostly empty. */
const edgesPerBox = 16;

export function createCircle(origin: Place, radiusM: number): Shape {
  const box = { minX: origin.lonE7, maxX: origin.lonE7, minY: origin.latE7, maxY: origin.latE7 };
  const boxes = splitBox(widen(box, radiusM / metresPerE7));
  return { kind: 'circle', origin, radiusM, ...noBorder, boxes };
}

/** `parts` are the edges of each polygon with its holes; none crosses another. */
export function createPolygon(
  origin: Place,
  parts: readonly (readonly number[])[],
  border: readonly number[],
): Shape {
  const boxes = parts.flatMap((part) => splitBox(boxOf(part, origin)));
  return { kind: 'polygon', origin, radiusM: 0, ...bordered(border), boxes };
}

export function createCorridor(origin: Place, edges: readonly number[], widthM: number): Shape {
  const radiusM = widthM / 2;
  const boxes: Box[] = [];
  for (let start = 0; start < edges.length; start += edgesPerBox * 4) {
    const some = edges.slice(start, start + edgesPerBox * 4);
    boxes.push(...splitBox(widen(boxOf(some, origin), radiusM / metresPerE7)));
  }
  return { kind: 'corridor', origin, radiusM, ...bordered(edges), boxes };
}

function bordered(border: readonly number[]): Pick<Shape, 'edges' | 'spans'> {
  const spans: number[] = [];
  for (let start = 0; start < border.length; start += edgesPerSpan * 4) {
    const some = border.slice(start, start + edgesPerSpan * 4);
    const { minX, minY, maxX, maxY } = boxOf(some, { latE7: 0, lonE7: 0 });
    spans.push(minX, minY, maxX, maxY);
  }
  return { edges: Int32Array.from(border), spans: Int32Array.from(spans) };
}

/** Metres from the place to the border; negative inside. */
export function signedDistanceM(shape: Shape, latE7: number, lonE7: number): number {
  if (shape.kind === 'circle') {
    const { latE7: fromLatE7, lonE7: fromLonE7 } = shape.origin;
    return distanceM(fromLatE7, fromLonE7, latE7, lonE7) - shape.radiusM;
  }
  const { origin, edges, spans } = shape;
  const x = wrapE7(lonE7 - origin.lonE7);
  const y = latE7 - origin.latE7;
  const scale = Math.cos(latE7 * radiansPerE7);
  let nearest = Number.POSITIVE_INFINITY;
  let isInside = false;
  // The nearest first, so that of the others most are farther than that.
  const first = nearestSpan(spans, x, y, scale);
  for (let count = 0; count < spans.length; count += 4) {
    const span = (first + count) % spans.length;
    if (isAside(spans, span, x, y) && squaredToSpan(spans, span, x, y, scale) > nearest) continue;
    const end = Math.min((span + 4) * edgesPerSpan, edges.length);
    for (let at = span * edgesPerSpan; at < end; at += 4) {
      const fromX = ((edges[at] as number) - x) * scale;
      const fromY = (edges[at + 1] as number) - y;
      const toX = ((edges[at + 2] as number) - x) * scale;
      const toY = (edges[at + 3] as number) - y;
      // A ray to the east meets the edge: each time it does, inside and outside change.
      if (fromY > 0 !== toY > 0 && fromX * toY - toX * fromY > 0 === toY > fromY) {
        isInside = !isInside;
      }
      const squared = squaredToEdge(fromX, fromY, toX - fromX, toY - fromY);
      if (squared < nearest) nearest = squared;
    }
  }
  const nearestM = Math.sqrt(nearest) * metresPerE7;
  if (shape.kind === 'corridor') return nearestM - shape.radiusM;
  return isInside ? -nearestM : nearestM;
}

function nearestSpan(spans: Int32Array, x: number, y: number, scale: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  let first = 0;
  for (let span = 0; span < spans.length; span += 4) {
    const squared = squaredToSpan(spans, span, x, y, scale);
    if (squared >= nearest) continue;
    nearest = squared;
    first = span;
  }
  return first;
}

/** True where a ray to the east meets none of its edges. */
function isAside(spans: Int32Array, span: number, x: number, y: number): boolean {
  return (
    y < (spans[span + 1] as number) ||
    y > (spans[span + 3] as number) ||
    x > (spans[span + 2] as number)
  );
}

function squaredToSpan(
  spans: Int32Array,
  span: number,
  x: number,
  y: number,
  scale: number,
): number {
  const alongX = Math.max((spans[span] as number) - x, 0, x - (spans[span + 2] as number)) * scale;
  const alongY = Math.max((spans[span + 1] as number) - y, 0, y - (spans[span + 3] as number));
  return alongX * alongX + alongY * alongY;
}

/** From (0, 0) to the nearest point of the edge that begins at (x, y). */
function squaredToEdge(x: number, y: number, alongX: number, alongY: number): number {
  const squaredLength = alongX * alongX + alongY * alongY;
  let share = 0;
  if (squaredLength > 0) {
    share = -(x * alongX + y * alongY) / squaredLength;
    if (share < 0) share = 0;
    else if (share > 1) share = 1;
  }
  const nearX = x + share * alongX;
  const nearY = y + share * alongY;
  return nearX * nearX + nearY * nearY;
}

export function isSameShape(one: Shape, other: Shape): boolean {
  return (
    one.kind === other.kind &&
    one.radiusM === other.radiusM &&
    one.origin.latE7 === other.origin.latE7 &&
    one.origin.lonE7 === other.origin.lonE7 &&
    one.edges.length === other.edges.length &&
    one.edges.every((value, index) => value === other.edges[index])
  );
}
