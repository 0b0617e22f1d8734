/**
 * What a run of the suite of the fold is asked for, and what it reports. No code.
 * Invariant: plain values only, for they travel between two processes as JSON.
 * Bound: none of its own.
 */

export interface FoldTask {
  readonly measures: 'cost' | 'memory';
  readonly vehicles: number;
  readonly fences: number;
  readonly regionsPercent: number;
  /** Fixes of each vehicle before it is measured, and while it is. */
  readonly warmupRounds: number;
  readonly rounds: number;
  readonly hasAttributes: boolean;
}

/** What was told, over the whole run. */
export interface Told {
  readonly outputs: number;
  readonly fencesEntered: number;
  readonly tripsStarted: number;
  readonly filtered: number;
  readonly fencesLeftOut: number;
  /** Of every output in its order, and of every state at the end. */
  readonly digest: string;
}

export interface Cost {
  readonly told: Told;
  readonly medianUs: number;
  readonly p90Us: number;
  readonly outputsPerFix: number;
  /** Fences that the index names for the last fix of a vehicle, and fences that a vehicle is in, at the end. */
  readonly fencesNear: number;
  /** Of those. */
  readonly edgesNear: number;
  readonly fencesIn: number;
  readonly onTripShare: number;
}

export interface Memory {
  readonly told: Told;
  readonly stands: Weight;
  readonly drives: Weight;
  /** On the trip, once. */
  readonly hasStopped: Weight;
}

export interface Weight {
  /** Of a vehicle. */
  readonly bytes: number;
  /** Of the vehicles, that are as this says. */
  readonly share: number;
}

export interface FoldReport<Result> {
  readonly result: Result;
  /** Of the whole process. */
  readonly cpuMs: number;
}
