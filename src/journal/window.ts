/**
 * The newest bytes of the journal in memory: what is not written yet, and behind it the durable tail that
 * the store is about to read. Records are copied in once and never moved.
 * Invariant: chunks are contiguous and a record lies in one chunk; a byte is never changed once it is
 * written, so views that were handed out stay right after their chunk has left the window.
 * Bound: `journalTailBytesMax` of durable chunks, besides the one being filled and what is pending.
 */
import { recordBytes, viewRecord, type JournalRecord } from './record.ts';

/** A stretch of bytes; the writer fills `buffer` behind `bytes` and moves `bytes` on. */
export interface Chunk {
  readonly start: number;
  readonly buffer: Buffer;
  bytes: number;
}

export interface Window {
  /** The chunk to write `bytes` bytes for `position` into, where those of the call before end. */
  room(position: number, bytes: number): Chunk;
  /** The bytes from `from` to `to` as they are to be written. */
  slices(from: number, to: number): readonly Buffer[];
  /** Records from `from` on and before `to`, one at least; null where `from` is not held any more. */
  read(from: number, to: number, bytesMax: number): readonly JournalRecord[] | null;
  /** Lets go of chunks that are durable and either committed or more than the tail may hold. */
  trim(durable: number, committed: number): void;
}

/** Large enough that a chunk holds thousands of small records, small enough to come and go. */
const chunkBytesMax = 1024 * 1024;
const chunksPerTail = 16;

export function createWindow(tailBytesMax: number): Window {
  const chunkBytes = Math.min(chunkBytesMax, Math.ceil(tailBytesMax / chunksPerTail));
  const chunks: Chunk[] = [];
  let newest: Chunk = { start: 0, buffer: Buffer.alloc(0), bytes: 0 };
  return {
    room(position, bytes) {
      if (newest.buffer.length - newest.bytes < bytes) {
        // Not from the shared pool: a view of one small record must not hold foreign bytes.
        const buffer = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
        newest = { start: position, buffer, bytes: 0 };
        chunks.push(newest);
      }
      return newest;
    },
    slices: (from, to) =>
      chunks
        .filter((chunk) => chunk.start < to && endOf(chunk) > from)
        .map((chunk) =>
          chunk.buffer.subarray(
            Math.max(0, from - chunk.start),
            Math.min(chunk.bytes, to - chunk.start),
          ),
        ),
    read: (from, to, bytesMax) => readChunks(chunks, from, to, bytesMax),
    trim: (durable, committed) => trimChunks(chunks, durable, committed, tailBytesMax),
  };
}

function endOf(chunk: Chunk): number {
  return chunk.start + chunk.bytes;
}

function readChunks(
  chunks: readonly Chunk[],
  from: number,
  to: number,
  bytesMax: number,
): readonly JournalRecord[] | null {
  const first = chunks[0];
  if (first === undefined || from < first.start) return null;
  const records: JournalRecord[] = [];
  let position = from;
  for (const chunk of chunks) {
    while (position < Math.min(to, endOf(chunk))) {
      const at = position - chunk.start;
      const bytes = recordBytes(chunk.buffer, at, position);
      if (bytes === null) throw new Error(`journal: no record starts at position ${position}`);
      if (records.length > 0 && position + bytes - from > bytesMax) return records;
      records.push(viewRecord(chunk.buffer, at, position));
      position += bytes;
    }
  }
  return records;
}

// The newest chunk stays: it is still being filled.
function trimChunks(
  chunks: Chunk[],
  durable: number,
  committed: number,
  tailBytesMax: number,
): void {
  const settled = chunks.slice(0, -1).filter((chunk) => endOf(chunk) <= durable);
  let heldBytes = settled.reduce((sum, chunk) => sum + chunk.buffer.length, 0);
  let dropped = 0;
  for (const chunk of settled) {
    if (endOf(chunk) > committed && heldBytes <= tailBytesMax) break;
    heldBytes -= chunk.buffer.length;
    dropped += 1;
  }
  chunks.splice(0, dropped);
}
