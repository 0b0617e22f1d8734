/**
 * Which connections speak for a vehicle, and what they are told.
 * Invariant: a line is here from the moment that its connection speaks for the vehicle until it is gone. A command
 * goes to one of them, the newest, a device before a driver; word of an emergency goes to all.
 * Bound: one entry for each connection and vehicle.
 */
import type { Plain } from '../wire/types.ts';

/** Frame 21. */
export interface Told {
  readonly commandId: string;
  readonly name: string;
  readonly arguments: Plain;
}

/** A connection of the device plane. */
export interface Line {
  /** Role `device`: the vehicle's own. */
  readonly isDevice: boolean;
  tell(vehicle: string, told: Told): void;
}

export interface Courier {
  /** Once for each line and vehicle. */
  connected(tenant: string, vehicle: string, line: Line): void;
  disconnected(tenant: string, vehicle: string, line: Line): void;
  /** Tells one line; false where there is none. */
  tell(tenant: string, vehicle: string, told: Told): boolean;
  tellAll(tenant: string, vehicle: string, told: Told): void;
  /** Calls `listener` for each line that comes, in the order in which they listen. */
  onConnected(listener: (tenant: string, vehicle: string, line: Line) => void): void;
}

export function createCourier(): Courier {
  /** Nearly all vehicles have one: a set each would be larger than its connection. */
  const lines = new Map<string, readonly Line[]>();
  const listeners: ((tenant: string, vehicle: string, line: Line) => void)[] = [];

  const linesOf = (tenant: string, vehicle: string): readonly Line[] =>
    lines.get(keyOf(tenant, vehicle)) ?? [];

  return {
    connected(tenant, vehicle, line) {
      lines.set(keyOf(tenant, vehicle), [...linesOf(tenant, vehicle), line]);
      for (const listener of listeners) listener(tenant, vehicle, line);
    },
    disconnected(tenant, vehicle, line) {
      const key = keyOf(tenant, vehicle);
      const known = linesOf(tenant, vehicle);
      const others = known.filter((other) => other !== line);
      if (others.length === known.length) throw new Error(`courier: ${key} has no such line`);
      if (others.length > 0) lines.set(key, others);
      else lines.delete(key);
    },
    tell(tenant, vehicle, told) {
      const known = linesOf(tenant, vehicle);
      const line = known.findLast(({ isDevice }) => isDevice) ?? known.at(-1);
      line?.tell(vehicle, told);
      return line !== undefined;
    },
    tellAll(tenant, vehicle, told) {
      for (const line of linesOf(tenant, vehicle)) line.tell(vehicle, told);
    },
    onConnected(listener) {
      listeners.push(listener);
    },
  };
}

function keyOf(tenant: string, vehicle: string): string {
  return `${tenant}/${vehicle}`;
}
