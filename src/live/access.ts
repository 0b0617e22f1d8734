/**
 * Who may subscribe to what: one table, asked for every request.
 * Invariant: what the table does not allow is refused; the tenant is never a question here, because inner
 * topics are built from the token's.
 * Bound: a token's vehicles are at most `tokenVehiclesMax`, checked when it is verified.
 */
import { matchesVehicle, type Identity, type Role } from '../identity.ts';
import type { Topic } from './topics.ts';

/** `all`: every topic of the kind; `named`: only vehicles that the token names. */
type Reach = 'all' | 'named' | 'none';

const reachOf: Readonly<Record<Role, Readonly<Record<Topic['kind'], Reach>>>> = {
  device: { vehicle: 'none', fleet: 'none' },
  driver: { vehicle: 'named', fleet: 'none' },
  viewer: { vehicle: 'all', fleet: 'all' },
  dispatcher: { vehicle: 'all', fleet: 'all' },
  admin: { vehicle: 'all', fleet: 'all' },
  service: { vehicle: 'all', fleet: 'all' },
};

/** True where the role may connect to the subscriber plane at all. */
export function mayConnectLive(role: Role): boolean {
  return Object.values(reachOf[role]).some((reach) => reach !== 'none');
}

/** True where the role may connect to the device plane. */
export function mayConnectIngest(role: Role): boolean {
  return role === 'device' || role === 'driver' || role === 'service';
}

export function maySubscribe(identity: Identity, topic: Topic): boolean {
  const reach = reachOf[identity.role][topic.kind];
  if (reach === 'none') return false;
  if (topic.kind === 'fleet') return identity.vehicles === null;
  const named = identity.vehicles;
  if (named === null) return reach === 'all' || topic.vehicleId === identity.subject;
  return matchesVehicle(named, topic.vehicleId);
}
