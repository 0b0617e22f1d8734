/**
 * Batches into the database, whatever stands in their way: optimistic COPY, the slower merge where rows are
 * there already, halving where a row is poison, dead letters for those, and another try for everything else.
 * Invariant: a write resolves only when each of its rows is committed, was there before, or is committed as
 * a dead letter. An attempt whose outcome is unknown is repeated, and finds its rows as duplicates.
 * Bound: the port's deadline for each attempt; a poison row costs 2 log2(rows) attempts, one after the other.
 */
import type { Clock } from '../clock.ts';
import { FleetwireError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { partsOf, splitAt, type Batch, type Part } from './batch.ts';
import { createCircuit } from './circuit.ts';
import type { CopyPort, MergeResult } from './copy.ts';
import type { Database } from './database.ts';
import { within } from './deadline.ts';
import { anonymous, deadLetterOf, saveDeadLetter } from './deadletters.ts';
import { judge, type Verdict } from './sqlstate.ts';

export interface WriteResult {
  readonly stored: number;
  /** Rows that the database had already, the conflicting ones among them. */
  readonly duplicates: number;
  readonly conflicting: number;
  readonly dead: number;
}

export interface Writer {
  /** Rejects only with WRITER_CLOSED. */
  write(batch: Batch): Promise<WriteResult>;
  /** False from the first failure until an attempt succeeds. */
  readonly isAvailable: boolean;
  /** Tries nothing again; resolves when the attempts under way have ended. */
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly database: Pick<Database, 'sql' | 'copy' | 'reset'>;
  readonly bounds: Pick<Limits, 'retryDelayMinMs' | 'retryDelayMaxMs' | 'deadLetterReasonBytesMax'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called for every failed attempt that will be repeated. */
  readonly onRetry?: (error: unknown) => void;
}

/** A part and the way it goes: `isMerge` once one of its rows was found to be there already. */
interface Task {
  readonly part: Part;
  readonly isMerge: boolean;
}

/** What came of the attempts: a value, or the reason why the rows cannot be taken like this. */
type Outcome<T> =
  | { readonly isRefused: false; readonly value: T }
  | { readonly isRefused: true; readonly verdict: Verdict; readonly error: unknown };

export function createWriter(options: WriterOptions): Writer {
  const { database, bounds, metrics, clock } = options;
  const { counters } = metrics;
  const circuit = createCircuit(options);
  const writes = new Set<Promise<unknown>>();

  async function writeAll(batch: Batch): Promise<WriteResult> {
    const tally = { stored: 0, duplicates: 0, conflicting: 0, dead: 0 };
    const tasks: Task[] = partsOf(batch, database.copy.rowsMax)
      .map((part) => ({ part, isMerge: false }))
      .toReversed();
    let isMerged = false;
    let isBisected = false;
    for (let task = tasks.pop(); task !== undefined; task = tasks.pop()) {
      const outcome = await tryTask(task);
      if (!outcome.isRefused) {
        tally.stored += outcome.value.inserted;
        tally.duplicates += task.part.rows - outcome.value.inserted;
        tally.conflicting += outcome.value.conflicting;
      } else if (outcome.verdict === 'duplicate' && !task.isMerge) {
        isMerged = true;
        tasks.push({ part: task.part, isMerge: true });
      } else if (task.part.rows > 1) {
        isBisected = true;
        tasks.push(...halves(task));
      } else {
        await bury(task.part.bytes, outcome.error);
        tally.dead += 1;
      }
    }
    counters.rowsStored += tally.stored;
    counters.rowsDuplicate += tally.duplicates;
    counters.rowsConflicting += tally.conflicting;
    counters.rowsDead += tally.dead;
    counters.batchesStored += 1;
    counters.batchesMerged += Number(isMerged);
    counters.batchesBisected += Number(isBisected);
    return tally;
  }

  function tryTask({ part, isMerge }: Task): Promise<Outcome<MergeResult>> {
    const { copy } = database;
    return persist(
      () => (isMerge ? copy.merge(part.bytes) : copyAll(copy, part)),
      () => copy.replace(),
      judge,
    );
  }

  /** Sets a poison row aside; without its vehicle and time where it is they that cannot be stored. */
  async function bury(row: Buffer, error: unknown): Promise<void> {
    const letter = deadLetterOf(row, error, bounds.deadLetterReasonBytesMax);
    const save = (named: typeof letter, judgeSave: (failure: unknown) => Verdict) =>
      persist(
        () => saveDeadLetter(database.sql, named),
        () => database.reset(),
        judgeSave,
      );
    const outcome = await save(letter, judge);
    if (outcome.isRefused) await save(anonymous(letter), () => 'transient');
  }

  /** Tries until it succeeds or the rows are refused. */
  async function persist<T>(
    work: () => Promise<T>,
    replace: () => Promise<void>,
    judgeFailure: (failure: unknown) => Verdict,
  ): Promise<Outcome<T>> {
    for (let failures = 0; ; failures++) {
      await circuit.enter(failures);
      try {
        const value = await within(clock, database.copy.deadline, work());
        circuit.succeeded();
        return { isRefused: false, value };
      } catch (error) {
        const verdict = judgeFailure(error);
        if (verdict !== 'transient') {
          circuit.succeeded();
          return { isRefused: true, verdict, error };
        }
        circuit.failed();
        await recover(error, replace);
      }
    }
  }

  async function recover(error: unknown, replace: () => Promise<void>): Promise<void> {
    counters.batchesFailed += 1;
    options.onRetry?.(error);
    if (!(error instanceof FleetwireError) || error.code !== 'DATABASE_DEADLINE') return;
    counters.batchesTimedOut += 1;
    counters.poolsReplaced += 1;
    await replace();
  }

  return {
    get isAvailable() {
      return circuit.isClosed;
    },
    async write(batch) {
      const writing = writeAll(batch);
      writes.add(writing);
      try {
        return await writing;
      } finally {
        writes.delete(writing);
      }
    },
    async close() {
      circuit.close(
        new FleetwireError('WRITER_CLOSED', 'the writer was closed before the rows were stored'),
      );
      await Promise.allSettled(writes);
    },
  };
}

async function copyAll(copy: CopyPort, part: Part): Promise<MergeResult> {
  await copy.copy(part.bytes);
  return { inserted: part.rows, conflicting: 0 };
}

/** The second half first: tasks are taken from the end. */
function halves({ part, isMerge }: Task): readonly Task[] {
  const { first, second } = splitAt(part, part.rows >>> 1);
  return [
    { part: second, isMerge },
    { part: first, isMerge },
  ];
}
