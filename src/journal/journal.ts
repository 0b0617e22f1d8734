/**
 * The journal: what was acked is in it until the database has it. Append-only segments of records, one
 * group commit after another, read back in order by the drain, forgotten once committed.
 * Invariant: a record is durable, in order and readable from the moment `durable` passes it until `commit`
 * does, across crashes; a position is never used twice in the life of a directory.
 * Bound: `journalBytesMax` on disk (one segment more while it is partly committed),
 * `journalPendingBytesMax` and `journalTailBytesMax` in memory.
 */
import { open } from 'node:fs/promises';
import { FleetwireError } from '../errors.ts';
import { journalHighWater, type Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { makeDirectory } from './disk.ts';
import { createFailure, journalFailure, type Failure } from './failure.ts';
import { recordHeaderBytes, type JournalRecord, type Parsed } from './record.ts';
import { recoverJournal, type Recovered, type Recovery } from './recovery.ts';
import { createRetention, type Retention } from './retention.ts';
import { offsetOf, readRecords, type Segment, type Segments } from './segment.ts';
import { createWindow, type Window } from './window.ts';
import { createWriter, type Writer } from './writer.ts';

export type { JournalRecord, Recovery };

export interface JournalOptions {
  /** Created when missing. */
  readonly dir: string;
  /** The version of the payloads; records of another one are refused with JOURNAL_FORMAT. */
  readonly rowFormat: number;
  readonly bounds: Pick<
    Limits,
    | 'segmentBytesMax'
    | 'recordBytesMax'
    | 'recordGatherBytesMax'
    | 'journalBytesMax'
    | 'journalPendingBytesMax'
    | 'journalTailBytesMax'
  >;
  readonly metrics: Metrics;
  /** Everything up to `position` survives a crash; called once a group. */
  readonly onDurable: (position: number) => void;
  /** An I/O error after opening: the journal takes nothing more. Called once at most. */
  readonly onFailure: (error: FleetwireError) => void;
}

export interface Journal {
  /**
   * Copies `payload` into the next group and returns the position behind its record. The caller looks at
   * `isFull` first. `kind` is 0 to 255, `rows` an unsigned 32-bit number. Throws the FleetwireError of a
   * failed journal, and a plain Error for a payload over `recordBytesMax` or after `close`.
   */
  append(kind: number, rows: number, payload: Uint8Array): number;
  /**
   * The same for a payload that may share a record with its neighbours of the same kind: those of one record are one
   * payload, up to `recordGatherBytesMax`. The position may lie inside of a record; all before it is durable together.
   */
  gather(kind: number, rows: number, payload: Uint8Array): number;
  /** Position behind the last record appended. */
  readonly end: number;
  /** Position behind the last record that a group has taken: those behind it become durable together. */
  readonly taken: number;
  /** Position behind the last durable record. */
  readonly durable: number;
  /** Everything before is in the database. */
  readonly committed: number;
  /** Bytes of records that are not committed; the disk holds at most one segment more. */
  readonly bytesUncommitted: number;
  /** Above `journalHighWater` of `journalBytesMax` or of `journalPendingBytesMax`. */
  readonly isNearlyFull: boolean;
  /** A record of `recordBytesMax` would pass `journalBytesMax` or `journalPendingBytesMax`, or it has failed. */
  readonly isFull: boolean;
  /** True while a record of this payload passes neither bound, also where `isFull` for what may be larger. */
  hasRoomFor(payloadBytes: number): boolean;
  /**
   * Durable records from `position` on, one at least if there is one, up to about `bytesMax` with their
   * headers. `position` is the start or end of a record, or `committed`; where a gap follows, the record
   * behind it comes, and its `start` says so. A payload keeps the chunk alive that it is a view of.
   */
  read(position: number, bytesMax: number): Promise<readonly JournalRecord[]>;
  /** Everything before `position` is in the database and may be forgotten. */
  commit(position: number): void;
  /** Resolves when all that is appended now is durable; rejects when the journal has failed. */
  flush(): Promise<void>;
  /**
   * Makes durable what is appended, unless the journal has failed, saves the checkpoint and closes the files.
   * May be called again.
   */
  close(): Promise<void>;
}

/**
 * Opens the journal in `dir` and calls `visit` with each record that is not committed, in order.
 * Throws JOURNAL_FORMAT, or JOURNAL_IO where the directory cannot be read or written.
 */
export async function openJournal(
  options: JournalOptions,
  visit: (record: JournalRecord) => void,
): Promise<{ journal: Journal; recovery: Recovery }> {
  const { dir, rowFormat, metrics } = options;
  let recovered: Recovered;
  try {
    await makeDirectory(dir);
    recovered = await recoverJournal(dir, rowFormat, visit);
  } catch (error) {
    throw journalFailure(dir, error);
  }
  const { recovery } = recovered;
  metrics.counters.journalRecordsReplayed += recovery.records;
  metrics.counters.journalBytesTorn += recovery.bytesTorn;
  metrics.counters.journalBytesDamaged += recovery.bytesDamaged;
  return { journal: createJournal(options, recovered), recovery };
}

interface Parts {
  readonly dir: string;
  readonly segments: Segments;
  readonly window: Window;
  readonly writer: Writer;
  readonly retention: Retention;
  readonly failure: Failure;
}

function createJournal(options: JournalOptions, recovered: Recovered): Journal {
  const { dir, rowFormat, bounds, metrics } = options;
  const { segments, handle, end, committed } = recovered;
  const failure = createFailure(dir, options.onFailure);
  const window = createWindow(bounds.journalTailBytesMax);
  const retention = createRetention({ dir, segments, committed, failure });
  const writer = createWriter({
    dir,
    rowFormat,
    bounds,
    segments,
    handle,
    end,
    window,
    failure,
    metrics,
    onDurable(position) {
      window.trim(position, retention.committed);
      options.onDurable(position);
    },
  });
  return assemble(options, { dir, segments, window, writer, retention, failure });
}

function assemble(options: JournalOptions, parts: Parts): Journal {
  const { bounds } = options;
  const { window, writer, retention } = parts;
  let closing: Promise<void> | null = null;
  return {
    append: (kind, rows, payload) => writer.append(kind, rows, payload),
    gather: (kind, rows, payload) => writer.gather(kind, rows, payload),
    get end() {
      return writer.end;
    },
    get taken() {
      return writer.taken;
    },
    get durable() {
      return writer.durable;
    },
    get committed() {
      return retention.committed;
    },
    get bytesUncommitted() {
      const { segments, retention } = parts;
      return segments.bytesFrom(retention.committed) + writer.pendingBytes;
    },
    get isNearlyFull() {
      return !hasRoom(parts, bounds, bounds.recordBytesMax, journalHighWater);
    },
    get isFull() {
      return !hasRoom(parts, bounds, bounds.recordBytesMax, 1);
    },
    hasRoomFor: (payloadBytes) => hasRoom(parts, bounds, payloadBytes, 1),
    read: (position, bytesMax) => read(parts, position, bytesMax),
    commit(position) {
      if (position > writer.durable) throw new Error('journal: commit beyond what is durable');
      retention.commit(position);
      window.trim(writer.durable, retention.committed);
    },
    flush: () => writer.flush(),
    close() {
      closing ??= close(parts);
      return closing;
    },
  };
}

/** Whether it takes `payloadBytes` more and is filled to `share` of what the disk and the memory may hold, at most. */
function hasRoom(
  { failure, segments, writer, retention }: Parts,
  bounds: JournalOptions['bounds'],
  payloadBytes: number,
  share: number,
): boolean {
  if (failure.error !== null) return false;
  // Asked for every frame: each of the two is looked at once.
  const { pendingBytes } = writer;
  const uncommittedBytes = segments.bytesFrom(retention.committed) + pendingBytes;
  const nextBytes = recordHeaderBytes + payloadBytes;
  return (
    uncommittedBytes <= bounds.journalBytesMax * share &&
    pendingBytes <= bounds.journalPendingBytesMax * share &&
    uncommittedBytes + nextBytes <= bounds.journalBytesMax &&
    pendingBytes + nextBytes <= bounds.journalPendingBytesMax
  );
}

async function close({ writer, retention }: Parts): Promise<void> {
  await writer.close();
  await retention.close();
}

async function read(
  parts: Parts,
  position: number,
  bytesMax: number,
): Promise<readonly JournalRecord[]> {
  const { segments, window, writer } = parts;
  const segment = segments.find(position);
  if (segment === undefined) return [];
  const from = Math.max(position, segment.first);
  const held = window.read(from, writer.durable, bytesMax);
  return held ?? (await readFromDisk(parts, segment, from, bytesMax));
}

async function readFromDisk(
  parts: Parts,
  segment: Segment,
  from: number,
  bytesMax: number,
): Promise<readonly JournalRecord[]> {
  let found: Parsed;
  try {
    const handle = await open(segment.path, 'r');
    try {
      found = await readRecords(handle, segment, from, bytesMax);
    } finally {
      await handle.close();
    }
  } catch (error) {
    // A commit may have passed the segment, and deleted it, since it was looked up.
    if (parts.segments.find(from) !== segment) return read(parts, from, bytesMax);
    throw raised(parts.failure, journalFailure(parts.dir, error));
  }
  if (found.records.length === 0) throw raised(parts.failure, damaged(segment, found.end));
  return found.records;
}

function raised(failure: Failure, error: FleetwireError): FleetwireError {
  failure.raise(error);
  return error;
}

function damaged(segment: Segment, position: number): FleetwireError {
  return new FleetwireError(
    'JOURNAL_IO',
    `${segment.path} is damaged at byte ${offsetOf(segment, position)}: check the disk that FLEETWIRE_DATA_DIR is on; ` +
      'when the engine is started again it sets the damage aside and goes on behind it',
  );
}
