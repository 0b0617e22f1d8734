/**
 * Who is at the other end of a connection, as its token says, and what its names may be.
 * Invariant: an identity is made from verified claims only; every key and topic inside the engine starts
 * from its tenant, so that nothing a client sends can reach another tenant.
 * Bound: ids and tenants have a length and an alphabet that need no escaping in keys, topics or logs.
 */

export const roles = ['device', 'driver', 'viewer', 'dispatcher', 'admin', 'service'] as const;
export type Role = (typeof roles)[number];

export interface Identity {
  readonly subject: string;
  readonly tenant: string;
  readonly role: Role;
  /** Vehicle ids, or prefixes that end in `*`; `null` where the token names none. */
  readonly vehicles: readonly string[] | null;
  readonly issuer: string;
  readonly tokenId: string | null;
  readonly expiresAtMs: number;
}

/** The tenant of a token that names none; its vehicles' keys are their bare ids. */
export const defaultTenant = 'default';

const vehicleIdPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const tenantPattern = /^[a-z0-9][a-z0-9-]{0,31}$/;
const userNamePattern = /^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}$/;

export function isVehicleId(text: string): boolean {
  return vehicleIdPattern.test(text);
}

/** True for a subject that can have notifications: `/` and `#` mean something in topics. */
export function isUserName(text: string): boolean {
  return userNamePattern.test(text);
}

/** True for text that the database gives back as it was: no NUL and no half of a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

export function isTenant(text: string): boolean {
  return tenantPattern.test(text);
}

/** True for a vehicle id or a prefix of one followed by `*` (a bare `*` is every vehicle). */
export function isVehiclePattern(text: string): boolean {
  if (!text.endsWith('*')) return isVehicleId(text);
  return text === '*' || isVehicleId(text.slice(0, -1));
}

/** True where one of `patterns` is `vehicleId` or a prefix of it. */
export function matchesVehicle(patterns: readonly string[], vehicleId: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? vehicleId.startsWith(pattern.slice(0, -1)) : vehicleId === pattern,
  );
}

/** True where a device with this identity may send positions of `vehicleId`. */
export function speaksFor(identity: Identity, vehicleId: string): boolean {
  if (identity.vehicles === null) return vehicleId === identity.subject;
  return vehicleId === identity.subject || matchesVehicle(identity.vehicles, vehicleId);
}

/** The vehicle that a connection with this identity is about where it names none; null where that is not clear. */
export function homeOf({ role, subject, vehicles }: Identity): string | null {
  if (role === 'device' || vehicles === null) return isVehicleId(subject) ? subject : null;
  const [only] = vehicles;
  return vehicles.length === 1 && only !== undefined && isVehicleId(only) ? only : null;
}

/** The key under which a vehicle is stored: its id for the default tenant, `<tenant>/<id>` for others. */
export function vehicleKey(tenant: string, vehicleId: string): string {
  return tenant === defaultTenant ? vehicleId : `${tenant}/${vehicleId}`;
}

/** The tenant and the id in a key; the inverse of `vehicleKey`. */
export function parseVehicleKey(key: string): { readonly tenant: string; readonly id: string } {
  const slash = key.indexOf('/');
  if (slash < 0) return { tenant: defaultTenant, id: key };
  return { tenant: key.slice(0, slash), id: key.slice(slash + 1) };
}
