/**
 * One segment: a file of records back to back behind a header, and the ordered list of them.
 * Invariant: `first` of a segment is not below `end` of the one before it; only the last one grows, and its
 * `end` is its durable end. Between two segments there may be a gap, where damage was set aside.
 * Bound: `segmentBytesMax` a file; the list is as long as `journalBytesMax` allows, a few dozen.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { fileMode, readAt, syncDirectory, writeAll } from './disk.ts';
import { encodeHeader, journalFormat, segmentHeaderBytes, segmentName } from './header.ts';
import { parseRecords, recordHeaderBytes, type Parsed } from './record.ts';

export interface Segment {
  readonly path: string;
  /** Position of its first record. */
  readonly first: number;
  /** Position behind its last good record. */
  end: number;
}

/** Where in the file the byte at `position` is. */
export function offsetOf(segment: Pick<Segment, 'first'>, position: number): number {
  return segmentHeaderBytes + position - segment.first;
}

/** Creates the file with its header, durably, before any record can be in it. */
export async function createSegment(
  dir: string,
  rowFormat: number,
  first: number,
  previousEnd: number,
): Promise<{ segment: Segment; handle: FileHandle }> {
  const path = join(dir, segmentName(first));
  const handle = await open(path, 'wx', fileMode);
  try {
    await writeAll(handle, [encodeHeader({ journalFormat, rowFormat, first, previousEnd })], 0);
    await handle.datasync();
    await syncDirectory(dir);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { segment: { path, first, end: first }, handle };
}

/**
 * Records from position `from` on, at least one if a whole one is there before `segment.end`, and up to
 * about `bytesMax`. `fault` says that what follows the last of them, before `segment.end`, is none.
 */
export async function readRecords(
  handle: FileHandle,
  segment: Segment,
  from: number,
  bytesMax: number,
): Promise<Parsed> {
  const rest = segment.end - from;
  let bytes = Math.min(Math.max(bytesMax, recordHeaderBytes), rest);
  for (;;) {
    const source = await readAt(handle, offsetOf(segment, from), bytes);
    const parsed = parseRecords(source, from);
    if (source.length < bytes) return { ...parsed, fault: parsed.fault ?? 'incomplete' };
    const isCutByRead =
      parsed.fault === 'incomplete' && parsed.end + parsed.bytesWanted <= segment.end;
    if (!isCutByRead) return parsed;
    if (parsed.records.length > 0) return { ...parsed, fault: null };
    bytes = parsed.bytesWanted;
  }
}

/** The segments in order; never empty, the last is the one that is written. */
export interface Segments {
  readonly last: Segment;
  push(segment: Segment): void;
  /** The first segment with a record at or behind `position`. */
  find(position: number): Segment | undefined;
  /** Takes out the segments, but for the last, that end at or before `position`. */
  takeBefore(position: number): readonly Segment[];
  /** The first position that is still in a segment, or `position` where that is further. */
  skipGap(position: number): number;
  /** Bytes of records at or behind `position`. */
  bytesFrom(position: number): number;
}

export function createSegments(initial: readonly Segment[], last: Segment): Segments {
  const list = [...initial, last];
  let newest = last;
  return {
    get last() {
      return newest;
    },
    push(segment) {
      list.push(segment);
      newest = segment;
    },
    find: (position) => list.find((segment) => bytesBehind(segment, position) > 0),
    takeBefore(position) {
      const kept = list.findIndex((segment) => segment === newest || segment.end > position);
      return list.splice(0, kept);
    },
    skipGap: (position) => Math.max(position, list[0]?.first ?? 0),
    bytesFrom(position) {
      let bytes = 0;
      for (const segment of list) bytes += bytesBehind(segment, position);
      return bytes;
    },
  };
}

function bytesBehind(segment: Segment, position: number): number {
  return Math.max(0, segment.end - Math.max(segment.first, position));
}
