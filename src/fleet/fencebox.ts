/**
 * Boxes of longitude and latitude, 1e-7 degree, that the index of geofences is made of.
 * Invariant: a box holds at least all places of what it was made for, also across the antimeridian and at the poles;
 * longitudes are within -180 to 180 degrees, and a place at 180 is in the boxes that begin at -180, and the other way.
 * Bound: what crosses the antimeridian has two boxes, all else one.
 */

export interface Box {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
}

const worldE7 = 3_600_000_000;
/** Half of the world's longitude. */
export const halfE7 = worldE7 / 2;
const poleE7 = worldE7 / 4;
const radiansPerE7 = Math.PI / halfE7;

/** The same difference of longitudes, the short way round. */
export function wrapE7(differenceE7: number): number {
  if (differenceE7 > halfE7) return differenceE7 - worldE7;
  if (differenceE7 < -halfE7) return differenceE7 + worldE7;
  return differenceE7;
}

/** Of edges `x1, y1, x2, y2, ...`; it may reach over the antimeridian. */
export function boxOf(
  edges: readonly number[],
  origin: { readonly latE7: number; readonly lonE7: number },
): Box {
  let minX = Number.POSITIVE_INFINITY;
  let minY = Number.POSITIVE_INFINITY;
  let maxX = Number.NEGATIVE_INFINITY;
  let maxY = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < edges.length; at += 2) {
    const x = (edges[at] as number) + origin.lonE7;
    const y = (edges[at + 1] as number) + origin.latE7;
    minX = Math.min(minX, x);
    minY = Math.min(minY, y);
    maxX = Math.max(maxX, x);
    maxY = Math.max(maxY, y);
  }
  return { minX, minY, maxX, maxY };
}

/** The box and everything within `marginE7` of latitude from it. */
export function widen(box: Box, marginE7: number): Box {
  const minY = Math.floor(box.minY - marginE7);
  const maxY = Math.ceil(box.maxY + marginE7);
  const sideE7 = longitudeOf(marginE7, Math.max(-minY, maxY));
  return {
    minX: Math.floor(box.minX - sideE7),
    minY,
    maxX: Math.ceil(box.maxX + sideE7),
    maxY,
  };
}

/** How much longitude `marginE7` of latitude is at most, up to `latE7`; at a pole all there is. */
function longitudeOf(marginE7: number, latE7: number): number {
  if (latE7 >= poleE7) return halfE7;
  const sideE7 = marginE7 / Math.cos(latE7 * radiansPerE7);
  return Math.min(halfE7, sideE7);
}

/** The box in pieces that do not reach over the antimeridian. */
export function splitBox({ minX, minY, maxX, maxY }: Box): readonly Box[] {
  if (maxX - minX >= worldE7) return [{ minX: -halfE7, minY, maxX: halfE7, maxY }];
  return [0, -worldE7, worldE7]
    .map((shift) => ({
      minX: Math.max(minX + shift, -halfE7),
      minY,
      maxX: Math.min(maxX + shift, halfE7),
      maxY,
    }))
    .filter((piece) => piece.minX <= piece.maxX);
}
