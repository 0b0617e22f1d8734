/** A vehicle among geofences, for the tests of these: it takes fixes and remembers what they told. */
import type { Fence } from '../../src/fleet/fence.ts';
import { createFenceIndex, type FenceIndex } from '../../src/fleet/fenceindex.ts';
import { stepFences, type Fenced, type FenceState } from '../../src/fleet/fences.ts';
import { limits } from '../../src/limits.ts';
import type { Fix, PlainMap } from '../../src/wire/types.ts';
import { startMs } from './fencefixture.ts';

interface Told {
  readonly atS: number;
  readonly event: string;
  readonly data: PlainMap;
}

export interface Vehicle {
  readonly states: readonly FenceState[];
  readonly index: FenceIndex;
  readonly told: Told[];
  step(fix: Fix): number;
  /** `<seconds> <event> <fence>` of what has been told since the last look. */
  take(): string[];
}

/** All of the tenant acme. */
export function vehicleAmong(...fences: Fence[]): Vehicle {
  const index = createFenceIndex(limits);
  for (const one of fences) index.put(one);
  const vehicle: Fenced = { fences: [] };
  const told: Told[] = [];
  let taken = 0;
  return {
    get states() {
      return vehicle.fences;
    },
    index,
    told,
    step: (fix) =>
      stepFences(vehicle, fix, index.of('acme'), limits, (kind, { id }, timeMs, data) => {
        const atS = (timeMs - startMs) / 1_000;
        told.push({ atS, event: `${kind.replace('geofence', '').toLowerCase()} ${id}`, data });
      }),
    take() {
      const news = told.slice(taken).map(({ atS, event }) => `${atS} ${event}`);
      taken = told.length;
      return news;
    },
  };
}
