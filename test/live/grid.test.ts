import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWithin } from '../../src/client/bounds.ts';
import { cellAt, cellsOf, contains, coverOf, edgesOf, type Bounds } from '../../src/live/grid.ts';

const lonE7 = fc.oneof(
  fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
  fc.constantFrom(-1_800_000_000, 1_800_000_000, 0, 1_799_999_999),
);
const latE7 = fc.oneof(
  fc.integer({ min: -900_000_000, max: 900_000_000 }),
  fc.constantFrom(-900_000_000, 900_000_000, 0),
);
const bounds: fc.Arbitrary<Bounds> = fc
  .record({
    westE7: lonE7,
    one: latE7,
    height: fc.oneof(fc.nat(20_000), fc.nat(900_000_000)),
    width: fc.oneof(fc.nat(20_000), fc.nat(3_600_000_000)),
  })
  .map(({ westE7, one, height, width }) => {
    const east = westE7 + width;
    const northE7 = Math.min(900_000_000, one + height);
    const eastE7 = east > 1_800_000_000 ? east - 3_600_000_000 : east;
    return { westE7, southE7: one, eastE7: Math.min(eastE7, 1_800_000_000), northE7 };
  });

function isInside(area: Bounds, lat: number, lon: number): boolean {
  if (lat < area.southE7 || lat > area.northE7) return false;
  return area.westE7 <= area.eastE7
    ? lon >= area.westE7 && lon <= area.eastE7
    : lon >= area.westE7 || lon <= area.eastE7;
}

describe('grid', () => {
  it('covers what was asked for, with few cells, each once', () => {
    fc.assert(
      fc.property(bounds, fc.integer({ min: 8, max: 64 }), (area, cellsMax) => {
        const cells = cellsOf(coverOf(area, cellsMax));
        expect(cells.length).toBeGreaterThan(0);
        expect(cells.length).toBeLessThanOrEqual(cellsMax);
        expect(new Set(cells).size).toBe(cells.length);
      }),
    );
  });

  it('says the same of a place by its range, its cell, and the edges that clients are told', () => {
    fc.assert(
      fc.property(bounds, latE7, lonE7, (area, lat, lon) => {
        const range = coverOf(area, 64);
        const isCovered = contains(range, lat, lon);
        expect(cellsOf(range).includes(cellAt(range.level, lat, lon))).toBe(isCovered);
        const place = { latitude: lat / 1e7, longitude: lon / 1e7 };
        expect(isWithin(edgesOf(range), place)).toBe(isCovered);
        if (isInside(area, lat, lon)) expect(isCovered).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Bounds, number]>([
    ['the world', { westE7: -18e8, southE7: -9e8, eastE7: 18e8, northE7: 9e8 }, 8],
    [
      'a point',
      { westE7: -86_617_460, southE7: 526_291_510, eastE7: -86_617_460, northE7: 526_291_510 },
      1,
    ],
    ['the antimeridian', { westE7: 17e8, southE7: -1e8, eastE7: -17e8, northE7: 1e8 }, 64],
  ])('%s takes at most so many cells', (_name, area, cellsMax) => {
    expect(cellsOf(coverOf(area, 64)).length).toBeLessThanOrEqual(cellsMax);
  });
});
