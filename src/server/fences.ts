/**
 * The geofences that count, in memory, as the database has them when the engine starts.
 * Invariant: a fence that is stored and cannot be used, because bounds were narrowed since, is told of and left
 * where it is.
 * Bound: that of the index; pages of `geofencesPageRowsMax`.
 */
import { fenceOf } from '../fleet/fence.ts';
import { createFenceIndex, type FenceIndex } from '../fleet/fenceindex.ts';
import type { Database } from '../store/database.ts';
import { loadGeofences } from '../store/geofences.ts';
import type { Context } from './storage.ts';

export async function openFences(
  { config, log }: Context,
  { sql }: Pick<Database, 'sql'>,
): Promise<FenceIndex> {
  const { bounds } = config;
  const fences = createFenceIndex(bounds);
  await loadGeofences(sql, null, (stored) => {
    const fence = fenceOf(stored, bounds);
    const refused = 'refused' in fence ? fence.refused : fences.put(fence);
    if (refused === null) return;
    const { tenant, id } = stored;
    log.error({ tenant, id, refused }, 'a stored geofence is not used');
  });
  return fences;
}
