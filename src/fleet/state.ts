/**
 * What the fold keeps of one vehicle: all that its next fix is judged by.
 * Invariant: nothing else decides, so that a state that was stored and read back goes on as if it had stayed; the
 * order of the fields is that of the stored bytes (src/fleet/statecodec.ts). What is rare is null most of the time,
 * because there is one of these for each vehicle that was ever heard of.
 * Bound: some 600 bytes while it stands, 900 on a trip, and 100 for each fence that it is in.
 */
import type { FenceState } from './fences.ts';
import { createFilter, type Filter } from './filter.ts';
import { createMotion, type Motion } from './motion.ts';
import type { Overspeed } from './overspeed.ts';
import { createSignals, type Signals } from './signals.ts';
import { createTrack, neverMs } from './track.ts';
import type { Trips } from './tripdetect.ts';

export interface VehicleState extends Trips {
  /** How far the fold has come; what is not newer is late, and has to be folded from an earlier state. */
  timeMs: number;
  readonly filter: Filter;
  readonly signals: Signals;
  readonly motion: Motion;
  /** `null` while it is not too fast. */
  over: Overspeed | null;
  readonly fences: FenceState[];
}

/** Of a vehicle without a fix; `vehicle` is its id. */
export function createVehicleState(vehicle: string): VehicleState {
  return {
    vehicle,
    timeMs: neverMs,
    filter: createFilter(),
    track: createTrack(),
    journey: null,
    signals: createSignals(),
    motion: createMotion(),
    over: null,
    fences: [],
  };
}
