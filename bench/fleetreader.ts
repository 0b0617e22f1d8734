/**
 * What one subscriber of `fleet` has got, fix by fix.
 * Invariant: each position must follow the one before it of its vehicle, as many steps on as it stands for
 * fixes; what does not is a gap or a repeat, and neither is made up for by another vehicle's.
 * Bound: one number for each vehicle.
 */
import type { Positions } from './frames.ts';
import type { FleetPlan } from './fleetplan.ts';
import type { Latencies } from './latency.ts';

/** Sums over the readers of one kind. */
export interface ReaderTally {
  positions: number;
  /** Fixes that a position stood for besides its own: two of one vehicle in one tick. */
  coalesced: number;
  /** Fixes that should have come and did not. */
  missed: number;
  /** Positions that came again, or that the subscription is not about. */
  unasked: number;
  /** Notices that positions were left out, and how many. */
  notices: number;
  skipped: number;
}

export function createReaderTally(): ReaderTally {
  return { positions: 0, coalesced: 0, missed: 0, unasked: 0, notices: 0, skipped: 0 };
}

export interface FleetReaderOptions {
  readonly plan: FleetPlan;
  readonly tally: ReaderTally;
  /** Where the latency of a fix of this step goes; `null` while warming up. */
  readonly latenciesOf: (step: number) => Latencies | null;
}

export interface FleetReader {
  /** It has the first position of every vehicle. */
  readonly isPlaced: boolean;
  /** Fixes after the first that it has been told of. */
  readonly fixes: number;
  receive(positions: Positions, nowMs: number): void;
}

const unknownStep = -2;

export function createFleetReader(options: FleetReaderOptions): FleetReader {
  const { plan, tally, latenciesOf } = options;
  const last = new Int32Array(plan.vehicles).fill(unknownStep);
  let placed = 0;
  let fixes = 0;

  return {
    get isPlaced() {
      return placed === plan.vehicles;
    },
    get fixes() {
      return fixes;
    },
    receive({ length, vehicles, steps, timesMs, counts }, nowMs) {
      for (let index = 0; index < length; index++) {
        const vehicle = vehicles[index] as number;
        const step = steps[index] as number;
        const count = counts[index] as number;
        const before = last[vehicle] as number;
        last[vehicle] = step;
        if (before === unknownStep) {
          placed += 1;
          continue;
        }
        const ahead = step - before;
        if (ahead <= 0) tally.unasked += 1;
        else tally.missed += ahead - count;
        tally.positions += 1;
        tally.coalesced += count - 1;
        fixes += count;
        latenciesOf(step)?.record(nowMs - (timesMs[index] as number));
      }
    },
  };
}
