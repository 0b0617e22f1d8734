/**
 * What a device client tells its program, as types. No code.
 * Invariant: fixes are named by what identifies them, (vehicle, time), never by frames or seqs, which
 * belong to one connection.
 */
import type { RefusalName } from '../errors.ts';
import type { AckLevel, Plain } from '../wire/types.ts';

/** What a fix is known by. `vehicle` is `null` where it is the token's own. */
export interface FixKey {
  readonly vehicle: string | null;
  readonly timeMs: number;
}

export interface DeviceAck {
  readonly seq: number;
  readonly level: AckLevel;
  /** Fixes that left the backlog with it. */
  readonly fixes: readonly FixKey[];
}

export interface DeviceRefusal {
  /** The code and sentence of errors.ts. */
  readonly code: number;
  readonly message: string;
  readonly fixes: readonly FixKey[];
}

export interface DeviceDrop extends FixKey {
  /** Why the fix was not taken. */
  readonly reason: 'backlogFull' | 'closed' | RefusalName;
}

export interface DeviceCommand {
  readonly commandId: string;
  readonly name: string;
  readonly arguments: Plain;
}

/** Counts of fixes since the client was made, except where they say otherwise. */
export interface DeviceStats {
  /** Put on the wire at least once. */
  readonly sent: number;
  readonly acked: number;
  readonly refused: number;
  /** Put on the wire again, once for each time. */
  readonly resent: number;
  readonly dropped: number;
  /** Fixes that are neither acked nor refused, now. */
  readonly backlog: number;
  readonly framesSent: number;
  readonly framesInFlight: number;
  /** Connections whose hello came. */
  readonly connections: number;
  readonly slowDowns: number;
  /** Messages of the engine that this client does not understand. */
  readonly ignored: number;
}
