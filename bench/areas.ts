/**
 * The areas that subscribers of the bench look at: from a street corner to the whole fleet, and one that
 * nobody drives in.
 * Invariant: the same list for the same count. What an answer covers is told by the engine: at least what was
 * asked for, in whole cells of its grid; south and west edges belong to it, north and east ones do not.
 */
import { centre, sideDegrees, type Place } from './fleetplan.ts';

/** Units of 1e-7 degree, as fixes have. */
export interface Covered {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

/** Side of an area as a share of the fleet's square; the last is outside of it. */
const sides = [0.02, 0.05, 0.1, 0.25, 0.6, 1.5];
/** Where its middle is, as a share of the fleet's square. */
const middles = [
  { east: 0.5, north: 0.5 },
  { east: 0.3, north: 0.6 },
  { east: 0.8, north: 0.2 },
];
const elsewhere = 'area:10,10,10.05,10.05';

export function areaTopics(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    if (index === count - 1) return elsewhere;
    const side = (sides[index % sides.length] ?? 1) * sideDegrees;
    const middle = middles[Math.floor(index / sides.length) % middles.length];
    const longitude = centre.longitude + ((middle?.east ?? 0) - 0.5) * sideDegrees;
    const latitude = centre.latitude + ((middle?.north ?? 0) - 0.5) * sideDegrees;
    const bounds = [
      longitude - side / 2,
      latitude - side / 2,
      longitude + side / 2,
      latitude + side / 2,
    ];
    return `area:${bounds.map((degrees) => degrees.toFixed(4)).join(',')}`;
  });
}

/** Of an answer's `area`; `null` where it is not one. */
export function coveredOf(value: unknown): Covered | null {
  if (!Array.isArray(value) || value.length !== 4) return null;
  // Not rounded: a cell's edge lies between two units, and each place is on one side of it.
  const [west, south, east, north] = value.map((degrees) => Number(degrees) * 1e7);
  if (west === undefined || south === undefined || east === undefined || north === undefined) {
    return null;
  }
  return [west, south, east, north].every(Number.isFinite) ? { west, south, east, north } : null;
}

export function isInside({ west, south, east, north }: Covered, { latE7, lonE7 }: Place): boolean {
  return latE7 >= south && latE7 < north && lonE7 >= west && lonE7 < east;
}
