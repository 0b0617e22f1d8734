/**
 * The way out of the journal: durable records become batches, batches become rows in the database.
 * Invariant: the stored position is never past a row that is not committed; after a crash or an outage the
 * same code reads the same records again from the journal, so there is no second path to keep right. Rows
 * of positions go in any order, events and statuses in that of the journal, those of one span after those of the last.
 * Bound: `batchesInFlightMax` spans of at most `batchBytesMax`, about `batchRowsMax` rows and
 * `eventsPageRowsMax` events and statuses in memory; the oldest row waits at most `batchAgeMaxMs` for its span to fill.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Journal, JournalRecord } from '../journal/journal.ts';
import type { Limits } from '../limits.ts';
import type { Channels } from '../live/channels.ts';
import { decodeEvent } from '../live/event.ts';
import type { Batch } from '../store/batch.ts';
import { decodeStatus } from '../store/status.ts';
import type { Writer } from '../store/writer.ts';
import { recordKinds } from './pipeline.ts';

export interface DrainOptions {
  readonly journal: Journal;
  readonly writer: Pick<Writer, 'write' | 'writeEvents' | 'writeStatuses'>;
  readonly channels: Pick<Channels, 'stored'>;
  readonly clock: Clock;
  readonly bounds: Pick<
    Limits,
    'batchRowsMax' | 'batchBytesMax' | 'batchAgeMaxMs' | 'batchesInFlightMax' | 'eventsPageRowsMax'
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
  /** Every event of the spans so far is stored. */
  let eventsStored = Promise.resolve();
  /** The same of statuses: of two of one vehicle and time the first stays. */
  let statusesStored = Promise.resolve();

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
    const taken = upTo(records, bounds);
    // Positions without a record are what damage left behind; there is nothing to store in them.
    const span: Span = { start: cursor, end: taken.at(-1)?.end ?? durable, isStored: false };
    cursor = span.end;
    // More is waiting than one span holds: it has waited as long as this one.
    isDue = journal.durable > cursor;
    spans.push(span);
    wake();
    await Promise.all([storeEvents(taken), storeStatuses(taken), storeRows(taken)]);
    span.isStored = true;
    advance();
    wake();
  }

  async function storeRows(records: readonly JournalRecord[]): Promise<void> {
    for (const batch of batchesOf(records)) await writer.write(batch);
  }

  function storeEvents(records: readonly JournalRecord[]): Promise<void> {
    const events = records.filter(isEventRecord).map((record) => decodeEvent(record.payload));
    if (events.length === 0) return Promise.resolve();
    eventsStored = eventsStored.then(async () => {
      options.channels.stored(events, await writer.writeEvents(events));
    });
    return eventsStored;
  }

  function storeStatuses(records: readonly JournalRecord[]): Promise<void> {
    const statuses = records
      .filter(({ kind }) => kind === recordKinds.status)
      .map(({ payload }) => decodeStatus(payload));
    if (statuses.length === 0) return Promise.resolve();
    statusesStored = statusesStored.then(() => writer.writeStatuses(statuses));
    return statusesStored;
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

/** The first records of at most so many rows and so many events and statuses together, but one at least. */
function upTo(
  records: readonly JournalRecord[],
  bounds: Pick<Limits, 'batchRowsMax' | 'eventsPageRowsMax'>,
): readonly JournalRecord[] {
  let rows = 0;
  let events = 0;
  const index = records.findIndex((record) => {
    rows += record.rows;
    events += Number(isEventRecord(record) || record.kind === recordKinds.status);
    return rows > bounds.batchRowsMax || events > bounds.eventsPageRowsMax;
  });
  return index < 0 ? records : records.slice(0, Math.max(1, index));
}

function isEventRecord({ kind }: JournalRecord): boolean {
  return kind === recordKinds.event;
}

// The lanes go apart: only the backfill lane meets what the database has already, and a conflict
// costs its whole batch the slower path.
function batchesOf(records: readonly JournalRecord[]): readonly Batch[] {
  const live = records.filter(
    ({ kind }) => kind === recordKinds.live || kind === recordKinds.liveOfBoth,
  );
  const backfill = records.filter(({ kind }) => kind === recordKinds.backfill);
  return [batchOf('live', live), batchOf('backfill', backfill)].filter((batch) => batch.rows > 0);
}

function batchOf(lane: Batch['lane'], records: readonly JournalRecord[]): Batch {
  return {
    lane,
    rows: records.reduce((sum, record) => sum + record.rows, 0),
    bytes: records.reduce((sum, record) => sum + record.payload.length, 0),
    chunks: records.map(({ rows, payload }) => ({ rows, bytes: payload })),
  };
}
