/**
 * The fixed grid that areas are mapped to: cells of 360 / 2^level degrees, the same for every client.
 * Invariant: a place is in exactly one cell of each level; a range covers at least the bounds it was made of.
 * South and west edges belong to a cell, but for the edges of the world, which the last cells have.
 * Bound: a range has at most the cells that its caller allows; the world itself takes eight.
 */

/** Integers of 1e-7 degree; west greater than east crosses the antimeridian. */
export interface Bounds {
  readonly westE7: number;
  readonly southE7: number;
  readonly eastE7: number;
  readonly northE7: number;
}

/** A rectangle of cells; columns count eastwards from `firstX` and go on at 0 behind the last. */
export interface CellRange {
  readonly level: number;
  readonly firstX: number;
  readonly columns: number;
  readonly firstY: number;
  readonly rows: number;
}

/** Degrees. */
export interface Edges {
  readonly west: number;
  readonly south: number;
  readonly east: number;
  readonly north: number;
}

const worldE7 = 3_600_000_000;
/** Every second level, so that a pan or a small zoom stays on its level: cells of 90 degrees to 150 m. */
const levels = [18, 16, 14, 12, 10, 8, 6, 4, 2] as const;
/** A power of two above the columns of the finest level. */
const keyStride = 2 ** 20;

const columnsOf = (level: number): number => 2 ** level;
const rowsOf = (level: number): number => 2 ** (level - 1);

function columnAt(level: number, lonE7: number): number {
  const column = Math.floor(((lonE7 + worldE7 / 2) * columnsOf(level)) / worldE7);
  return Math.min(column, columnsOf(level) - 1);
}

function rowAt(level: number, latE7: number): number {
  const row = Math.floor(((latE7 + worldE7 / 4) * columnsOf(level)) / worldE7);
  return Math.min(row, rowsOf(level) - 1);
}

/** The cell of `level` that the place is in. */
export function cellAt(level: number, latE7: number, lonE7: number): number {
  return rowAt(level, latE7) * keyStride + columnAt(level, lonE7);
}

/** The finest range of at most `cellsMax` cells that covers `bounds`. */
export function coverOf(bounds: Bounds, cellsMax: number): CellRange {
  for (const level of levels) {
    const range = rangeOn(level, bounds);
    if (range.columns * range.rows <= cellsMax) return range;
  }
  throw new RangeError(`grid: ${cellsMax} cells do not cover the world`);
}

function rangeOn(level: number, { westE7, southE7, eastE7, northE7 }: Bounds): CellRange {
  const total = columnsOf(level);
  const firstX = columnAt(level, westE7);
  const lastX = columnAt(level, eastE7);
  const wraps = westE7 > eastE7;
  const columns = (wraps ? total : 0) + lastX - firstX + 1;
  const firstY = rowAt(level, southE7);
  const rows = rowAt(level, northE7) - firstY + 1;
  if (columns >= total) return { level, firstX: 0, columns: total, firstY, rows };
  return { level, firstX, columns, firstY, rows };
}

export function contains(range: CellRange, latE7: number, lonE7: number): boolean {
  const total = columnsOf(range.level);
  const eastwards = (columnAt(range.level, lonE7) - range.firstX + total) % total;
  const upwards = rowAt(range.level, latE7) - range.firstY;
  return eastwards < range.columns && upwards >= 0 && upwards < range.rows;
}

export function cellsOf(range: CellRange): number[] {
  const total = columnsOf(range.level);
  const cells: number[] = [];
  for (let row = 0; row < range.rows; row++) {
    for (let column = 0; column < range.columns; column++) {
      cells.push((range.firstY + row) * keyStride + ((range.firstX + column) % total));
    }
  }
  return cells;
}

/** What the range covers. */
export function edgesOf(range: CellRange): Edges {
  const total = columnsOf(range.level);
  const size = 360 / total;
  const endX = (range.firstX + range.columns) % total;
  return {
    west: range.firstX * size - 180,
    south: range.firstY * size - 90,
    east: endX === 0 ? 180 : endX * size - 180,
    north: (range.firstY + range.rows) * size - 90,
  };
}
