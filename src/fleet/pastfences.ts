/**
 * Geofences as they were: an index with all their versions since some time, for vehicles that are folded again.
 * Invariant: a version that counted at `sinceMs` or later is in it. It is read from the database when it has to reach
 * further back than the last one, or when a geofence has changed about the time that this was read.
 * Bound: one index, of `fencesMax` versions; those beyond it are left out, and told of.
 */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../errors.ts';
import type { StoredGeofence } from '../store/geofences.ts';
import { fenceOf } from './fence.ts';
import { createFenceIndex, type IndexBounds, type TenantFences } from './fenceindex.ts';
import type { ShapeBounds } from './geojson.ts';

export interface PastFencesOptions {
  /** Visits the versions that counted at `sinceMs` or later. */
  readonly load: (sinceMs: number, visit: (stored: StoredGeofence) => void) => Promise<unknown>;
  /** When a geofence has changed last, by the monotonic clock; it is in the database at most so much later. */
  readonly changedAtMs: () => number;
  readonly settleMs: number;
  readonly onLeftOut: (stored: StoredGeofence, refused: RefusalName) => void;
  readonly clock: Clock;
  readonly bounds: IndexBounds & ShapeBounds;
}

export interface PastFences {
  of(tenant: string, sinceMs: number): Promise<TenantFences>;
}

interface Read {
  readonly sinceMs: number;
  readonly atMs: number;
  of(tenant: string): TenantFences;
}

const dayMs = 86_400_000;

export function createPastFences(options: PastFencesOptions): PastFences {
  const { clock, bounds } = options;
  let last: Read | null = null;

  async function read(sinceMs: number): Promise<Read> {
    const index = createFenceIndex(bounds);
    const atMs = clock.monotonicMs();
    await options.load(sinceMs, (stored) => {
      const fence = fenceOf(stored, bounds);
      const refused = 'refused' in fence ? fence.refused : index.add(fence);
      if (refused !== null) options.onLeftOut(stored, refused);
    });
    return { sinceMs, atMs, of: index.of };
  }

  return {
    async of(tenant, sinceMs) {
      const isGood =
        last !== null &&
        last.sinceMs <= sinceMs &&
        last.atMs > options.changedAtMs() + options.settleMs;
      // A day at least, so that the next vehicle finds it.
      if (!isGood) last = await read(Math.min(sinceMs, clock.nowMs() - dayMs));
      if (last === null) throw new Error('pastfences: nothing was read');
      return last.of(tenant);
    },
  };
}
