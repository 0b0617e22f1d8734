/**
 * The bounds of an area: as a program gives them, as the text of a topic, and as a test for a place.
 * Invariant: west greater than east crosses the antimeridian, in all three.
 */

/** Degrees, WGS-84: longitude -180 to 180, latitude -90 to 90. The engine refuses others. */
export interface AreaBounds {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

export interface Place {
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
}

/** What every frame of the area has as its topic, whatever its bounds are. */
export const areaTopic = 'area';

/** `area:<west>,<south>,<east>,<north>`, to 1e-7 degree. */
export function areaText({ west, south, east, north }: AreaBounds): string {
  return `${areaTopic}:${[west, south, east, north].map(decimal).join(',')}`;
}

/**
 * True where `place` is in `area`. South and west edges belong to it; north and east ones belong to the
 * next cell of the engine's grid, but for the edges of the world.
 */
export function isWithin(area: AreaBounds, { latitude, longitude }: Place): boolean {
  const isBelow = latitude < area.north || (area.north === 90 && latitude === 90);
  if (latitude < area.south || !isBelow) return false;
  const isEastOf = longitude >= area.west;
  const isWestOf = longitude < area.east || (area.east === 180 && longitude === 180);
  return area.west > area.east ? isEastOf || isWestOf : isEastOf && isWestOf;
}

/** No exponent, no zeros at the end, no minus before a zero. */
function decimal(degrees: number): string {
  const rounded = Math.round(degrees * 1e7) / 1e7 + 0;
  return rounded.toFixed(7).replace(/\.?0+$/, '');
}
