/**
 * Opening what an earlier run left: the records that may not be in the database yet are found again, and
 * the file that the next record goes into is made ready.
 * Invariant: nothing that was acked is destroyed, and positions never come back: after damage, records go
 * on in a new segment beyond everything that was ever used.
 * Bound: a few headers and one stretch of records in memory, however much the journal holds.
 */
import { open, truncate, unlink, type FileHandle } from 'node:fs/promises';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import {
  isOfFormat,
  listFiles,
  refuseFormats,
  removeUnborn,
  type SegmentFile,
} from './inventory.ts';
import type { JournalRecord } from './record.ts';
import { createSegment, createSegments, type Segments } from './segment.ts';
import { walkFiles, type Tally, type Walked } from './walk.ts';

/** What was found at start. */
export interface Recovery {
  readonly records: number;
  readonly rows: number;
  /** Bytes of an unfinished last record, cut off. */
  readonly bytesTorn: number;
  /** Bytes that were set aside, or are missing between two segments. */
  readonly bytesDamaged: number;
  readonly segments: number;
}

export interface Recovered {
  readonly segments: Segments;
  /** The last segment, open for writing. */
  readonly handle: FileHandle;
  readonly committed: number;
  /** Position behind the last record. */
  readonly end: number;
  readonly recovery: Recovery;
}

export async function recoverJournal(
  dir: string,
  rowFormat: number,
  visit: (record: JournalRecord) => void,
): Promise<Recovered> {
  const checkpoint = await loadCheckpoint(dir);
  const listed = await listFiles(dir);
  const usedUpTo = Math.max(checkpoint ?? 0, ...listed.map((file) => file.first));
  const { born: files, bytesTorn } = await removeUnborn(listed);
  const start = startOf(checkpoint, files, usedUpTo);
  refuseFormats(dir, files, rowFormat, start);
  if (checkpoint !== null && checkpoint !== start) await saveCheckpoint(dir, start, true);
  const tally: Tally = { records: 0, rows: 0, bytesTorn, bytesDamaged: 0, end: start };
  const walked = await walkFiles({ files, start, tally, visit });
  const last = await openLast(dir, rowFormat, walked, usedUpTo);
  const { end, ...counts } = tally;
  return { ...last, committed: start, end, recovery: { ...counts, segments: files.length } };
}

// A checkpoint beyond the data was made for other data: everything there is may be uncommitted.
function startOf(
  checkpoint: number | null,
  files: readonly SegmentFile[],
  usedUpTo: number,
): number {
  const oldest = files[0];
  const newest = files.at(-1);
  if (oldest === undefined || newest === undefined) return usedUpTo;
  return checkpoint !== null && checkpoint <= newest.dataEnd ? checkpoint : oldest.first;
}

// A new segment is there before damage is cut: after a crash in between the damage is found again, but
// its positions are not used again.
async function openLast(
  dir: string,
  rowFormat: number,
  walked: readonly Walked[],
  usedUpTo: number,
): Promise<{ segments: Segments; handle: FileHandle }> {
  const last = walked.at(-1);
  const floor = Math.max(usedUpTo, ...walked.map(usedBy));
  const older = walked.slice(0, -1).map(({ segment }) => segment);
  if (last !== undefined && isOfFormat(last.file, rowFormat) && isWhole(last, floor)) {
    const handle = await openForWriting(last);
    return { segments: createSegments(older, last.segment), handle };
  }
  const isReplaced = last?.file.first === floor;
  if (last !== undefined && isReplaced) await unlink(last.file.path);
  const created = await createSegment(dir, rowFormat, floor, last?.segment.end ?? floor);
  if (last !== undefined && !isReplaced && (await cut(last))) older.push(last.segment);
  return { segments: createSegments(older, created.segment), handle: created.handle };
}

function usedBy({ file, segment, isTorn }: Walked): number {
  return isTorn ? segment.end : file.dataEnd;
}

function isWhole(last: Walked, floor: number): boolean {
  return (last.cutAt === null || last.isTorn) && last.segment.end === floor;
}

async function openForWriting({ segment, cutAt }: Walked): Promise<FileHandle> {
  const handle = await open(segment.path, 'r+');
  try {
    if (cutAt !== null) await handle.truncate(cutAt);
    // What a killed process wrote and did not sync counts as durable from here on.
    await handle.datasync();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

// Cuts what was set aside; false where that was the whole file, which then goes.
async function cut({ file, cutAt }: Walked): Promise<boolean> {
  if (cutAt === 0) await unlink(file.path);
  else if (cutAt !== null) await truncate(file.path, cutAt);
  return cutAt !== 0;
}
