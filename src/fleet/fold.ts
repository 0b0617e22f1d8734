/**
 * The fold of one vehicle: its state, and what is put aside while its past is folded again. No code but its making.
 * Invariant: `state` has taken every fix of the vehicle that came in order; those that came late are in `Lateness`.
 * Bound: one a vehicle; `recomputeTailMax` fixes and statuses in a tail.
 */
import type { Limits } from '../limits.ts';
import type { Vehicle } from '../live/vehicles.ts';
import type { HeardStatus } from '../store/status.ts';
import type { Fix } from '../wire/types.ts';
import type { Output, TripOutputKind, VehicleEvent } from './output.ts';
import { snapshotOffsetMs } from './snapshots.ts';
import { createVehicleState, type Place, type VehicleState } from './state.ts';
import type { ToldTrip } from './tripchanges.ts';

/** What was told, and the time of the fix or the status that told it. */
export interface Told {
  readonly output: Output;
  readonly toldMs: number;
}

/** A fix as it came, and the flag that it was filtered with; 0 where it counts. */
export interface Taken {
  readonly fix: Fix;
  readonly flag: number;
}

/** A status as it came. */
export interface TakenStatus {
  readonly status: HeardStatus;
}

/** While the past is folded again. */
export interface Redo {
  /** How far the fold had come: fixes behind it are in the tail. */
  readonly untilMs: number;
  /** The same of statuses, of which one may be ahead of every fix. */
  readonly statusUntilMs: number;
  readonly tail: (Taken | TakenStatus)[];
  /** What the state as it was has told since, which nobody hears where it is replaced. */
  readonly held: Told[];
}

export interface Fold {
  readonly vehicle: Vehicle;
  readonly offsetMs: number;
  readonly state: VehicleState;
  redo: Redo | null;
}

/** Whoever is told what the folds tell. */
export interface FoldListener {
  /** `isLapse`: a silence has told it, which may have been told before by one that a late fix has broken since. */
  onTrip(vehicle: Vehicle, kind: TripOutputKind, trip: ToldTrip, isLapse: boolean): void;
  onEvent(vehicle: Vehicle, event: VehicleEvent): void;
}

export function createFold(
  vehicle: Vehicle,
  place: Place,
  { snapshotIntervalMs }: Pick<Limits, 'snapshotIntervalMs'>,
): Fold {
  return {
    vehicle,
    offsetMs: snapshotOffsetMs(vehicle.key, snapshotIntervalMs),
    state: createVehicleState(vehicle.id, place),
    redo: null,
  };
}
