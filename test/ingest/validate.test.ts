import { describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { validateFix } from '../../src/ingest/validate.ts';
import { limits } from '../../src/limits.ts';
import { emptyFix } from '../../src/live/vehicles.ts';
import type { Fix } from '../../src/wire/types.ts';

const nowMs = Date.UTC(2026, 0, 1);

describe('validateFix', () => {
  it.each<[string, Partial<Fix>, RefusalName | null]>([
    ['nothing but a place', {}, null],
    ['the south pole', { latE7: -900_000_000 }, null],
    ['beyond the south pole', { latE7: -900_000_001 }, 'latitudeRange'],
    ['the north pole', { latE7: 900_000_000 }, null],
    ['beyond the north pole', { latE7: 900_000_001 }, 'latitudeRange'],
    ['the date line', { lonE7: 1_800_000_000 }, null],
    ['beyond the date line', { lonE7: 1_800_000_001 }, 'longitudeRange'],
    ['beyond it westwards', { lonE7: -1_800_000_001 }, 'longitudeRange'],
    ['2000-01-01', { timeMs: limits.oldestAcceptedMs }, null],
    ['1999', { timeMs: limits.oldestAcceptedMs - 1 }, 'timeTooOld'],
    ['1970', { timeMs: 0 }, 'timeTooOld'],
    ['in a year', { timeMs: nowMs + limits.futureAcceptedMs }, null],
    ['in more than a year', { timeMs: nowMs + limits.futureAcceptedMs + 1 }, 'timeTooFarAhead'],
    ['standing', { speedCms: 0 }, null],
    ['backwards', { speedCms: -1 }, 'speedRange'],
    ['1,000 m/s', { speedCms: 100_000 }, null],
    ['faster', { speedCms: 100_001 }, 'speedRange'],
    ['360 degrees', { courseCdeg: 36_000 }, null],
    ['361 degrees', { courseCdeg: 36_100 }, 'courseRange'],
    ['a negative course', { courseCdeg: -1 }, 'courseRange'],
    ['the Dead Sea', { altitudeDm: -4_300 }, null],
    ['below -1,000 m', { altitudeDm: -10_001 }, 'altitudeRange'],
    ['above 100 km', { altitudeDm: 1_000_001 }, 'altitudeRange'],
    ['accuracy 0', { accuracyDm: 0 }, null],
    ['a negative accuracy', { accuracyDm: -1 }, 'accuracyRange'],
    ['an accuracy beyond 100 km', { accuracyDm: 1_000_001 }, 'accuracyRange'],
    ['255 satellites', { satellites: 255 }, null],
    ['256 satellites', { satellites: 256 }, 'satellitesRange'],
    ['-1 satellites', { satellites: -1 }, 'satellitesRange'],
  ])('%s', (_name, fields, refused) => {
    expect(validateFix({ ...emptyFix(nowMs), ...fields }, nowMs, limits)).toBe(refused);
  });
});
