/** Distances on the sphere: known ones, and what holds of all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distanceAtLeastM, distanceAtMostM, distanceM } from '../../src/fleet/distance.ts';

const latE7 = fc.integer({ min: -900_000_000, max: 900_000_000 });
const lonE7 = fc.integer({ min: -1_800_000_000, max: 1_800_000_000 });

describe('distance', () => {
  it.each([
    ['nothing', [526_000_000, -86_000_000, 526_000_000, -86_000_000], 0],
    ['1e-7 degree', [0, 0, 1, 0], 0.011_119_5],
    ['a degree at the equator', [0, 0, 0, 10_000_000], 111_195],
    ['a degree at 60 degrees', [600_000_000, 0, 600_000_000, 10_000_000], 55_597],
    ['across the antimeridian', [0, 1_799_950_000, 0, -1_799_950_000], 1_112],
    ['from pole to pole', [900_000_000, 0, -900_000_000, 1_234], 20_015_115],
    ['around the pole', [899_999_000, 0, 899_999_000, 1_800_000_000], 22.24],
  ] as const)('of %s', (_name, [fromLat, fromLon, toLat, toLon], expected) => {
    const metres = distanceM(fromLat, fromLon, toLat, toLon);
    expect(Math.abs(metres - expected)).toBeLessThanOrEqual(expected * 1e-4);
  });

  it('is between its bounds', () => {
    const nearE7 = fc.integer({ min: -100_000, max: 100_000 });
    const apartE7 = fc.oneof(nearE7, lonE7);
    fc.assert(
      fc.property(
        latE7,
        lonE7,
        apartE7,
        fc.oneof(fc.constant(0), apartE7),
        (fromLat, fromLon, north, east) => {
          const toLat = Math.max(-900_000_000, Math.min(900_000_000, fromLat + north));
          const metres = distanceM(fromLat, fromLon, toLat, fromLon + east);
          expect(distanceAtLeastM(fromLat, toLat)).toBeLessThanOrEqual(metres);
          expect(distanceAtMostM(fromLat, fromLon, toLat, fromLon + east)).toBeGreaterThanOrEqual(
            metres * (1 - 1e-6),
          );
        },
      ),
    );
  });

  it('is the same both ways, at most half way round, and never longer by a detour', () => {
    fc.assert(
      fc.property(
        latE7,
        lonE7,
        latE7,
        lonE7,
        latE7,
        lonE7,
        (aLat, aLon, bLat, bLon, cLat, cLon) => {
          const direct = distanceM(aLat, aLon, bLat, bLon);
          expect(distanceM(bLat, bLon, aLat, aLon)).toBeCloseTo(direct, 3);
          expect(direct).toBeLessThan(20_015_116);
          const detour = distanceM(aLat, aLon, cLat, cLon) + distanceM(cLat, cLon, bLat, bLon);
          expect(detour).toBeGreaterThanOrEqual(direct - 1);
        },
      ),
    );
  });
});
