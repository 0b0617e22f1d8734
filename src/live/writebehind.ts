/**
 * Writes vehicles that moved to the database, every few seconds and all at once.
 * Invariant: when `onSaved(position)` is called, the `vehicles` table shows every live fix before
 * `position`; the journal is not cut past it, so after a crash the journal brings the cache up to date.
 * Bound: one write at a time, of at most `rowsPerSaveMax` vehicles.
 */
import { every, type Clock } from '../clock.ts';
import type { Metrics } from '../metrics.ts';
import type { Gate } from '../store/gate.ts';
import { neverMs, type Vehicle, type Vehicles } from './vehicles.ts';

export interface WriteBehindOptions {
  readonly vehicles: Vehicles;
  /** Called once at least for each write, with none where none has moved. */
  readonly save: (vehicles: readonly Vehicle[]) => Promise<void>;
  /** Lets nobody else write what belongs to vehicles meanwhile. */
  readonly gate: Pick<Gate, 'run'>;
  /** The journal position up to which everything is stored. */
  readonly stored: () => number;
  readonly onSaved: (position: number) => void;
  /** A write failed and is tried again at the next turn. */
  readonly onError: (error: unknown) => void;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface WriteBehind {
  /** Writes what moved; never rejects, tells `onError` instead. */
  flush(): Promise<void>;
  stop(): void;
}

/**
 * Vehicles at a time: enough to be cheap, little enough for the event loop. What 2,000 took, up to 50 ms in one turn, was
 * the tail of every latency.
 */
const rowsPerSaveMax = 250;

export function createWriteBehind(options: WriteBehindOptions): WriteBehind {
  const { vehicles, metrics } = options;
  let running: Promise<void> | null = null;
  const timer = every(options.clock, options.intervalMs, () => void flush());

  function flush(): Promise<void> {
    running ??= options.gate.run(save).finally(() => {
      running = null;
    });
    return running;
  }

  async function save(): Promise<void> {
    const position = options.stored();
    // One that has no position has no row.
    const moved = vehicles.takeDirty().filter(({ last }) => last.timeMs !== neverMs);
    let saved = 0;
    try {
      do {
        const page = moved.slice(saved, saved + rowsPerSaveMax);
        await options.save(page);
        saved += page.length;
        metrics.counters.vehiclesFlushed += page.length;
      } while (saved < moved.length);
    } catch (error) {
      metrics.counters.vehiclesFlushesFailed += 1;
      vehicles.putBack(moved.slice(saved));
      options.onError(error);
      return;
    }
    options.onSaved(position);
  }

  return { flush, stop: () => timer.cancel() };
}
