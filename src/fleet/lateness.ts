/**
 * Which vehicles have to be folded again, and from when on: those with fixes that the fold has not taken.
 * Invariant: a mark is here until a fold has taken all that it is about, whatever fails in between; one that is not
 * saved is saved with the next write to the database, before the journal is cut.
 * Bound: one mark a vehicle.
 */
import type { Limits } from '../limits.ts';
import type { DirtyVehicle } from '../store/vehiclestates.ts';

export interface Mark extends DirtyVehicle {
  sinceMs: number;
  /** There is something to do, also where no stored fix has come late. */
  isCertain: boolean;
  /** The database knows it. */
  isSaved: boolean;
  /** By the monotonic clock: when it was first and last marked. */
  firstAtMs: number;
  lastAtMs: number;
  /** By the same: not due before, whatever is marked. */
  restsUntilMs: number;
}

export interface Lateness {
  /** The vehicle has to be folded again from `sinceMs` on. */
  mark(key: string, sinceMs: number, isCertain: boolean): void;
  /** From the database, at the start. */
  restore(dirty: DirtyVehicle): void;
  /** A vehicle whose time has come, which is then worked on; null where there is none. */
  next(): Mark | null;
  /** What came of it: no more to do but for what was marked meanwhile, or all of it again. */
  done(mark: Mark): void;
  giveBack(mark: Mark): void;
  /** The same, but not soon: it may fail again, and has cost as much as one that did not. */
  fail(mark: Mark): void;
  /** What was marked of the vehicle since it is worked on. */
  since(key: string): Mark | null;
  /** Those that the database does not know. */
  unsaved(): readonly Mark[];
  /** Vehicles that are marked. */
  readonly size: number;
}

export interface LatenessOptions {
  readonly monotonicMs: () => number;
  readonly bounds: Pick<Limits, 'recomputeDelayMs' | 'recomputeDelayMaxMs'>;
}

export function createLateness({ monotonicMs, bounds }: LatenessOptions): Lateness {
  /** In the order in which they were marked first. */
  const marks = new Map<string, Mark>();
  const working = new Set<Mark>();

  function put(key: string, sinceMs: number, isCertain: boolean, isSaved: boolean): void {
    const nowMs = monotonicMs();
    const known = marks.get(key);
    if (known === undefined) {
      const [firstAtMs, lastAtMs, restsUntilMs] = [nowMs, nowMs, nowMs];
      marks.set(key, { key, sinceMs, isCertain, isSaved, firstAtMs, lastAtMs, restsUntilMs });
      return;
    }
    if (sinceMs < known.sinceMs) {
      known.sinceMs = sinceMs;
      known.isSaved = isSaved;
    }
    known.isCertain ||= isCertain;
    known.lastAtMs = nowMs;
  }

  function isDue({ firstAtMs, lastAtMs, restsUntilMs }: Mark): boolean {
    const nowMs = monotonicMs();
    if (nowMs < restsUntilMs) return false;
    return (
      nowMs - lastAtMs >= bounds.recomputeDelayMs || nowMs - firstAtMs >= bounds.recomputeDelayMaxMs
    );
  }

  function giveBack(mark: Mark): void {
    working.delete(mark);
    put(mark.key, mark.sinceMs, mark.isCertain, mark.isSaved);
  }

  return {
    mark: (key, sinceMs, isCertain) => put(key, sinceMs, isCertain, false),
    // What it was about is not known any more.
    restore: ({ key, sinceMs }) => put(key, sinceMs, true, true),
    next() {
      for (const mark of marks.values()) {
        if (!isDue(mark)) continue;
        marks.delete(mark.key);
        working.add(mark);
        return mark;
      }
      return null;
    },
    done: (mark) => void working.delete(mark),
    giveBack,
    fail(mark) {
      giveBack(mark);
      const again = marks.get(mark.key);
      if (again !== undefined) again.restsUntilMs = monotonicMs() + bounds.recomputeDelayMaxMs;
    },
    since: (key) => marks.get(key) ?? null,
    unsaved: () => [...marks.values(), ...working].filter(({ isSaved }) => !isSaved),
    get size() {
      return marks.size + working.size;
    },
  };
}
