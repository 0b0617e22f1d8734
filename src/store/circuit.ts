/**
 * Who may try the database, and when: everybody while it answers (closed), nobody for a pause after a
 * failure (open), then one alone (half open), whose outcome decides for all.
 * Invariant: while the circuit is not closed at most one attempt is under way that began after it opened.
 * Bound: a pause is between `retryDelayMinMs` and `retryDelayMaxMs`, with full jitter, so that nodes that
 * lost the same database do not come back to it at the same moment.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';

export type CircuitState =
  | { readonly name: 'closed' }
  | { readonly name: 'open'; readonly failures: number; readonly untilMs: number }
  | { readonly name: 'halfOpen'; readonly failures: number };

export const closedState: CircuitState = { name: 'closed' };

/** The state after the next in line has gone in; null where it has to wait. */
export function entered(state: CircuitState, nowMs: number): CircuitState | null {
  if (state.name === 'closed') return state;
  if (state.name === 'halfOpen' || nowMs < state.untilMs) return null;
  return { name: 'halfOpen', failures: state.failures };
}

/** The state after an attempt failed, where the pause that follows would take `pauseMs(failures)`. */
export function failedState(
  state: CircuitState,
  nowMs: number,
  pauseMs: (failures: number) => number,
): CircuitState {
  // One that began before the circuit opened says nothing new.
  if (state.name === 'open') return state;
  const failures = state.name === 'halfOpen' ? state.failures + 1 : 1;
  return { name: 'open', failures, untilMs: nowMs + pauseMs(failures) };
}

type Delays = Pick<Limits, 'retryDelayMinMs' | 'retryDelayMaxMs'>;

/** A pause after so many failures in a row: anywhere between the shortest and twice the last longest. */
export function pauseAfter(failures: number, bounds: Delays, random: () => number): number {
  const { retryDelayMinMs, retryDelayMaxMs } = bounds;
  const longestMs = Math.min(retryDelayMaxMs, retryDelayMinMs * 2 ** failures);
  return retryDelayMinMs + random() * (longestMs - retryDelayMinMs);
}

export interface CircuitOptions {
  readonly bounds: Delays;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Circuit {
  readonly isClosed: boolean;
  /**
   * Resolves when the caller may try. Whoever has tried before and failed so many times waits a pause of
   * its own first: one that always fails must not keep the others from a closed circuit, nor spin in it.
   */
  enter(failures: number): Promise<void>;
  succeeded(): void;
  failed(): void;
  /** Whoever waits, or comes later, is rejected with `reason`. */
  close(reason: Error): void;
}

interface Waiter {
  resolve(): void;
  reject(reason: Error): void;
}

export function createCircuit(options: CircuitOptions): Circuit {
  const { bounds, clock, random } = options;
  const pauseMs = (failures: number): number => pauseAfter(failures, bounds, random);
  const pauses = new Map<Timer, Waiter>();
  const queue: Waiter[] = [];
  let state: CircuitState = closedState;
  let wakeTimer: Timer | null = null;
  let closedBy: Error | null = null;

  function pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = clock.after(ms, () => {
        pauses.delete(timer);
        resolve();
      });
      pauses.set(timer, { resolve, reject });
    });
  }

  function admit(): void {
    for (let waiter = queue[0]; waiter !== undefined; waiter = queue[0]) {
      const next = entered(state, clock.monotonicMs());
      if (next === null) return waitForEnd();
      state = next;
      queue.shift();
      waiter.resolve();
    }
  }

  // Half open, the outcome of the one that is inside lets the next in.
  function waitForEnd(): void {
    if (state.name !== 'open' || wakeTimer !== null) return;
    wakeTimer = clock.after(Math.max(0, state.untilMs - clock.monotonicMs()), () => {
      wakeTimer = null;
      admit();
    });
  }

  return {
    get isClosed() {
      return state.name === 'closed';
    },
    async enter(failures) {
      if (closedBy === null && failures > 0) await pause(pauseMs(failures));
      if (closedBy !== null) throw closedBy;
      await new Promise<void>((resolve, reject) => {
        queue.push({ resolve, reject });
        admit();
      });
    },
    succeeded() {
      state = closedState;
      admit();
    },
    failed() {
      state = failedState(state, clock.monotonicMs(), pauseMs);
      admit();
    },
    close(reason) {
      closedBy = reason;
      wakeTimer?.cancel();
      for (const timer of pauses.keys()) timer.cancel();
      for (const waiter of [...pauses.values(), ...queue]) waiter.reject(reason);
      pauses.clear();
      queue.length = 0;
    },
  };
}
