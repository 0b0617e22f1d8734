/**
 * Queries for people who ask for what is stored, beside the engine's own.
 * Invariant: whoever asks is answered or told that the database did not; a query whose asker has given up
 * while it waited for its turn is not run. A query that hangs has its connection thrown away in the end.
 * Bound: `apiQueriesMax` queries at a time, `apiQueryDeadlineMs` for an answer, the wait for a turn included.
 */
import type { ISql } from 'postgres';
import type { Clock } from '../clock.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Database } from './database.ts';
import { deadlineOf, within, withinOrReset } from './deadline.ts';

export interface ReaderOptions {
  readonly database: Pick<Database, 'sql' | 'copy' | 'reset'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'apiQueriesMax' | 'apiQueryDeadlineMs'>;
}

export interface Reader {
  /** Throws `DATABASE_READ`, whatever the cause. */
  ask<T>(query: (sql: ISql) => Promise<T>): Promise<T>;
  /** No query is begun any more. */
  stop(): void;
}

export function createReader(options: ReaderOptions): Reader {
  const { database, clock, bounds } = options;
  const { counters } = options.metrics;
  const deadline = deadlineOf('apiQueryDeadlineMs', bounds.apiQueryDeadlineMs);
  const waiting: (() => void)[] = [];
  let running = 0;
  let isStopped = false;

  async function takeTurn(): Promise<void> {
    if (running >= bounds.apiQueriesMax) await new Promise<void>((go) => void waiting.push(go));
    else running += 1;
  }

  function giveTurn(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  async function run<T>(query: (sql: ISql) => Promise<T>, isWanted: () => boolean): Promise<T> {
    await takeTurn();
    try {
      if (isStopped || !isWanted()) throw new Error('nobody waits for this query any more');
      return await withinOrReset(clock, database, query(database.sql));
    } finally {
      giveTurn();
    }
  }

  return {
    async ask(query) {
      let isWanted = true;
      try {
        const answer = await within(
          clock,
          deadline,
          run(query, () => isWanted),
        );
        counters.apiQueries += 1;
        return answer;
      } catch (cause) {
        counters.apiQueriesFailed += 1;
        throw new FleetwireError('DATABASE_READ', messageOf(cause), { cause });
      } finally {
        isWanted = false;
      }
    },
    stop() {
      isStopped = true;
    },
  };
}
