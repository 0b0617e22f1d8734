/**
 * Who may subscribe to, publish and call what: one table, asked for every request.
 * Invariant: what the table does not allow is refused; the tenant is never a question here, because inner
 * topics are built from the token's.
 * Bound: a token's vehicles are at most `tokenVehiclesMax`, checked when it is verified.
 */
import { defaultTenant, matchesVehicle, type Identity, type Role } from '../identity.ts';
import type { EventTopic, Topic } from './topics.ts';

/**
 * `all`: everything of the kind, or of the vehicles that the token names where it names some; `named`: of
 * those, or of the subject's own; `own`: the subject's; `owner`: of the tenant that runs the engine.
 */
type Reach = 'all' | 'named' | 'own' | 'owner' | 'none';

/** Calls about trips, emergencies, notifications and commands. */
export const fleetMethods = [
  'trip.start',
  'trip.update',
  'trip.pause',
  'trip.resume',
  'trip.end',
  'trip.cancel',
  'emergency.raise',
  'emergency.acknowledge',
  'emergency.resolve',
  'emergency.falseAlarm',
  'emergency.note',
  'notification.send',
  'notification.read',
  'notification.readAll',
  'command.send',
  'command.cancel',
] as const;
export type FleetMethod = (typeof fleetMethods)[number];

/** Calls about stored tracks that are shown again, to the connection that calls. */
export const replayMethods = [
  'replay.start',
  'replay.pause',
  'replay.resume',
  'replay.seek',
  'replay.speed',
  'replay.stop',
] as const;
export type ReplayMethod = (typeof replayMethods)[number];

/** Calls of the subscriber plane. */
export const methods = [
  'presence',
  'publish',
  'revoke',
  ...replayMethods,
  ...fleetMethods,
] as const;
export type Method = (typeof methods)[number];

interface Grant {
  readonly ingest: boolean;
  readonly subscribe: Readonly<Record<Topic['kind'], Reach>>;
  readonly publish: Readonly<Record<EventTopic['kind'], Reach>>;
  readonly call: readonly Method[];
}

const nothing = {
  vehicle: 'none',
  fleet: 'none',
  area: 'none',
  trip: 'none',
  notification: 'none',
  emergency: 'none',
  system: 'none',
} as const;

const watchingCalls: readonly Method[] = ['presence', ...replayMethods];
const reading: readonly Method[] = [...watchingCalls, 'notification.read', 'notification.readAll'];
const driving: readonly Method[] = [
  ...fleetMethods.filter((method) => method.startsWith('trip.')),
  'emergency.raise',
  'emergency.note',
];

const everyVehicle = { vehicle: 'all', fleet: 'all', area: 'all', trip: 'all' } as const;
const watching = { ...everyVehicle, notification: 'own', emergency: 'all' } as const;

const table: Readonly<Record<Role, Grant>> = {
  device: { ingest: true, subscribe: nothing, publish: nothing, call: [] },
  driver: {
    ingest: true,
    subscribe: { ...nothing, vehicle: 'named', trip: 'named', notification: 'own' },
    publish: nothing,
    call: [...reading, ...driving],
  },
  viewer: {
    ingest: false,
    subscribe: { ...nothing, ...watching },
    publish: nothing,
    call: reading,
  },
  dispatcher: {
    ingest: false,
    subscribe: { ...nothing, ...watching },
    publish: nothing,
    call: [...watchingCalls, ...fleetMethods],
  },
  admin: {
    ingest: false,
    subscribe: { ...watching, system: 'owner' },
    publish: { trip: 'all', notification: 'all', emergency: 'all' },
    call: methods,
  },
  service: {
    ingest: true,
    subscribe: { ...nothing, ...watching },
    publish: { trip: 'all', notification: 'all', emergency: 'all' },
    call: [...watchingCalls, 'publish', ...fleetMethods],
  },
};

/** True where the role may connect to the subscriber plane at all. */
export function mayConnectLive(role: Role): boolean {
  return Object.values(table[role].subscribe).some((reach) => reach !== 'none');
}

/** True where the role may connect to the device plane. */
export function mayConnectIngest(role: Role): boolean {
  return table[role].ingest;
}

/** True where the identity may subscribe; of a trip only once `mayFollow` says so for its vehicle. */
export function maySubscribe(identity: Identity, topic: Topic): boolean {
  const reach = table[identity.role].subscribe[topic.kind];
  switch (topic.kind) {
    case 'vehicle':
      return mayFollow(identity, topic.kind, topic.vehicleId);
    case 'notification':
      return reach === 'own' && topic.user === identity.subject;
    case 'emergency':
      // What happens to other vehicles is none of the business of one who may see a few.
      return reach === 'all' && identity.vehicles === null;
    case 'system':
      return reach === 'owner' && identity.tenant === defaultTenant && identity.vehicles === null;
    default:
      return reach !== 'none';
  }
}

/** True where the identity may see what of the kind is about this vehicle. */
export function mayFollow(identity: Identity, kind: Topic['kind'], vehicleId: string): boolean {
  const reach = table[identity.role].subscribe[kind];
  if (reach === 'none') return false;
  const named = identity.vehicles;
  if (named !== null) return matchesVehicle(named, vehicleId);
  return reach === 'all' || vehicleId === identity.subject;
}

/** True where whoever the identity is sees every vehicle of its tenant in topics of the kind. */
export function seesAll(identity: Identity, kind: Topic['kind']): boolean {
  return table[identity.role].subscribe[kind] === 'all' && identity.vehicles === null;
}

export function mayCall(identity: Identity, method: Method): boolean {
  return table[identity.role].call.includes(method);
}

/** The ids and prefixes of the vehicles that the identity sees in topics of the kind; null where these are all. */
export function visibleVehicles(identity: Identity, kind: Topic['kind']): readonly string[] | null {
  const reach = table[identity.role].subscribe[kind];
  if (reach === 'none') return [];
  if (identity.vehicles !== null) return identity.vehicles;
  return reach === 'all' ? null : [identity.subject];
}

/** True where the identity may read the geofences of its tenant: they say where vehicles are to be. */
export function mayReadGeofences(identity: Identity): boolean {
  return seesAll(identity, 'fleet');
}

/** True where the identity may change them, which changes what everybody is told. */
export function mayKeepGeofences(identity: Identity): boolean {
  return mayReadGeofences(identity) && mayCall(identity, 'command.send');
}

/** True where the identity may read who was connected to its tenant. */
export function mayReadSessions({ role, vehicles }: Identity): boolean {
  return role === 'admin' && vehicles === null;
}

/** True where the identity may publish an event; `vehicleId` is the one that it is about, if any. */
export function mayPublish(
  identity: Identity,
  topic: EventTopic,
  vehicleId: string | null,
): boolean {
  if (table[identity.role].publish[topic.kind] !== 'all') return false;
  if (identity.vehicles === null) return true;
  return vehicleId !== null && matchesVehicle(identity.vehicles, vehicleId);
}

/**
 * True where the identity may do what its calls are for with this vehicle; with `null` where it is about none, or
 * about people.
 */
export function mayManage(identity: Identity, vehicleId: string | null): boolean {
  if (vehicleId !== null) return mayFollow(identity, 'trip', vehicleId);
  return identity.vehicles === null && seesAll(identity, 'trip');
}
