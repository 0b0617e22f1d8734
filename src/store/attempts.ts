/**
 * One way to write to the database for all that has to be written: tried until it is in, or is refused for
 * what it is. Between the attempts stands one circuit, for there is one database.
 * Invariant: an attempt whose outcome is unknown is repeated, so whatever is written must be safe to write
 * twice; nothing is refused because the database was away.
 * Bound: the deadline of an attempt, after which what hangs is thrown away.
 */
import type { Clock } from '../clock.ts';
import { FleetwireError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { createCircuit } from './circuit.ts';
import { within, type Deadline } from './deadline.ts';
import type { Verdict } from './sqlstate.ts';

export interface AttemptsOptions {
  readonly deadline: Deadline;
  readonly bounds: Pick<Limits, 'retryDelayMinMs' | 'retryDelayMaxMs'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called for every failed attempt that will be repeated. */
  readonly onRetry?: (error: unknown) => void;
}

/** What came of the attempts: a value, or the reason why it cannot be written like this. */
export type Outcome<T> =
  | { readonly isRefused: false; readonly value: T }
  | { readonly isRefused: true; readonly verdict: Verdict; readonly error: unknown };

export interface Attempt<T> {
  readonly work: () => Promise<T>;
  /** Throws away what hangs. */
  readonly replace: () => Promise<void>;
  readonly judge: (error: unknown) => Verdict;
}

export interface Attempts {
  /** Tries until it succeeds or is refused. Rejects only with what `close` was given. */
  persist<T>(attempt: Attempt<T>): Promise<Outcome<T>>;
  /** False from the first failure until an attempt succeeds. */
  readonly isAvailable: boolean;
  /** Nothing is tried again. */
  close(reason: Error): void;
}

export function createAttempts(options: AttemptsOptions): Attempts {
  const { clock, deadline } = options;
  const { counters } = options.metrics;
  const circuit = createCircuit(options);

  async function recover(error: unknown, replace: () => Promise<void>): Promise<void> {
    counters.batchesFailed += 1;
    options.onRetry?.(error);
    if (!(error instanceof FleetwireError) || error.code !== 'DATABASE_DEADLINE') return;
    counters.batchesTimedOut += 1;
    counters.poolsReplaced += 1;
    await replace();
  }

  return {
    async persist({ work, replace, judge }) {
      for (let failures = 0; ; failures++) {
        await circuit.enter(failures);
        try {
          const value = await within(clock, deadline, work());
          circuit.succeeded();
          return { isRefused: false, value };
        } catch (error) {
          const verdict = judge(error);
          if (verdict !== 'transient') {
            circuit.succeeded();
            return { isRefused: true, verdict, error };
          }
          circuit.failed();
          await recover(error, replace);
        }
      }
    },
    get isAvailable() {
      return circuit.isClosed;
    },
    close: (reason) => circuit.close(reason),
  };
}
