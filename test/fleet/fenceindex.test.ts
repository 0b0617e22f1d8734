import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fence } from '../../src/fleet/fence.ts';
import { createFenceIndex, type FenceIndex } from '../../src/fleet/fenceindex.ts';
import { signedDistanceM, type Place } from '../../src/fleet/fenceshape.ts';
import { limits } from '../../src/limits.ts';
import { anyGeojson, anyPlace, circle, feature, fence, limerick, square } from './fencefixture.ts';

const isIn = (fence: Fence, { latE7, lonE7 }: Place): boolean =>
  signedDistanceM(fence.shape, latE7, lonE7) <= 0;

function found(index: FenceIndex, tenant: string, place: Place): readonly Fence[] {
  return index
    .of(tenant)
    .at(place.latE7, place.lonE7)
    .map(({ fence }) => fence)
    .filter((fence) => isIn(fence, place))
    .toSorted((one, other) => (name(one) < name(other) ? -1 : 1));
}

const name = ({ id, validFromMs }: Fence): string => `${id}@${validFromMs}`;

describe('the index of geofences', () => {
  it('finds what a look at every fence finds, whatever was put and removed', () => {
    const step = fc.record({
      action: fc.constantFrom('put', 'put', 'put', 'add', 'remove'),
      tenant: fc.constantFrom('acme', 'globex'),
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      validFromMs: fc.integer({ min: 0, max: 3 }),
      geojson: anyGeojson,
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.array(anyPlace, { minLength: 1, maxLength: 30 }),
        (steps, places) => {
          // So few cells that they are forgotten now and then.
          const index = createFenceIndex({ ...limits, fenceCellsMax: 5 });
          let model: Fence[] = [];
          for (const { action, tenant, id, validFromMs, geojson } of steps) {
            // What is found before a change must not be found after it.
            for (const place of places.slice(0, 3)) found(index, tenant, place);
            const isOther = (one: Fence): boolean => one.tenant !== tenant || one.id !== id;
            if (action === 'remove') {
              expect(index.remove(tenant, id)).toBe(!model.every(isOther));
              model = model.filter(isOther);
            } else {
              const next = fence(id, geojson, { tenant, validFromMs });
              expect(index[action](next)).toBeNull();
              const isKept = (one: Fence): boolean =>
                isOther(one) || (action === 'add' && one.validFromMs !== validFromMs);
              model = [...model.filter(isKept), next];
            }
          }
          expect(index.size).toBe(model.length);
          for (const tenant of ['acme', 'globex', 'nobody']) {
            const own = model
              .filter((one) => one.tenant === tenant)
              .toSorted((one, other) => (name(one) < name(other) ? -1 : 1));
            for (const place of places) {
              expect(found(index, tenant, place)).toEqual(own.filter((one) => isIn(one, place)));
            }
            for (const one of own) expect(index.of(tenant).find(one.id, one.validFromMs)).toBe(one);
            const newest = own.findLast(({ id }) => id === 'a') ?? null;
            expect(index.newest(tenant, 'a')).toBe(newest);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('knows a fence by its version', () => {
    const index = createFenceIndex(limits);
    const [old, young] = [1, 2].map((validFromMs) =>
      fence('a', square(limerick, 9), { validFromMs }),
    );
    if (old === undefined || young === undefined) throw new Error('there are two');
    index.put(old);
    index.put(young);
    const fences = index.of('acme');
    expect(fences.find('a', 2)).toBe(young);
    expect(fences.find('a', 1)).toBeNull();
    expect(fences.find('b', 2)).toBeNull();
    index.add(old);
    expect(fences.find('a', 1)).toBe(old);
    expect(index.newest('acme', 'a')).toBe(young);
    expect(found(index, 'acme', limerick)).toEqual([old, young]);
    const other = fence('b', square(limerick, 9));
    index.put(other);
    expect(index.remove('acme', 'a')).toBe(true);
    expect(index.remove('acme', 'a')).toBe(false);
    expect(found(index, 'acme', limerick)).toEqual([other]);
    index.remove('acme', 'b');
    expect(index.size).toBe(0);
    expect(found(index, 'acme', limerick)).toEqual([]);
  });

  it('names a fence of several boxes once', () => {
    const index = createFenceIndex(limits);
    const there = Array.from({ length: 40 }, (_, step) => [-8.63 + (step % 2) * 0.001, 52.66]);
    index.put(fence('zigzag', feature('LineString', there, { widthM: 50 })));
    expect(
      index
        .of('acme')
        .at(526_600_000, -86_295_000)
        .map(({ fence }) => fence.id),
    ).toEqual(['zigzag']);
  });

  it('refuses more than it may hold, and keeps what it had', () => {
    const index = createFenceIndex({ ...limits, fencesMax: 2, fencesPositionsMax: 12 });
    const small = (id: string): Fence => fence(id, circle(limerick, 10));
    const large = (id: string): Fence => fence(id, square(limerick, 10));
    expect(index.put(large('a'))).toBeNull();
    expect(index.put(large('b'))).toBeNull();
    expect(index.put(small('c'))).toBe('tooManyGeofences');
    expect(index.add(fence('a', circle(limerick, 10), { validFromMs: 1 }))).toBe(
      'tooManyGeofences',
    );
    expect(index.put(large('a'))).toBeNull();
    const corners = [
      [0, 0],
      [1, 0],
      [2, 1],
      [2, 2],
      [1, 3],
      [0, 2],
      [-1, 1],
    ];
    expect(index.put(fence('b', feature('Polygon', [corners])))).toBe('tooManyGeofences');
    expect(index.newest('acme', 'b')?.shape.edges).toHaveLength(16);
    expect(index.size).toBe(2);
    expect(index.put(small('a'))).toBeNull();
    expect(index.put(fence('b', feature('Polygon', [corners])))).toBeNull();
  });
});
