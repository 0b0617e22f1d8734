/**
 * The way of statuses into the database: all of them, or those that it takes and the others into `dead_letters`.
 * Invariant: when `write` resolves every status is in the one or the other; what is there already is left as it is.
 * Bound: `eventsPageRowsMax` statuses an attempt; a poison one costs 2 log2 of them.
 */
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Attempts } from './attempts.ts';
import type { Database } from './database.ts';
import { deadStatusOf, saveDeadLetter } from './deadletters.ts';
import { judge, type Verdict } from './sqlstate.ts';
import type { StoredStatus } from './status.ts';
import { saveStatuses } from './statuses.ts';

export interface StatusWriterOptions {
  readonly database: Pick<Database, 'sql' | 'reset'>;
  readonly attempts: Pick<Attempts, 'persist'>;
  readonly bounds: Pick<Limits, 'eventsPageRowsMax' | 'deadLetterReasonBytesMax'>;
  readonly metrics: Metrics;
}

export interface StatusWriter {
  write(statuses: readonly StoredStatus[]): Promise<void>;
}

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { database, attempts, bounds } = options;
  const { counters } = options.metrics;
  const replace = (): Promise<void> => database.reset();

  async function save(statuses: readonly StoredStatus[]): Promise<void> {
    const work = (): Promise<number> => saveStatuses(database.sql, statuses);
    const outcome = await attempts.persist({ work, replace, judge });
    const [only] = statuses;
    if (!outcome.isRefused) {
      counters.statusesStored += outcome.value;
      counters.statusesRepeated += statuses.length - outcome.value;
    } else if (statuses.length > 1) {
      const middle = statuses.length >>> 1;
      await save(statuses.slice(0, middle));
      await save(statuses.slice(middle));
    } else if (only !== undefined) {
      await bury(only, outcome.error);
    }
  }

  async function bury(status: StoredStatus, error: unknown): Promise<void> {
    const letter = deadStatusOf(status, error, bounds.deadLetterReasonBytesMax);
    const work = (): Promise<void> => saveDeadLetter(database.sql, letter);
    await attempts.persist({ work, replace, judge: (): Verdict => 'transient' });
    counters.statusesDead += 1;
  }

  return {
    async write(statuses) {
      for (let start = 0; start < statuses.length; start += bounds.eventsPageRowsMax) {
        await save(statuses.slice(start, start + bounds.eventsPageRowsMax));
      }
    },
  };
}
