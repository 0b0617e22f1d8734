/**
 * The last known positions, from memory: all that the caller may see, those of some vehicles or of an area. The last
 * status of one vehicle is in the database.
 * Invariant: pages go on by vehicle id, so that a vehicle that is there all the time comes once, whatever
 * moves meanwhile. Every vehicle is asked of the access table.
 * Bound: `apiPageRowsMax` a page; of an area one look at each vehicle of the tenant.
 */
import { z } from 'zod';
import type { Identity } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { mayFollow, seesAll } from '../../live/access.ts';
import type { Bounds } from '../../live/grid.ts';
import { parseBounds } from '../../live/topics.ts';
import { neverMs, type Vehicle, type Vehicles } from '../../live/vehicles.ts';
import type { Reader } from '../../store/reader.ts';
import { lastStatus } from '../../store/statuses.ts';
import type { PlainMap } from '../../wire/types.ts';
import { cursorText, makeCursor, readCursor, vehicleCursor } from './cursor.ts';
import { countOf, vehiclesOf } from './query.ts';
import { jsonReply } from './reply.ts';
import { operation, type Asked, type Operation } from './resource.ts';
import { createRoster } from './roster.ts';

export interface PositionsOptions {
  readonly vehicles: Pick<Vehicles, 'find' | 'ofTenant' | 'size'>;
  readonly bounds: Pick<Limits, 'apiPageRowsMax' | 'apiVehiclesMax'>;
}

export interface VehicleOptions {
  readonly vehicles: Pick<Vehicles, 'find'>;
  readonly reader: Pick<Reader, 'ask'>;
}

const areaText = z.string().transform((text, context) => {
  const area = parseBounds(text);
  if (area !== null) return area;
  context.addIssue('is not west,south,east,north in degrees');
  return z.NEVER;
});

/** GET /v1/positions */
export function listPositions({ vehicles, bounds }: PositionsOptions): Operation {
  const roster = createRoster(vehicles);
  const query = z.object({
    vehicle: vehiclesOf(bounds.apiVehiclesMax).optional(),
    area: areaText.optional(),
    limit: countOf(bounds.apiPageRowsMax).default(bounds.apiPageRowsMax),
    cursor: cursorText.optional(),
  });

  function* candidates(
    tenant: string,
    ids: ReadonlySet<string> | undefined,
    after: string,
  ): Iterable<Vehicle> {
    if (ids === undefined) return yield* roster.after(tenant, after);
    for (const id of [...ids].toSorted()) {
      const vehicle = id > after ? vehicles.find(tenant, id) : null;
      if (vehicle !== null && vehicle.last.timeMs !== neverMs) yield vehicle;
    }
  }

  /** The first `rows` that match, behind `after`. */
  function pageOf(
    { identity }: Asked,
    { vehicle: ids, area }: z.infer<typeof query>,
    after: string,
    rows: number,
  ): readonly Vehicle[] {
    const isAll = seesAll(identity, 'vehicle');
    const page: Vehicle[] = [];
    for (const vehicle of candidates(identity.tenant, ids, after)) {
      if (area !== undefined && !isInside(area, vehicle)) continue;
      if (isAll || mayFollow(identity, 'vehicle', vehicle.id)) page.push(vehicle);
      if (page.length === rows) break;
    }
    return page;
  }

  return operation(query, (asked, wanted) => {
    const after = readCursor(vehicleCursor, wanted.cursor);
    if (after === undefined) return { refused: 'badCursor' };
    // One more than may be shown tells whether there is more.
    const page = pageOf(asked, wanted, after ?? '', wanted.limit + 1);
    const isMore = page.length > wanted.limit;
    const shown = page.slice(0, wanted.limit);
    const last = shown.at(-1);
    return jsonReply({
      positions: shown.map(positionOf),
      next: isMore && last !== undefined ? makeCursor(vehicleCursor, last.id) : null,
    });
  });
}

/** GET /v1/vehicles/{vehicle}: with what its device has said last beside its positions. */
export function getVehicle({ vehicles, reader }: VehicleOptions): Operation {
  return operation(z.object({}), async ({ identity, path }) => {
    const id = path['vehicle'] ?? '';
    const refused = refusalOfVehicle(identity, id);
    if (refused !== null) return refused;
    const vehicle = vehicles.find(identity.tenant, id);
    if (vehicle === null || vehicle.last.timeMs === neverMs) return { refused: 'unknownVehicle' };
    const status = await reader.ask((sql) => lastStatus(sql, vehicle.key));
    const { receivedAtMs, offlineReason } = vehicle;
    return jsonReply({ ...positionOf(vehicle), receivedAtMs, offlineReason, status });
  });
}

/** Why the caller may not know of the vehicle, the same whether there is one or not. */
export function refusalOfVehicle(identity: Identity, id: string) {
  if (!vehiclesOf(1).safeParse(id).success) return { refused: 'badVehicleId' } as const;
  return mayFollow(identity, 'vehicle', id) ? null : ({ refused: 'notAllowed' } as const);
}

/** All four edges belong to the area. */
function isInside({ westE7, southE7, eastE7, northE7 }: Bounds, { last }: Vehicle): boolean {
  const { latE7, lonE7 } = last;
  if (latE7 < southE7 || latE7 > northE7) return false;
  return westE7 <= eastE7 ? lonE7 >= westE7 && lonE7 <= eastE7 : lonE7 >= westE7 || lonE7 <= eastE7;
}

function positionOf({ id, last, state, stateSinceMs }: Vehicle): PlainMap {
  const scaled = (value: number | null, scale: number): number | null =>
    value === null ? null : value / scale;
  return {
    vehicle: id,
    timeMs: last.timeMs,
    latitude: last.latE7 / 1e7,
    longitude: last.lonE7 / 1e7,
    speed: scaled(last.speedCms, 100),
    course: scaled(last.courseCdeg, 100),
    altitude: scaled(last.altitudeDm, 10),
    accuracy: scaled(last.accuracyDm, 10),
    satellites: last.satellites,
    attributes: last.attributes === null ? null : (JSON.parse(last.attributes) as PlainMap),
    flags: last.flags,
    state,
    stateSinceMs: stateSinceMs === neverMs ? null : stateSinceMs,
  };
}
