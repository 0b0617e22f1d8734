/**
 * COPY FROM STDIN through postgres.js, alone or among other statements of one message.
 * Invariant: resolves only when the server is ready for the next query, which without an explicit
 * transaction means that everything of this message is committed; every error rejects, whenever it comes.
 * Bound: none of its own; the caller sets a deadline (a silent server leaves this pending for ever).
 */
import type { Writable } from 'node:stream';
import type { ISql } from 'postgres';
import { piecesOf } from './batch.ts';
import { copyHeader, copyTrailer } from './row.ts';

/**
 * Each write is one message, which postgres.js copies once more and the server into memory of its own: in one of 1 MB
 * the pages of both are new each time, and all of it is out of the processor's cache when it is read.
 */
const messageBytesMax = 64 * 1024;

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
export function copyIn(sql: ISql, statements: string, rows: readonly Buffer[]): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = sql.unsafe(statements) as unknown as InnerQuery;
    let stream: Writable | null = null;
    query.resolve = (value) => {
      if (!isWritable(value)) return resolve(value);
      stream = value;
      stream.on('error', reject);
      stream.write(copyHeader);
      for (const piece of piecesOf(rows, messageBytesMax)) stream.write(piece);
      stream.end(copyTrailer);
    };
    query.reject = (error) => {
      reject(error);
      stream?.destroy();
    };
    query.execute();
  });
}

function isWritable(value: unknown): value is Writable {
  return typeof value === 'object' && value !== null && 'write' in value;
}
