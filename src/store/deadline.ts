/**
 * A bound on how long one thing may take.
 * Invariant: the work is not stopped by this; whoever sets a deadline throws away what hangs.
 */
import type { Clock, Timer } from '../clock.ts';
import { FleetwireError } from '../errors.ts';
import type { Limits } from '../limits.ts';

export interface Deadline {
  readonly ms: number;
  /** What took too long, and which setting changes that: the sentence of the error. */
  readonly sentence: string;
}

/** `setting` is the limit's name, its value is `ms`. */
export function deadlineOf(setting: keyof Limits, ms: number): Deadline {
  return { ms, sentence: `the database did not answer within ${setting} (${ms} ms)` };
}

/** Settles as `work` does, or throws DATABASE_DEADLINE after `deadline.ms`. */
export async function within<T>(clock: Clock, deadline: Deadline, work: Promise<T>): Promise<T> {
  let timer: Timer | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = clock.after(deadline.ms, () =>
      reject(new FleetwireError('DATABASE_DEADLINE', deadline.sentence)),
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    (timer as Timer | null)?.cancel();
  }
}

/** Where queries run, and how what hangs there is thrown away. */
export interface Resettable {
  readonly copy: { readonly deadline: Deadline };
  reset(): Promise<void>;
}

/** As `within`, for a query: where it hangs, the connections for queries are given up. */
export async function withinOrReset<T>(
  clock: Clock,
  database: Resettable,
  query: Promise<T>,
): Promise<T> {
  try {
    return await within(clock, database.copy.deadline, query);
  } catch (error) {
    const isLate = error instanceof FleetwireError && error.code === 'DATABASE_DEADLINE';
    if (isLate) await database.reset();
    throw error;
  }
}
