/**
 * What one subscriber of an area has got, held against what the plan says drives there.
 * Invariant: a fix inside of what the answer covers must come, no other may, and at the end the reader has
 * exactly the vehicles that are inside: who has left was told. Where two fixes of a vehicle fell into one tick
 * the older need not come; which these are is known from the fleet's frames.
 * Bound: a byte for each fix of the plan, twice.
 */
import { isInside, type Covered } from './areas.ts';
import type { ReaderTally } from './fleetreader.ts';
import type { FrameBook, Positions } from './frames.ts';
import type { FleetPlan } from './fleetplan.ts';
import type { Latencies } from './latency.ts';

export interface AreaReaderOptions {
  readonly plan: FleetPlan;
  readonly covered: Covered;
  readonly tally: ReaderTally;
  readonly book: Pick<FrameBook, 'isStoodFor'>;
  readonly latenciesOf: (step: number) => Latencies | null;
}

export interface AreaReader {
  /** It has the first position of every vehicle that is inside. */
  readonly isPlaced: boolean;
  /** Nothing more is to come. */
  readonly isDone: boolean;
  /** Fixes of the plan that are inside. */
  readonly expected: number;
  /** Vehicles that it was told have left. */
  readonly left: number;
  /** The plan's steps are known. */
  begin(): void;
  receive(positions: Positions, nowMs: number): void;
  leave(vehicles: readonly number[]): void;
  /** Counts into the tally what has not come. */
  finish(): void;
}

export function createAreaReader(options: AreaReaderOptions): AreaReader {
  const { plan, covered, tally, book, latenciesOf } = options;
  const vehicles = Array.from({ length: plan.vehicles }, (_, vehicle) => vehicle);
  const isPresent = new Uint8Array(plan.vehicles);
  const last = new Int32Array(plan.vehicles).fill(-1);
  const placedExpected = vehicles.filter((vehicle) => isIn(vehicle, -1)).length;
  /** Fixes that are inside and have not come, at `vehicle * steps + step`. */
  let isOpen = new Uint8Array(0);
  let placed = 0;
  let expected = 0;
  let left = 0;

  function isIn(vehicle: number, step: number): boolean {
    return isInside(covered, plan.place(vehicle, step));
  }

  function take(vehicle: number, step: number): void {
    const at = vehicle * plan.steps + step;
    if (isOpen[at] === 1 && step > (last[vehicle] as number)) tally.positions += 1;
    else tally.unasked += 1;
    isOpen[at] = 0;
    last[vehicle] = step;
    isPresent[vehicle] = 1;
  }

  /** Fixes that have not come: those that a newer one stood for, and the others. */
  function open(): { readonly stoodFor: number; readonly missing: number } {
    const sum = { stoodFor: 0, missing: 0 };
    for (let at = isOpen.indexOf(1); at !== -1; at = isOpen.indexOf(1, at + 1)) {
      const step = at % plan.steps;
      if (book.isStoodFor((at - step) / plan.steps, step)) sum.stoodFor += 1;
      else sum.missing += 1;
    }
    return sum;
  }

  /** Vehicles of which the reader does not know rightly whether they are inside. */
  function mistaken(): number {
    return vehicles.filter(
      (vehicle) => (isPresent[vehicle] === 1) !== isIn(vehicle, plan.steps - 1),
    ).length;
  }

  function wasStoodFor(vehicle: number): boolean {
    for (let step = (last[vehicle] as number) + 1; step < plan.steps; step++) {
      if (book.isStoodFor(vehicle, step)) return true;
    }
    return false;
  }

  return {
    get isPlaced() {
      return placed === placedExpected;
    },
    get isDone() {
      return open().missing === 0 && mistaken() === 0;
    },
    get expected() {
      return expected;
    },
    get left() {
      return left;
    },
    begin() {
      isOpen = new Uint8Array(plan.vehicles * plan.steps);
      for (const vehicle of vehicles) {
        for (let step = 0; step < plan.steps; step++) {
          if (!isIn(vehicle, step)) continue;
          isOpen[vehicle * plan.steps + step] = 1;
          expected += 1;
        }
      }
    },
    receive(positions, nowMs) {
      for (let index = 0; index < positions.length; index++) {
        const vehicle = positions.vehicles[index] as number;
        const step = positions.steps[index] as number;
        if (step >= 0) {
          take(vehicle, step);
          latenciesOf(step)?.record(nowMs - (positions.timesMs[index] as number));
        } else if (isPresent[vehicle] === 0 && isIn(vehicle, step)) {
          placed += 1;
          isPresent[vehicle] = 1;
        } else {
          tally.unasked += 1;
        }
      }
    },
    leave(gone) {
      for (const vehicle of gone) {
        if (isPresent[vehicle] === 1) left += 1;
        // One that came and went within a tick was never shown.
        else if (!wasStoodFor(vehicle)) tally.unasked += 1;
        isPresent[vehicle] = 0;
      }
    },
    finish() {
      const { stoodFor, missing } = open();
      tally.coalesced += stoodFor;
      tally.missed += missing + mistaken();
    },
  };
}
