/**
 * The segment files that a directory holds when a journal is opened, before a record is read.
 * Invariant: files come in the order of their positions; nothing is removed but a last file that a crash
 * left without a header, and no record can be in such a one.
 * Bound: one header in memory for each file.
 */
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetwireError } from '../errors.ts';
import { readAt } from './disk.ts';
import {
  firstOfName,
  journalFormat,
  parseHeader,
  segmentHeaderBytes,
  type SegmentHeader,
} from './header.ts';

export interface SegmentFile {
  readonly path: string;
  /** First position, from the name. */
  readonly first: number;
  readonly bytes: number;
  /** Position behind the last byte of the file. */
  readonly dataEnd: number;
  /** Null where it does not verify, or is another file's. */
  readonly header: SegmentHeader | null;
}

/** The segment files of `dir` in order. */
export async function listFiles(dir: string): Promise<SegmentFile[]> {
  const names = await readdir(dir);
  const files: SegmentFile[] = [];
  for (const name of names.toSorted()) {
    const first = firstOfName(name);
    if (first === null) continue;
    const path = join(dir, name);
    if (!Number.isSafeInteger(first)) {
      const message = `${path} is named like a segment of the journal and is none: move it out of FLEETWIRE_DATA_DIR`;
      throw new FleetwireError('JOURNAL_FORMAT', message);
    }
    files.push(await inspect(path, first));
  }
  return files;
}

async function inspect(path: string, first: number): Promise<SegmentFile> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const header = parseHeader(await readAt(handle, 0, segmentHeaderBytes));
    const dataEnd = first + Math.max(0, size - segmentHeaderBytes);
    return { path, first, bytes: size, dataEnd, header: header?.first === first ? header : null };
  } finally {
    await handle.close();
  }
}

/** Removes the files at the end of `files` that were being created when the engine died. */
export async function removeUnborn(
  files: readonly SegmentFile[],
): Promise<{ born: readonly SegmentFile[]; bytesTorn: number }> {
  const born = [...files];
  let bytesTorn = 0;
  for (let last = born.at(-1); last !== undefined && isUnborn(last); last = born.at(-1)) {
    await unlink(last.path);
    bytesTorn += last.bytes;
    born.pop();
  }
  return { born, bytesTorn };
}

function isUnborn(file: SegmentFile): boolean {
  return file.header === null && file.bytes <= segmentHeaderBytes;
}

export function isOfFormat(file: SegmentFile, rowFormat: number): boolean {
  return file.header?.journalFormat === journalFormat && file.header.rowFormat === rowFormat;
}

/** Throws JOURNAL_FORMAT where a file of another format holds something behind `committed`. */
export function refuseFormats(
  dir: string,
  files: readonly SegmentFile[],
  rowFormat: number,
  committed: number,
): void {
  for (const file of files) {
    const { header } = file;
    if (header === null || isOfFormat(file, rowFormat)) continue;
    if (file.dataEnd <= Math.max(file.first, committed)) continue;
    throw new FleetwireError(
      'JOURNAL_FORMAT',
      `the journal in ${dir} holds rows of format ${header.journalFormat}.${header.rowFormat} that are not in the ` +
        `database yet, and this version reads ${journalFormat}.${rowFormat}: start the version that wrote them on ` +
        'this FLEETWIRE_DATA_DIR until it has stored them all and stop it, then start this one again',
    );
  }
}
