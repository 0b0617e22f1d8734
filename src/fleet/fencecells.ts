/**
 * The map in cells, and what the whole of a cell has to do with a geofence: it lies outside, inside, or the border may
 * pass through. Most places are far from every border, and of those nothing has to be measured.
 * Invariant: what `nearIn` leaves out is outside at every place of the cell, and `depthM` is never more than what
 * `signedDistanceM` says of any of them.
 * Bound: a look at each border, once a cell.
 */
import { distanceM } from './distance.ts';
import type { Fence } from './fence.ts';
import { halfE7, type Box } from './fencebox.ts';
import { signedDistanceM } from './fenceshape.ts';

/** A box of a fence. */
export interface Leaf extends Box {
  readonly fence: Fence;
}

/** A fence that some place of a cell may be in; a place outside of its box is not. */
export interface Near extends Leaf {
  /** How deep in the fence every place of the cell is, at least; 0 where the border may come near. */
  readonly depthM: number;
}

/** 1.5 km from south to north: smaller ones are more than a cache holds, in larger ones there are more borders. */
const cellBits = 17;
const cellE7 = 2 ** cellBits;
const columns = 2 ** 15;
const radiansPerE7 = Math.PI / halfE7;

/** Of the cell that the place is in; a whole number that takes 30 bits. */
export function cellOf(latE7: number, lonE7: number): number {
  return ((latE7 + halfE7 / 2) >>> cellBits) * columns + ((lonE7 + halfE7) >>> cellBits);
}

/** All places of the cell, those on its sides too. */
export function boxOfCell(cell: number): Box {
  const minX = (cell % columns) * cellE7 - halfE7;
  const minY = Math.floor(cell / columns) * cellE7 - halfE7 / 2;
  return { minX, minY, maxX: minX + cellE7 - 1, maxY: minY + cellE7 - 1 };
}

/** Of the boxes that meet the cell, each fence once. */
export function nearIn(cell: Box, leaves: readonly Leaf[]): readonly Near[] {
  const fences = new Set(leaves.map(({ fence }) => fence));
  return [...fences].flatMap((fence) => {
    const depthM = depthOf(fence, cell);
    if (depthM === null) return [];
    const own = leaves.filter((leaf) => leaf.fence === fence);
    return {
      minX: Math.min(...own.map(({ minX }) => minX)),
      minY: Math.min(...own.map(({ minY }) => minY)),
      maxX: Math.max(...own.map(({ maxX }) => maxX)),
      maxY: Math.max(...own.map(({ maxY }) => maxY)),
      fence,
      depthM,
    };
  });
}

/** `null` where all of the cell is outside. */
function depthOf({ shape }: Fence, { minX, minY, maxX, maxY }: Box): number | null {
  const latE7 = (minY + maxY) / 2;
  const lonE7 = (minX + maxX) / 2;
  const outsideM = signedDistanceM(shape, latE7, lonE7);
  // From the centre to a corner, and a metre for all that is rounded.
  const halfM =
    1 + Math.max(distanceM(latE7, lonE7, minY, minX), distanceM(latE7, lonE7, maxY, minX));
  // What is measured at another latitude is measured on another plane: up to so much longer or shorter.
  const scale = Math.cos(latE7 * radiansPerE7);
  const bend = Math.max(
    Math.abs(1 - Math.cos(minY * radiansPerE7) / scale),
    Math.abs(1 - Math.cos(maxY * radiansPerE7) / scale),
  );
  const marginM = halfM + bend * (Math.abs(outsideM) + shape.radiusM + halfM);
  if (outsideM > marginM) return null;
  return Math.max(0, -outsideM - marginM);
}
