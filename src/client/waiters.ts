/**
 * Promises that wait for a backlog to shrink.
 * Invariant: each is settled once: when the backlog is short enough, or when it can shrink no more.
 * Bound: one entry for each promise that its caller holds.
 */

export interface Waiters {
  /** Resolves when the backlog, `length` long now, is no longer than `lengthMax`. */
  until(length: number, lengthMax: number): Promise<void>;
  /** The backlog is `length` long now. */
  settle(length: number): void;
  /** It shrinks no more: rejects all, and those to come. */
  fail(error: Error): void;
}

interface Waiter {
  readonly lengthMax: number;
  resolve(): void;
  reject(error: Error): void;
}

export function createWaiters(): Waiters {
  let waiters: Waiter[] = [];
  let failure: Error | null = null;

  return {
    until(length, lengthMax) {
      if (length <= lengthMax) return Promise.resolve();
      if (failure !== null) return Promise.reject(failure);
      return new Promise((resolve, reject) => waiters.push({ lengthMax, resolve, reject }));
    },
    settle(length) {
      // Asked at every ack, while mostly nobody waits.
      if (waiters.length === 0) return;
      const done = waiters.filter(({ lengthMax }) => length <= lengthMax);
      waiters = waiters.filter(({ lengthMax }) => length > lengthMax);
      for (const { resolve } of done) resolve();
    },
    fail(error) {
      failure = error;
      const left = waiters;
      waiters = [];
      for (const { reject } of left) reject(error);
    },
  };
}
