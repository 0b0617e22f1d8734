/**
 * The walk over the segments when a journal is opened: each record from the checkpoint on is verified and
 * visited, in order.
 * Invariant: only an unfinished record at the very end counts as torn, for no sync can have covered it;
 * whatever else does not verify is set aside with the rest of its segment, and the walk goes on behind it.
 * Bound: one stretch of one segment in memory at a time.
 */
import { open } from 'node:fs/promises';
import { setAside } from './damage.ts';
import type { SegmentFile } from './inventory.ts';
import type { JournalRecord } from './record.ts';
import { offsetOf, readRecords, type Segment } from './segment.ts';

/** A file and what is good in it. */
export interface Walked {
  readonly file: SegmentFile;
  readonly segment: Segment;
  /** Offset in the file behind which nothing is good; null where all of it is. */
  readonly cutAt: number | null;
  /** What is behind `cutAt` is an unfinished last record. */
  readonly isTorn: boolean;
}

/** What the walk has found so far. */
export interface Tally {
  records: number;
  rows: number;
  bytesTorn: number;
  bytesDamaged: number;
  /** Position behind the last record. */
  end: number;
}

export interface WalkOptions {
  readonly files: readonly SegmentFile[];
  /** Position of the first record that may not be in the database. */
  readonly start: number;
  readonly tally: Tally;
  readonly visit: (record: JournalRecord) => void;
}

const stretchBytes = 1024 * 1024;

export async function walkFiles(options: WalkOptions): Promise<readonly Walked[]> {
  const { files, start, tally } = options;
  const walked: Walked[] = [];
  let seenUpTo = start;
  for (const [index, file] of files.entries()) {
    const next = files[index + 1];
    if (next !== undefined && next.first <= start) {
      walked.push(whole(file, next.first));
      continue;
    }
    tally.bytesDamaged += Math.max(0, (file.header?.previousEnd ?? file.first) - seenUpTo);
    walked.push(await walkFile(options, file, next));
    seenUpTo = file.dataEnd;
  }
  return walked;
}

function whole(file: SegmentFile, limit: number): Walked {
  const { path, first, dataEnd } = file;
  return {
    file,
    segment: { path, first, end: Math.min(dataEnd, limit) },
    cutAt: null,
    isTorn: false,
  };
}

async function walkFile(
  options: WalkOptions,
  file: SegmentFile,
  next: SegmentFile | undefined,
): Promise<Walked> {
  const { tally } = options;
  const found = whole(file, next?.first ?? file.dataEnd);
  const { segment } = found;
  if (file.header === null) {
    tally.bytesDamaged += await setAside(file.path, 0);
    return { ...found, segment: { ...segment, end: file.first }, cutAt: 0 };
  }
  const fault = await visitRecords(options, segment);
  if (fault === null && segment.end === file.dataEnd) return found;
  const cutAt = offsetOf(segment, segment.end);
  const isTorn = next === undefined && fault === 'incomplete';
  if (isTorn) tally.bytesTorn += file.dataEnd - segment.end;
  else tally.bytesDamaged += await setAside(file.path, cutAt);
  return { ...found, cutAt, isTorn };
}

// Leaves `segment.end` behind the last good record.
async function visitRecords(
  options: WalkOptions,
  segment: Segment,
): Promise<'incomplete' | 'damaged' | null> {
  const { start, tally, visit } = options;
  const handle = await open(segment.path, 'r');
  try {
    let position = Math.max(start, segment.first);
    while (position < segment.end) {
      const stretch = await readRecords(handle, segment, position, stretchBytes);
      for (const record of stretch.records) {
        tally.records += 1;
        tally.rows += record.rows;
        tally.end = record.end;
        visit(record);
      }
      position = stretch.end;
      if (stretch.fault !== null) {
        segment.end = position;
        return stretch.fault;
      }
    }
    return null;
  } finally {
    await handle.close();
  }
}
