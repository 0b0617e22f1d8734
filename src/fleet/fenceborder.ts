/**
 * The rings of a polygon, and whether they are a border: what is inside and what is outside is never in doubt.
 * Invariant: what passes both checks has rings that neither cross nor touch, holes inside of their polygon and polygons
 * outside of each other. Only along the antimeridian, where RFC 7946 has a polygon cut in two, its halves touch; the
 * cut is no border.
 * Bound: `fencePositionsMax` corners; looking for a crossing takes 10 ms for the worst of them.
 */

/** 1e-7 degree east and north of the shape's origin. */
export interface Corner {
  readonly x: number;
  readonly y: number;
  /** 1 at 180 degrees east, -1 at 180 degrees west, else 0. */
  readonly seam: number;
}

/** The last corner is joined to the first. */
export type Ring = readonly Corner[];

interface Edge {
  readonly from: Corner;
  readonly to: Corner;
  readonly minX: number;
  readonly maxX: number;
}

/** `x1, y1, x2, y2` of each edge of the rings. */
export function edgesOf(rings: readonly Ring[]): number[] {
  return rings.flatMap(edgesOfRing).flatMap(({ from, to }) => [from.x, from.y, to.x, to.y]);
}

/** The same without the cut along the antimeridian: where two halves meet there is no border. */
export function borderOf(rings: readonly Ring[]): number[] {
  const border: number[] = [];
  const ends: number[] = [];
  let seamX = 0;
  for (const { from, to } of rings.flatMap(edgesOfRing)) {
    if (from.seam === 0 || to.seam === 0) {
      border.push(from.x, from.y, to.x, to.y);
    } else {
      ends.push(from.y, to.y);
      seamX = from.x;
    }
  }
  // Where one half ends and the other does not, the border goes on: between the first end and the second, the
  // third and the fourth.
  ends.sort((one, other) => one - other);
  for (let at = 0; at < ends.length; at += 2) {
    const fromY = ends[at] as number;
    const toY = ends[at + 1] as number;
    if (fromY !== toY) border.push(seamX, fromY, seamX, toY);
  }
  return border;
}

/** True where a ring crosses or touches itself or another. */
export function hasCrossing(rings: readonly Ring[]): boolean {
  const edges = rings.flatMap(edgesOfRing).toSorted((one, other) => one.minX - other.minX);
  for (const [index, edge] of edges.entries()) {
    for (let next = index + 1; next < edges.length; next++) {
      const other = edges[next] as Edge;
      if (other.minX > edge.maxX) break;
      if (touches(edge, other)) return true;
    }
  }
  return false;
}

/** True where each hole lies in its own polygon and in nothing else, and no polygon in another's area. */
export function isNested(polygons: readonly (readonly Ring[])[]): boolean {
  const rings = polygons.flat();
  const depthOf = (ring: Ring): number =>
    rings.filter((other) => other !== ring && isInside(ring, other)).length;
  return polygons.every(([outer, ...holes]) => {
    if (outer === undefined) return false;
    const depth = depthOf(outer);
    if (depth % 2 !== 0) return false;
    return holes.every((hole) => isInside(hole, outer) && depthOf(hole) === depth + 1);
  });
}

function edgesOfRing(ring: Ring): Edge[] {
  return ring.map((from, index) => {
    const to = ring[(index + 1) % ring.length] as Corner;
    return { from, to, minX: Math.min(from.x, to.x), maxX: Math.max(from.x, to.x) };
  });
}

// Whoever calls knows that they overlap from west to east.
function touches(one: Edge, other: Edge): boolean {
  if (Math.max(one.from.y, one.to.y) < Math.min(other.from.y, other.to.y)) return false;
  if (Math.max(other.from.y, other.to.y) < Math.min(one.from.y, one.to.y)) return false;
  if (isAcrossSeam(one, other)) return false;
  if (one.to === other.from) return turnsBack(one.from, one.to, other.to);
  if (other.to === one.from) return turnsBack(other.from, other.to, one.to);
  return isSplitBy(one, other) && isSplitBy(other, one);
}

/** Halves of a polygon on either side of the antimeridian: they meet there, and can nowhere else. */
function isAcrossSeam(one: Edge, other: Edge): boolean {
  const oneSide = one.from.seam + one.to.seam;
  const otherSide = other.from.seam + other.to.seam;
  return oneSide * otherSide < 0;
}

/** The second of two edges lies on the first. */
function turnsBack(from: Corner, corner: Corner, to: Corner): boolean {
  if (turn(from, corner, to) !== 0) return false;
  return (from.x - corner.x) * (to.x - corner.x) + (from.y - corner.y) * (to.y - corner.y) > 0;
}

/** The ends of `other` are not on one side of the line through `edge`. */
function isSplitBy(edge: Edge, other: Edge): boolean {
  const first = turn(edge.from, edge.to, other.from);
  const second = turn(edge.from, edge.to, other.to);
  return (first >= 0 && second <= 0) || (first <= 0 && second >= 0);
}

/** Above 0 to the left, 0 straight on. Exact up to 9 degrees, and up to 20 to the nanometre. */
function turn(from: Corner, corner: Corner, to: Corner): number {
  return (corner.x - from.x) * (to.y - from.y) - (corner.y - from.y) * (to.x - from.x);
}

// Rings do not touch but on the antimeridian, so one corner that is not there speaks for all.
function isInside(ring: Ring, other: Ring): boolean {
  const corner = ring.find(({ seam }) => seam === 0);
  if (corner === undefined) return false;
  let inside = false;
  for (const { from, to } of edgesOfRing(other)) {
    if (from.y > corner.y === to.y > corner.y) continue;
    if (turn(from, to, corner) > 0 === to.y > from.y) inside = !inside;
  }
  return inside;
}
