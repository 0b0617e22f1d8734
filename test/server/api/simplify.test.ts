import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSimplifier, distanceToLineM, type Place } from '../../../src/server/api/simplify.ts';

/** A walk of small steps, so that distances are those of a flat map. */
const walk = fc
  .tuple(
    fc.integer({ min: -600_000_000, max: 600_000_000 }),
    fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
    fc.array(
      fc.tuple(fc.integer({ min: -2_000, max: 2_000 }), fc.integer({ min: -2_000, max: 2_000 })),
      {
        minLength: 1,
        maxLength: 200,
      },
    ),
  )
  .map(([latE7, lonE7, steps]) => {
    let [lat, lon] = [latE7, lonE7];
    return steps.map(([north, east], index): Place & { index: number } => {
      lat += north;
      lon += east;
      const wrapped =
        ((((lon + 1_800_000_000) % 3_600_000_000) + 3_600_000_000) % 3_600_000_000) - 1_800_000_000;
      return { index, latitude: lat / 1e7, longitude: wrapped / 1e7 };
    });
  });

it('no fix is further from what stays than the tolerance, whatever the windows', () => {
  fc.assert(
    fc.property(
      walk,
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 200 }),
      (all, metres, size) => {
        const simplifier = createSimplifier<Place & { index: number }>(metres);
        const kept: (Place & { index: number })[] = [];
        for (let start = 0; start < all.length; start += size) {
          kept.push(...simplifier.next(all.slice(start, start + size)));
        }
        expect(kept[0]).toBe(all[0]);
        expect(kept.at(-1)).toBe(all.at(-1));
        expect(kept.map(({ index }) => index)).toEqual(
          [...new Set(kept.map(({ index }) => index))].toSorted((a, b) => a - b),
        );
        for (const [at, end] of kept.entries()) {
          const start = kept[at - 1] ?? end;
          for (const fix of all.slice(start.index, end.index)) {
            expect(distanceToLineM(fix, start, end)).toBeLessThanOrEqual(metres);
          }
        }
      },
    ),
  );
});

it('a straight line is its ends, also across the antimeridian', () => {
  const line = Array.from({ length: 50 }, (_, index) => {
    const longitude = 179.9 + index / 100;
    return { latitude: 10, longitude: longitude > 180 ? longitude - 360 : longitude };
  });
  expect(createSimplifier(1).next(line)).toEqual([line[0], line.at(-1)]);
});

it('nothing comes of nothing', () => {
  const simplifier = createSimplifier(10);
  expect(simplifier.next([])).toEqual([]);
  const place = { latitude: 1, longitude: 2 };
  expect(simplifier.next([place])).toEqual([place]);
  expect(simplifier.next([])).toEqual([]);
});
