/**
 * The way out of the journal: durable records become batches, batches become rows in the database.
 * Invariant: the stored position is never past a row that is not committed; after a crash or an outage the
 * same code reads the same records again from the journal, so there is no second path to keep right.
 * Bound: `batchesInFlightMax` spans of at most `batchBytesMax` and about `batchRowsMax` rows in memory;
 * the oldest row waits at most `batchAgeMaxMs` for its span to fill.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Journal, JournalRecord } from '../journal/journal.ts';
import type { Limits } from '../limits.ts';
import type { Batch } from '../store/batch.ts';
import type { Writer } from '../store/writer.ts';
import { recordKinds } from './pipeline.ts';

export interface DrainOptions {
  readonly journal: Journal;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly bounds: Pick<
    Limits,
    'batchRowsMax' | 'batchBytesMax' | 'batchAgeMaxMs' | 'batchesInFlightMax'
  >;
  /** Everything up to `position` is in the database. */
  readonly onStored: (position: number) => void;
  /** Reading the journal failed: nothing can be stored any more. */
  readonly onFailure: (error: unknown) => void;
}

export interface Drain {
  /** There may be durable records to take. */
  wake(): void;
  /** Everything before is in the database. */
  readonly stored: number;
  /** Resolves when all that is durable now has been stored; for a graceful stop. */
  settled(): Promise<void>;
  /** Takes no further record; what is in flight goes on. */
  stop(): void;
}

/** A stretch of the journal on its way to the database. */
interface Span {
  readonly start: number;
  readonly end: number;
  isStored: boolean;
}

export function createDrain(options: DrainOptions): Drain {
  const { journal, writer, clock, bounds } = options;
  const spans: Span[] = [];
  let cursor = journal.committed;
  let stored = cursor;
  let timer: Timer | null = null;
  let isReading = false;
  let isDue = false;
  let isStopped = false;
  let waiters: (() => void)[] = [];

  function wake(): void {
    if (isStopped || isReading || spans.length >= bounds.batchesInFlightMax) return;
    const waitingBytes = journal.durable - cursor;
    if (waitingBytes === 0) return settleIfDone();
    if (isDue || waitingBytes >= bounds.batchBytesMax) {
      isDue = false;
      timer?.cancel();
      timer = null;
      isReading = true;
      readSpan().catch(options.onFailure);
    } else {
      timer ??= clock.after(bounds.batchAgeMaxMs, becomeDue);
    }
  }

  function becomeDue(): void {
    timer = null;
    isDue = true;
    wake();
  }

  async function readSpan(): Promise<void> {
    const durable = journal.durable;
    const records = await journal.read(cursor, bounds.batchBytesMax);
    isReading = false;
    const taken = upToRows(records, bounds.batchRowsMax);
    // Positions without a record are what damage left behind; there is nothing to store in them.
    const span: Span = { start: cursor, end: taken.at(-1)?.end ?? durable, isStored: false };
    cursor = span.end;
    // More is waiting than one span holds: it has waited as long as this one.
    isDue = journal.durable > cursor;
    spans.push(span);
    wake();
    for (const batch of batchesOf(taken)) await writer.write(batch);
    span.isStored = true;
    advance();
    wake();
  }

  function advance(): void {
    while (spans[0]?.isStored === true) {
      stored = spans[0].end;
      spans.shift();
    }
    options.onStored(stored);
    settleIfDone();
  }

  function settleIfDone(): void {
    if (stored < journal.durable) return;
    const settling = waiters;
    waiters = [];
    for (const settle of settling) settle();
  }

  return {
    wake,
    get stored() {
      return stored;
    },
    settled() {
      return new Promise((resolve) => {
        waiters.push(resolve);
        isDue = true;
        wake();
      });
    },
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}

/** The first records of at most `rowsMax` rows together, but one at least. */
function upToRows(records: readonly JournalRecord[], rowsMax: number): readonly JournalRecord[] {
  let rows = 0;
  const index = records.findIndex((record) => (rows += record.rows) > rowsMax);
  return index < 0 ? records : records.slice(0, Math.max(1, index));
}

// The lanes go apart: only the backfill lane meets what the database has already, and a conflict
// costs its whole batch the slower path.
function batchesOf(records: readonly JournalRecord[]): readonly Batch[] {
  const live = records.filter((record) => record.kind === recordKinds.live);
  const backfill = records.filter((record) => record.kind === recordKinds.backfill);
  return [batchOf('live', live), batchOf('backfill', backfill)].filter((batch) => batch.rows > 0);
}

function batchOf(lane: Batch['lane'], records: readonly JournalRecord[]): Batch {
  const chunks = records.map((record) => record.payload);
  return {
    lane,
    rows: records.reduce((sum, record) => sum + record.rows, 0),
    bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    chunks,
  };
}
