/**
 * Rows on their way into the database, as tuple bytes: what the journal hands over, and the parts in which
 * it is written.
 * Invariant: a part holds whole rows, in their order; parts of one batch together are the batch.
 * Bound: a batch has at most `batchBytesMax` bytes. It is not copied, nor is it where it is split: its parts are views.
 */
import { rowEnd } from './row.ts';

/** Tuples only, without header and trailer of COPY. */
export interface Chunk {
  readonly rows: number;
  readonly bytes: Buffer;
}

export interface Batch {
  readonly lane: 'live' | 'backfill';
  readonly rows: number;
  readonly bytes: number;
  readonly chunks: readonly Chunk[];
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

/**
 * The first `rows` rows, and the others. Only the chunk in which they part is looked into: to look at each of 50,000 rows
 * held the event loop up for 30 ms.
 */
export function splitAt(part: Part, rows: number): { first: Part; second: Part } {
  const first: Chunk[] = [];
  const second: Chunk[] = [];
  let left = rows;
  for (const chunk of part.chunks) {
    if (left === 0) {
      second.push(chunk);
    } else if (chunk.rows <= left) {
      first.push(chunk);
      left -= chunk.rows;
    } else {
      const end = endOfRows(chunk.bytes, left);
      first.push({ rows: left, bytes: chunk.bytes.subarray(0, end) });
      second.push({ rows: chunk.rows - left, bytes: chunk.bytes.subarray(end) });
      left = 0;
    }
  }
  return { first: { rows, chunks: first }, second: { rows: part.rows - rows, chunks: second } };
}

function endOfRows(bytes: Buffer, rows: number): number {
  let end = 0;
  for (let row = 0; row < rows; row++) end = rowEnd(bytes, end);
  return end;
}

/** The tuples of the part. */
export function bytesOf({ chunks }: Part): readonly Buffer[] {
  return chunks.map(({ bytes }) => bytes);
}

/** In one piece; a copy, unless it is one already. */
export function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}

/**
 * The same bytes in pieces of at most `bytesMax`. Of chunks that are much smaller than that several are joined; others
 * are pieces, or cut into some, and not copied.
 */
export function* piecesOf(chunks: readonly Buffer[], bytesMax: number): Generator<Buffer> {
  const aloneBytesMin = bytesMax / smallShare;
  let waiting: Buffer[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    const isAlone = chunk.length >= aloneBytesMin;
    if (bytes > 0 && (isAlone || bytes + chunk.length > bytesMax)) {
      yield joined(waiting);
      waiting = [];
      bytes = 0;
    }
    if (isAlone) {
      yield* cut(chunk, bytesMax);
    } else {
      waiting.push(chunk);
      bytes += chunk.length;
    }
  }
  if (bytes > 0) yield joined(waiting);
}

/** What is less than an eighth of a piece: to copy it costs less than a piece of its own. */
const smallShare = 8;

function* cut(chunk: Buffer, bytesMax: number): Generator<Buffer> {
  for (let at = 0; at < chunk.length; at += bytesMax) yield chunk.subarray(at, at + bytesMax);
}
