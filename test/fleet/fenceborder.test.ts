import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readShape } from '../../src/fleet/geojson.ts';
import { limits } from '../../src/limits.ts';
import { feature } from './fencefixture.ts';

describe('the border of a geofence', () => {
  it('crosses or touches itself exactly where two of its edges meet', () => {
    const corner = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }));
    const ring = fc.uniqueArray(corner, { minLength: 3, maxLength: 8, selector: String });
    fc.assert(
      fc.property(ring, (corners) => {
        const degrees = corners.map(([x, y]) => [x / 100, y / 100]);
        const crosses = edgesMeet(corners);
        const read = readShape(feature('Polygon', [degrees]), limits);
        expect('refused' in read ? read.refused : null).toBe(crosses ? 'fenceCrossing' : null);
      }),
      { numRuns: 3_000 },
    );
  });
});

type Corner = readonly [number, number];

/** By another way than the code: two edges meet where the equations of their lines have a solution on both. */
function edgesMeet(corners: readonly Corner[]): boolean {
  const edges = corners.map((from, index): readonly [Corner, Corner] => [
    from,
    corners[(index + 1) % corners.length] as Corner,
  ]);
  return edges.some(([a, b], one) =>
    edges.some(([c, d], other) => {
      if (other <= one) return false;
      const follows = b === c || d === a;
      const [rx, ry] = [b[0] - a[0], b[1] - a[1]];
      const [sx, sy] = [d[0] - c[0], d[1] - c[1]];
      const [qx, qy] = [c[0] - a[0], c[1] - a[1]];
      const cross = rx * sy - ry * sx;
      if (cross !== 0) {
        // Lines that are not parallel meet in one point, and edges that follow each other in their corner.
        if (follows) return false;
        const t = (qx * sy - qy * sx) / cross;
        const u = (qx * ry - qy * rx) / cross;
        return t >= 0 && t <= 1 && u >= 0 && u <= 1;
      }
      if (qx * ry - qy * rx !== 0) return false;
      const along = ([x, y]: Corner): number => (x - a[0]) * rx + (y - a[1]) * ry;
      const [start, end] = [Math.min(along(c), along(d)), Math.max(along(c), along(d))];
      const length = rx * rx + ry * ry;
      return follows ? Math.min(end, length) > Math.max(start, 0) : start <= length && end >= 0;
    }),
  );
}
