/**
 * COPY FROM STDIN through postgres.js, alone or among other statements of one message.
 * Invariant: resolves only when the server is ready for the next query, which without an explicit
 * transaction means that everything of this message is committed; every error rejects, whenever it comes.
 * Bound: none of its own; the caller sets a deadline (a silent server leaves this pending for ever).
 */
import type { Writable } from 'node:stream';
import type { ISql } from 'postgres';
import { copyHeader, copyTrailer } from './row.ts';

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
export function copyIn(sql: ISql, statements: string, rows: Buffer): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const query = sql.unsafe(statements) as unknown as InnerQuery;
    let stream: Writable | null = null;
    query.resolve = (value) => {
      if (!isWritable(value)) return resolve(value);
      stream = value;
      stream.on('error', reject);
      // Each write is one message: the rows go in one.
      stream.write(copyHeader);
      stream.write(rows);
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
