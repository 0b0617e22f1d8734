/**
 * What the tests of the journal share: temporary directories that go away with their test, journals with
 * small bounds, and records that can be compared.
 */
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { FleetwireError } from '../../src/errors.ts';
import {
  openJournal,
  type Journal,
  type JournalOptions,
  type JournalRecord,
  type Recovery,
} from '../../src/journal/journal.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';

/** Small enough that a few records fill a segment, and a few segments the journal. */
export const smallBounds: JournalOptions['bounds'] = {
  segmentBytesMax: 512,
  recordBytesMax: 200,
  recordGatherBytesMax: 150,
  journalBytesMax: 64 * 1024,
  journalPendingBytesMax: 16 * 1024,
  journalTailBytesMax: 2 * 1024,
};

/** Properties are tried on the same values each time. */
export const seeded = { seed: 304 } as const;

/** A record without its position, for comparison. */
export interface Content {
  readonly kind: number;
  readonly rows: number;
  readonly hex: string;
}

export interface Opened {
  readonly journal: Journal;
  readonly recovery: Recovery;
  /** The records that were visited, their payloads copied. */
  readonly visited: readonly JournalRecord[];
  readonly metrics: Metrics;
  /** The positions that `onDurable` was called with. */
  readonly durables: readonly number[];
  readonly failures: readonly FleetwireError[];
}

/** A directory that is removed when the running test is over. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(join(tmpdir(), 'journal-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function open(
  dir: string,
  options: Partial<JournalOptions> = {},
  visit: (record: JournalRecord) => void = () => {},
): Promise<Opened> {
  const metrics = createMetrics();
  const visited: JournalRecord[] = [];
  const durables: number[] = [];
  const failures: FleetwireError[] = [];
  const { journal, recovery } = await openJournal(
    {
      dir,
      rowFormat: 1,
      bounds: smallBounds,
      metrics,
      onDurable: (position) => durables.push(position),
      onFailure: (error) => failures.push(error),
      ...options,
    },
    (record) => {
      visited.push({ ...record, payload: Buffer.from(record.payload) });
      visit(record);
    },
  );
  return { journal, recovery, visited, metrics, durables, failures };
}

export function contentOf({ kind, rows, payload }: JournalRecord): Content {
  return { kind, rows, hex: payload.toString('hex') };
}

export function contentsOf(records: readonly JournalRecord[]): readonly Content[] {
  return records.map(contentOf);
}

/** The `index`-th of an endless row of records, all different and of different lengths. */
export function sampleContent(index: number): Content {
  const payload = Buffer.alloc((index * 7) % 41, index + 1);
  return { kind: index % 256, rows: index * 70_001, hex: payload.toString('hex') };
}

export function appendContent(journal: Journal, { kind, rows, hex }: Content): number {
  return journal.append(kind, rows, Buffer.from(hex, 'hex'));
}

/** Appends the samples from index `from` on, and returns what was appended. */
export function appendSamples(journal: Journal, from: number, count: number): readonly Content[] {
  const contents = Array.from({ length: count }, (_, index) => sampleContent(from + index));
  for (const content of contents) appendContent(journal, content);
  return contents;
}

/** Every durable record from `position` on, read in steps of about `bytesMax`. */
export async function readAll(
  journal: Journal,
  position: number,
  bytesMax = 300,
): Promise<readonly JournalRecord[]> {
  const all: JournalRecord[] = [];
  for (let at = position; ;) {
    const records = await journal.read(at, bytesMax);
    const last = records.at(-1);
    if (last === undefined) return all;
    all.push(...records);
    at = last.end;
  }
}

export function namesEnding(dir: string, ending: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith(ending))
    .toSorted();
}

/** The segment files of `dir`, oldest first. */
export function segmentsOf(dir: string): readonly string[] {
  return namesEnding(dir, '.log').map((name) => join(dir, name));
}

/** The files of a directory as they are now, by name. */
export type Snapshot = ReadonlyMap<string, Buffer>;

// Segments are copied before the checkpoint: one that is newer than they are is what a crash may leave,
// the other way round is not. A segment that is deleted meanwhile was passed by the checkpoint.
export function takeSnapshot(dir: string): Snapshot {
  const files = new Map<string, Buffer>();
  for (const name of readdirSync(dir).toSorted()) {
    const path = join(dir, name);
    if (existsSync(path)) files.set(name, readFileSync(path));
  }
  return files;
}

/** Makes `dir` hold exactly these files. */
export function putSnapshot(snapshot: Snapshot, dir: string = temporaryDirectory()): string {
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
  for (const [name, bytes] of snapshot) writeFileSync(join(dir, name), bytes);
  return dir;
}

/** The descriptors that this process holds open whose paths start so; Linux only. */
export function openFiles(start: string): ReadonlyMap<number, string> {
  const open = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    const link = `/proc/self/fd/${name}`;
    // The one that lists the directory is gone by now.
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) continue;
    const path = readlinkSync(link);
    if (path.startsWith(start)) open.set(Number(name), path);
  }
  return open;
}

/** `bytes` with one bit changed. */
export function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return flipped;
}
