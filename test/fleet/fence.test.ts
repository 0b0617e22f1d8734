import { describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import {
  fenceOf,
  isFenceId,
  isSameRule,
  isValidAt,
  readFence,
  type FenceDraft,
} from '../../src/fleet/fence.ts';
import { limits } from '../../src/limits.ts';
import { circle, feature, fence, limerick, position } from './fencefixture.ts';

const point = (properties: object): object =>
  feature('Point', position(limerick), { radiusM: 50, name: 'Depot', ...properties });

function draft(properties: object = {}): FenceDraft {
  const read = readFence(point(properties), limits);
  if ('refused' in read) throw new Error(read.refused);
  return read;
}

describe('a geofence', () => {
  it('is read with all that may be said of it', () => {
    const all = {
      speedMaxCms: 833,
      dwellMs: 60_000,
      notify: ['role:dispatcher', 'user:anna@example'],
      attributes: { gate: [1, null] },
    };
    expect(draft(all)).toMatchObject({ name: 'Depot', ...all, attributes: '{"gate":[1,null]}' });
    const nothing = { speedMaxCms: null, dwellMs: null, notify: [], attributes: null };
    expect(draft()).toMatchObject(nothing);
    expect(
      draft({ speedMaxCms: null, dwellMs: null, notify: null, attributes: null }),
    ).toMatchObject(nothing);
    expect(JSON.parse(draft({ ...all, color: 'red' }).geojson)).toEqual(circle(limerick, 50));
  });

  it.each<[RefusalName, object]>([
    ['fenceProperties', { name: undefined }],
    ['fenceProperties', { name: '' }],
    ['fenceProperties', { name: '  ' }],
    ['fenceProperties', { name: 7 }],
    ['fenceProperties', { name: 'a\0b' }],
    ['fenceProperties', { name: '\uD800' }],
    ['fenceProperties', { name: 'n'.repeat(129) }],
    ['fenceProperties', { speedMaxCms: 0 }],
    ['fenceProperties', { speedMaxCms: 1.5 }],
    ['fenceProperties', { speedMaxCms: '50' }],
    ['fenceProperties', { speedMaxCms: 100_001 }],
    ['fenceProperties', { dwellMs: -1 }],
    ['fenceProperties', { dwellMs: 31 * 86_400_000 + 1 }],
    ['fenceProperties', { notify: 'role:admin' }],
    ['fenceProperties', { notify: ['admin'] }],
    ['fenceProperties', { notify: ['role:king'] }],
    ['fenceProperties', { notify: ['user:'] }],
    ['fenceProperties', { notify: [null] }],
    ['fenceProperties', { notify: Array(17).fill('role:admin') }],
    ['attributesMalformed', { attributes: [] }],
    ['attributesTooLarge', { attributes: { a: 'x'.repeat(1_100) } }],
    ['fenceRadius', { radiusM: 0 }],
  ])('is refused as %s: %j', (refused, properties) => {
    expect(readFence(point(properties), limits)).toEqual({ refused });
  });

  it.each([null, 'x', 7, []])('is refused without properties: %j', (properties) => {
    const road = {
      type: 'LineString',
      coordinates: [
        [0, 0],
        [1, 1],
      ],
    };
    expect(readFence({ type: 'Feature', geometry: road, properties }, limits)).toEqual({
      refused: 'fenceWidth',
    });
    const area = {
      type: 'Polygon',
      coordinates: [
        [
          [0, 0],
          [1, 1],
          [0, 1],
        ],
      ],
    };
    expect(readFence({ type: 'Feature', geometry: area, properties }, limits)).toEqual({
      refused: 'fenceProperties',
    });
  });

  it('has an id like that of a vehicle', () => {
    expect(['depot', 'A.b_c:d-1', 'x'.repeat(64)].every(isFenceId)).toBe(true);
    expect(['', '-a', 'a/b', 'a b', 'x'.repeat(65)].some(isFenceId)).toBe(false);
  });

  it('that is stored is the same again, or refused where the bounds are narrower', () => {
    const read = draft({ speedMaxCms: 833 });
    const { shape, ...fields } = read;
    const stored = {
      ...{ tenant: 'acme', id: 'depot', validFromMs: 5, validToMs: 9, ...fields },
      ...{ createdAtMs: 1, createdBy: 'anna', updatedAtMs: 2, updatedBy: 'bert' },
    };
    const { name, speedMaxCms, dwellMs, notify } = read;
    expect(fenceOf(stored, limits)).toEqual({
      ...{ tenant: 'acme', id: 'depot', validFromMs: 5, validToMs: 9 },
      ...{ name, shape, speedMaxCms, dwellMs, notify },
    });
    expect(fenceOf(stored, { ...limits, fenceRadiusMaxM: 49 })).toEqual({ refused: 'fenceRadius' });
  });

  it('has another rule where shape, speed or dwell are others', () => {
    const before = fence('depot', circle(limerick, 50), { speedMaxCms: 833 });
    expect(isSameRule(before, draft({ speedMaxCms: 833 }))).toBe(true);
    expect(isSameRule(before, draft({ speedMaxCms: 833, name: 'x', notify: ['role:admin'] }))).toBe(
      true,
    );
    expect(isSameRule(before, draft({ speedMaxCms: 834 }))).toBe(false);
    expect(isSameRule(before, draft())).toBe(false);
    expect(isSameRule(before, draft({ speedMaxCms: 833, dwellMs: 1 }))).toBe(false);
    expect(isSameRule(before, draft({ speedMaxCms: 833, radiusM: 51 }))).toBe(false);
  });

  it('counts from its beginning on, and before its end', () => {
    const span = fence('depot', circle(limerick, 50), { validFromMs: 5, validToMs: 9 });
    expect([4, 5, 8, 9].map((timeMs) => isValidAt(span, timeMs))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(isValidAt({ ...span, validToMs: null }, 1e15)).toBe(true);
  });
});
