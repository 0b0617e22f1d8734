/**
 * A small journal to damage: three segments of three records, nothing committed, and what must hold of a
 * journal that was opened after something was done to its files.
 */
import { expect } from 'vitest';
import { segmentHeaderBytes } from '../../src/journal/header.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import {
  appendSamples,
  contentsOf,
  namesEnding,
  open,
  readAll,
  smallBounds,
  takeSnapshot,
  temporaryDirectory,
  type Opened,
  type Snapshot,
} from './fixture.ts';

/** A journal of three small segments with nothing committed, and what is in each of them. */
export interface Base {
  readonly files: Snapshot;
  readonly segments: readonly BaseSegment[];
  readonly records: readonly JournalRecord[];
  readonly end: number;
}

export interface BaseSegment {
  readonly name: string;
  readonly bytes: Buffer;
  readonly first: number;
  readonly end: number;
  readonly records: readonly JournalRecord[];
}

export const bounds = { ...smallBounds, segmentBytesMax: 160, recordBytesMax: 100 };

export async function makeBase(): Promise<Base> {
  const dir = temporaryDirectory();
  const { journal } = await open(dir, { bounds });
  appendSamples(journal, 1, 9);
  await journal.close();
  const { journal: again, visited } = await open(dir, { bounds });
  await again.close();
  const files = takeSnapshot(dir);
  const segments = namesEnding(dir, '.log').map((name) => {
    const bytes = files.get(name) as Buffer;
    const first = Number(name.slice(0, 20));
    const end = first + bytes.length - segmentHeaderBytes;
    const records = visited.filter(({ start }) => start >= first && start < end);
    return { name, bytes, first, end, records };
  });
  expect(segments.map(({ records }) => records.length)).toEqual([3, 3, 3]);
  return { files, segments, records: visited, end: again.end };
}

/** Opens `dir`, appends, reopens, and checks that nothing was lost or repeated on the way. */
export async function goOn(dir: string, opened: Opened, end: number): Promise<Opened> {
  const { journal, visited } = opened;
  expect(await readAll(journal, journal.committed)).toEqual(visited);
  const added = appendSamples(journal, 50, 3);
  await journal.flush();
  const read = await readAll(journal, journal.committed);
  expect(contentsOf(read)).toEqual([...contentsOf(visited), ...added]);
  expect(read[visited.length]?.start).toBeGreaterThanOrEqual(end);
  await journal.close();
  const again = await open(dir, { bounds });
  expect(again.visited).toEqual(read);
  again.journal.commit(again.journal.end);
  await again.journal.close();
  expect([...opened.failures, ...again.failures]).toEqual([]);
  expect(namesEnding(dir, '.log')).toHaveLength(1);
  return again;
}

export function replaced(files: Snapshot, name: string, bytes: Buffer): Snapshot {
  return new Map([...files, [name, bytes]]);
}

export function without(files: Snapshot, name: string): Snapshot {
  return new Map([...files].filter(([each]) => each !== name));
}

/** Of the records of a segment, those before the byte at `offset` of its file. */
export function recordsBefore(segment: BaseSegment, offset: number): readonly JournalRecord[] {
  const position = segment.first + offset - segmentHeaderBytes;
  return segment.records.filter(({ end }) => end <= position);
}

/** Where in its file the last of `kept` ends. */
export function offsetBehind(segment: BaseSegment, kept: readonly JournalRecord[]): number {
  return segmentHeaderBytes + (kept.at(-1)?.end ?? segment.first) - segment.first;
}
