/**
 * Rows on their way into the database, as tuple bytes: what the journal hands over, and the parts in which
 * it is written.
 * Invariant: a part holds whole rows, in their order; parts of one batch together are the batch.
 * Bound: a batch has at most `batchBytesMax` bytes; its parts share one copy of them.
 */
import { rowEnd } from './row.ts';

/** `chunks` hold tuples only, without header and trailer of COPY; each ends where a row ends. */
export interface Batch {
  readonly lane: 'live' | 'backfill';
  readonly rows: number;
  readonly bytes: number;
  readonly chunks: readonly Buffer[];
}

/** Rows that are written, split or set aside together. */
export interface Part {
  readonly rows: number;
  readonly bytes: Buffer;
}

/** The batch in parts of at most `rowsMax` rows. */
export function partsOf(batch: Batch, rowsMax: number): readonly Part[] {
  const parts: Part[] = [];
  let rest: Part = { rows: batch.rows, bytes: joined(batch.chunks) };
  while (rest.rows > rowsMax) {
    const { first, second } = splitAt(rest, rowsMax);
    parts.push(first);
    rest = second;
  }
  if (rest.rows > 0) parts.push(rest);
  return parts;
}

/** The first `rows` rows, and the others. */
export function splitAt(part: Part, rows: number): { first: Part; second: Part } {
  let end = 0;
  for (let row = 0; row < rows; row++) end = rowEnd(part.bytes, end);
  return {
    first: { rows, bytes: part.bytes.subarray(0, end) },
    second: { rows: part.rows - rows, bytes: part.bytes.subarray(end) },
  };
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}
