/**
 * Rows on their way into the database, as tuple bytes: what the journal hands over, and the parts in which
 * it is written.
 * Invariant: a part holds whole rows, in their order; parts of one batch together are the batch.
 * Bound: a batch has at most `batchBytesMax` bytes. It is not copied; where it is split, its parts share one copy.
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
export type Part = Pick<Batch, 'rows' | 'chunks'>;

/** The batch in parts of at most `rowsMax` rows. */
export function partsOf(batch: Batch, rowsMax: number): readonly Part[] {
  const parts: Part[] = [];
  let rest: Part = batch;
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
  const bytes = joined(part.chunks);
  let end = 0;
  for (let row = 0; row < rows; row++) end = rowEnd(bytes, end);
  return {
    first: { rows, chunks: [bytes.subarray(0, end)] },
    second: { rows: part.rows - rows, chunks: [bytes.subarray(end)] },
  };
}

/** In one piece; a copy, unless it is one already. */
export function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

/** The same bytes in pieces of at most `bytesMax`, but for a chunk that is larger by itself. */
export function* piecesOf(chunks: readonly Buffer[], bytesMax: number): Generator<Buffer> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    if (bytes > 0 && bytes + chunk.length > bytesMax) {
      yield joined(waiting);
      waiting = [];
      bytes = 0;
    }
    waiting.push(chunk);
    bytes += chunk.length;
  }
  if (bytes > 0) yield joined(waiting);
}
