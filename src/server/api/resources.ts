/**
 * Every resource of the API, by its path.
 * Invariant: docs/openapi.json has the same paths, methods and parameters (a test holds it).
 * Bound: as many as stand here.
 */
import type { Clock } from '../../clock.ts';
import type { FenceIndex } from '../../fleet/fenceindex.ts';
import type { Limits } from '../../limits.ts';
import type { Call } from '../../live/calls.ts';
import type { Vehicles } from '../../live/vehicles.ts';
import type { Metrics } from '../../metrics.ts';
import type { Reader } from '../../store/reader.ts';
import type { PlainMap } from '../../wire/types.ts';
import { postCall } from './calls.ts';
import { listCommands, listEmergencies, listNotifications, listTrips } from './cases.ts';
import { listEvents, listSessions } from './events.ts';
import { geofenceResources } from './geofences.ts';
import { getDocument } from './openapi.ts';
import { getVehicle, listPositions } from './positions.ts';
import type { Resource } from './resource.ts';
import { listSummaries } from './summaries.ts';
import { getTrack } from './track.ts';
import { listVehicleEvents } from './vehicleevents.ts';

export interface ResourcesOptions {
  readonly vehicles: Pick<Vehicles, 'find' | 'ofTenant' | 'size'>;
  readonly reader: Reader;
  readonly tripTotals: (tenant: string, id: string) => PlainMap | null;
  readonly call: Call;
  readonly fences: Pick<FenceIndex, 'put' | 'remove' | 'newest'>;
  readonly newId: () => string;
  /** Of event topics. */
  readonly epoch: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

export function createResources(options: ResourcesOptions): readonly Resource[] {
  return [
    { path: '/v1/openapi.json', isPublic: true, operations: { get: getDocument() } },
    { path: '/v1/positions', operations: { get: listPositions(options) } },
    { path: '/v1/vehicles/{vehicle}', operations: { get: getVehicle(options) } },
    { path: '/v1/vehicles/{vehicle}/track', operations: { get: getTrack(options) } },
    { path: '/v1/vehicles/{vehicle}/summaries', operations: { get: listSummaries(options) } },
    { path: '/v1/vehicle-events', operations: { get: listVehicleEvents(options) } },
    { path: '/v1/events', operations: { get: listEvents(options) } },
    { path: '/v1/sessions', operations: { get: listSessions(options) } },
    { path: '/v1/trips', operations: { get: listTrips(options) } },
    { path: '/v1/emergencies', operations: { get: listEmergencies(options) } },
    { path: '/v1/notifications', operations: { get: listNotifications(options) } },
    { path: '/v1/commands', operations: { get: listCommands(options) } },
    ...geofenceResources(options),
    { path: '/v1/calls/{method}', operations: { post: postCall(options) } },
  ];
}
