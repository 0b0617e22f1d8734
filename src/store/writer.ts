/**
 * Batches, and events, into the database, whatever stands in their way: optimistic COPY, the slower merge where rows are
 * there already, halving where a row is poison, dead letters for those, and another try for everything else.
 * Invariant: a write resolves only when each of its rows is committed, was there before, or is committed as
 * a dead letter. An attempt whose outcome is unknown is repeated, and finds its rows as duplicates.
 * Bound: the port's deadline for each attempt; a poison row costs 2 log2(rows) attempts, one after the other.
 */
import type { Clock } from '../clock.ts';
import { FleetwireError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { createAttempts, type Outcome } from './attempts.ts';
import { bytesOf, joined, partsOf, splitAt, type Batch, type Part } from './batch.ts';
import type { CopyPort, MergeResult } from './copy.ts';
import type { Database } from './database.ts';
import { anonymous, deadLetterOf, saveDeadLetter } from './deadletters.ts';
import type { EventPlace, TopicEvent } from './events.ts';
import { createEventWriter } from './eventwriter.ts';
import { judge, type Verdict } from './sqlstate.ts';
import type { StoredStatus } from './status.ts';
import { createStatusWriter } from './statuswriter.ts';

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
  /** The same for events, one call after the other; gives back those that repeat the id of another. */
  writeEvents(events: readonly TopicEvent[]): Promise<readonly EventPlace[]>;
  /** The same for statuses. */
  writeStatuses(statuses: readonly StoredStatus[]): Promise<void>;
  /** False from the first failure until an attempt succeeds. */
  readonly isAvailable: boolean;
  /** Tries nothing again; resolves when the attempts under way have ended. */
  close(): Promise<void>;
}

export interface WriterOptions {
  readonly database: Pick<Database, 'sql' | 'copy' | 'reset'>;
  readonly bounds: Pick<
    Limits,
    'retryDelayMinMs' | 'retryDelayMaxMs' | 'deadLetterReasonBytesMax' | 'eventsPageRowsMax'
  >;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called for every failed attempt that will be repeated. */
  readonly onRetry?: (error: unknown) => void;
  /** Called for every event that was set aside as a dead letter. */
  readonly onDeadEvent?: (event: TopicEvent, error: unknown) => void;
}

/** A part and the way it goes: `isMerge` once one of its rows was found to be there already. */
interface Task {
  readonly part: Part;
  readonly isMerge: boolean;
}

export function createWriter(options: WriterOptions): Writer {
  const { database, bounds, metrics } = options;
  const { counters } = metrics;
  const attempts = createAttempts({ ...options, deadline: database.copy.deadline });
  const eventWriter = createEventWriter({ ...options, attempts, onDead: options.onDeadEvent });
  const statusWriter = createStatusWriter({ ...options, attempts });
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
        await bury(joined(bytesOf(task.part)), outcome.error);
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
    return attempts.persist({
      work: () => (isMerge ? copy.merge(bytesOf(part)) : copyAll(copy, part)),
      replace: () => copy.replace(),
      judge,
    });
  }

  /** Sets a poison row aside; without its vehicle and time where it is they that cannot be stored. */
  async function bury(row: Buffer, error: unknown): Promise<void> {
    const letter = deadLetterOf(row, error, bounds.deadLetterReasonBytesMax);
    const save = (named: typeof letter, judgeSave: (failure: unknown) => Verdict) =>
      attempts.persist({
        work: () => saveDeadLetter(database.sql, named),
        replace: () => database.reset(),
        judge: judgeSave,
      });
    const outcome = await save(letter, judge);
    if (outcome.isRefused) await save(anonymous(letter), () => 'transient');
  }

  async function untilEnd<T>(writing: Promise<T>): Promise<T> {
    writes.add(writing);
    try {
      return await writing;
    } finally {
      writes.delete(writing);
    }
  }

  return {
    get isAvailable() {
      return attempts.isAvailable;
    },
    write: (batch) => untilEnd(writeAll(batch)),
    writeEvents: (events) => untilEnd(eventWriter.write(events)),
    writeStatuses: (statuses) => untilEnd(statusWriter.write(statuses)),
    async close() {
      attempts.close(
        new FleetwireError('WRITER_CLOSED', 'the writer was closed before the rows were stored'),
      );
      await Promise.allSettled(writes);
    },
  };
}

async function copyAll(copy: CopyPort, part: Part): Promise<MergeResult> {
  await copy.copy(bytesOf(part));
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
