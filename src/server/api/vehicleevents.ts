/**
 * What the fixes of vehicles have told: geofences, speeds, braking, ignition, battery, power, tampering.
 * Invariant: whoever may subscribe to a vehicle may read its events, and nobody else; of a geofence one sees what the
 * vehicles have done that one sees. They are as the fixes in the order of their time tell them, late ones included.
 * Bound: `apiPageRowsMax` a page, of `apiRangeMaxMs`.
 */
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { isFenceId } from '../../fleet/fence.ts';
import { vehicleEventKinds } from '../../fleet/output.ts';
import { parseVehicleKey, vehicleKey } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { visibleVehicles } from '../../live/access.ts';
import type { Reader } from '../../store/reader.ts';
import { readVehicleEvents } from '../../store/vehicleeventlog.ts';
import type { StoredVehicleEvent } from '../../store/vehicleevents.ts';
import { cursorText, makeCursor, readCursor, vehicleEventCursor } from './cursor.ts';
import { refusalOfVehicle } from './positions.ts';
import { countOf, rangeOf, timeText, vehicleFilterOf } from './query.ts';
import { jsonReply } from './reply.ts';
import { operation, type Operation } from './resource.ts';

export interface VehicleEventsOptions {
  readonly reader: Pick<Reader, 'ask'>;
  readonly clock: Clock;
  readonly bounds: Pick<Limits, 'apiPageRowsMax' | 'apiRangeMaxMs'>;
}

const dayMs = 86_400_000;
/** Those of a page, where the query does not say. */
const rowsDefault = 100;

/** GET /v1/vehicle-events */
export function listVehicleEvents({ reader, clock, bounds }: VehicleEventsOptions): Operation {
  const query = z.object({
    vehicle: z.string().optional(),
    kind: z.enum(vehicleEventKinds, `is not one of ${vehicleEventKinds.join(', ')}`).optional(),
    geofence: z.string().refine(isFenceId, 'is no geofence id').optional(),
    from: timeText.optional(),
    to: timeText.optional(),
    limit: countOf(bounds.apiPageRowsMax).default(rowsDefault),
    cursor: cursorText.optional(),
  });

  return operation(query, async ({ identity }, asked) => {
    const { vehicle, kind = null, geofence = null, from, to, limit } = asked;
    const { tenant } = identity;
    const patterns = visibleVehicles(identity, 'vehicle');
    if (patterns?.length === 0) return { refused: 'topicNotAllowed' };
    const refused = vehicle === undefined ? null : refusalOfVehicle(identity, vehicle);
    if (refused !== null) return refused;
    const maxMs = bounds.apiRangeMaxMs;
    const nowMs = clock.nowMs() + 1;
    const range = rangeOf({ from, to, nowMs, fallbackMs: dayMs, maxMs });
    if ('refused' in range) return range;
    const after = readCursor(vehicleEventCursor, asked.cursor);
    if (after === undefined) return { refused: 'badCursor' };
    const keyed = patterns?.map((pattern) => vehicleKey(tenant, pattern)) ?? null;
    const filter = {
      ...{ tenant, kind, geofence, ...range },
      key: vehicle === undefined ? null : vehicleKey(tenant, vehicle),
      seen: keyed === null ? null : vehicleFilterOf(keyed),
    };
    const place = after === null ? null : { ...after, key: vehicleKey(tenant, after.vehicle) };
    const page = await reader.ask((sql) => readVehicleEvents(sql, filter, place, limit + 1));
    const events = page.slice(0, limit).map(shownOf);
    const last = page.length > limit ? events.at(-1) : undefined;
    return jsonReply({ events, next: last === undefined ? null : cursorOf(last) });
  });
}

type Shown = Omit<StoredVehicleEvent, 'key' | 'toldMs'> & { readonly vehicle: string };

function shownOf({ key, toldMs: _toldMs, ...event }: StoredVehicleEvent): Shown {
  return { vehicle: parseVehicleKey(key).id, ...event };
}

function cursorOf({ timeMs, vehicle, kind, subject }: Shown): string {
  return makeCursor(vehicleEventCursor, { timeMs, vehicle, kind, subject });
}
