/**
 * COPY FROM STDIN through postgres.js, alone or among other statements of one message.
 * Invariant: resolves only when the server is ready for the next query, which without an explicit
 * transaction means that everything of this message is committed; every error rejects, whenever it comes.
 * Bound: none of its own; the caller sets a deadline (a silent server leaves this pending for ever).
 */
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { piecesOf } from './batch.ts';
import type { Pool } from './pool.ts';
import { copyHeader, copyTrailer } from './row.ts';

/**
 * Each piece is one message, which the server copies into memory of its own: in one of 1 MB the pages of that are new each
 * time, and all of it is out of the processor's cache when it is read.
 */
const messageBytesMax = 64 * 1024;
/** `CopyData`: its tag, then the length of what follows, itself included. */
const copyDataTag = 'd'.charCodeAt(0);
const copyDataHeaderBytes = 5;

/** What postgres.js calls when the server asks for rows, and once more when it is ready again. */
interface InnerQuery {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  execute(): unknown;
}

/**
 * `statements` hold one COPY FROM STDIN in binary format, `rows` are its tuples; resolves with what the
 * statements answered. The query's own promise resolves with the stream already, and an error that comes
 * after the stream has ended is lost there (porsager/postgres#1173), hence the two functions.
 */
export function copyIn(
  pool: Pick<Pool, 'sql' | 'writtenBy'>,
  statements: string,
  rows: readonly Buffer[],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = pool.sql.unsafe(statements) as unknown as InnerQuery;
    let stream: Writable | null = null;
    query.resolve = (value) => {
      if (!isWritable(value)) return resolve(value);
      const writable = value;
      stream = writable;
      writable.on('error', reject);
      const socket = pool.writtenBy(() => void writable.write(copyHeader));
      const pieces = piecesOf(rows, messageBytesMax);
      if (socket === null) for (const piece of pieces) writable.write(piece);
      else writePieces(socket, pieces);
      writable.end(copyTrailer);
    };
    query.reject = (error) => {
      reject(error);
      stream?.destroy();
    };
    query.execute();
  });
}

/**
 * Writes rows behind the header as postgres.js would, which copies each piece twice: that was a fifth of what the event loop
 * did under load, most of it to collect the copies, which lie outside of the heap.
 */
function writePieces(socket: Socket, pieces: Iterable<Buffer>): void {
  socket.cork();
  for (const piece of pieces) {
    const header = Buffer.allocUnsafe(copyDataHeaderBytes);
    header[0] = copyDataTag;
    header.writeUInt32BE(piece.length + copyDataHeaderBytes - 1, 1);
    socket.write(header);
    socket.write(piece);
  }
  socket.uncork();
}

function isWritable(value: unknown): value is Writable {
  return typeof value === 'object' && value !== null && 'write' in value;
}
