/**
 * The embedded database's thread: its WebAssembly would hold up the event loop of the engine.
 * Invariant: batches and clients take turns (gate.ts). When the database itself breaks, the thread ends, and
 * embedded.ts starts another on the same files, as after a crash.
 * Bound: `walBytesMax` between checkpoints; a batch has as many rows as its sender allows itself.
 */
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketHandler, type PGLiteSocketHandlerOptions } from '@electric-sql/pglite-socket';
import { every, systemClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { copyStatement, mergeResult, mergeStatements, type MergeResult } from './copy.ts';
import { createGate } from './gate.ts';
import { checkpointIfDue, openPglite } from './pglite.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { sqlstateOf } from './sqlstate.ts';

export interface WorkerSettings {
  readonly dataDir: string;
  readonly socketPath: string;
  readonly walBytesMax: number;
  readonly checkpointIntervalMs: number;
}

/** `data` is a whole COPY, with header and trailer. */
export type WorkerRequest =
  | { readonly name: 'copy' | 'merge'; readonly id: number; readonly data: ArrayBuffer }
  | { readonly name: 'close'; readonly id: number };

export type WorkerReply =
  | { readonly name: 'ready' }
  | { readonly name: 'done'; readonly id: number; readonly result: MergeResult | null }
  | {
      readonly name: 'refused';
      readonly id: number;
      readonly sqlstate: string;
      readonly message: string;
    };

/** The file in which PGlite shows a query what it was given along. */
const blobFile = "'/dev/blob'";

async function main(port: MessagePort, settings: WorkerSettings): Promise<void> {
  const database = await openPglite(settings.dataDir);
  const gate = createGate();
  const server = await listen(settings.socketPath, createSessions(database, gate, fail));
  const checkpoints = every(systemClock, settings.checkpointIntervalMs, () => {
    gate.run(() => checkpointIfDue(database, settings.walBytesMax)).catch(fail);
  });

  async function close(): Promise<null> {
    checkpoints.cancel();
    server.close();
    await gate.run(() => database.close());
    return null;
  }

  port.on('message', (request: WorkerRequest) => {
    const { id } = request;
    const work = request.name === 'close' ? close() : gate.run(() => write(database, request));
    work.then(
      (result) => port.postMessage({ name: 'done', id, result } satisfies WorkerReply),
      (error: unknown) => {
        const sqlstate = sqlstateOf(error);
        if (sqlstate === null) return fail(error);
        const message = messageOf(error);
        port.postMessage({ name: 'refused', id, sqlstate, message } satisfies WorkerReply);
      },
    );
  });
  port.postMessage({ name: 'ready' } satisfies WorkerReply);
}

async function write(
  database: PGlite,
  { name, data }: Extract<WorkerRequest, { data: ArrayBuffer }>,
): Promise<MergeResult | null> {
  const blob = new Blob([data]);
  if (name === 'copy') {
    await database.query(copyStatement(blobFile), [], { blob });
    return null;
  }
  const results = await database.exec(mergeStatements(blobFile), { blob });
  return mergeResult(results.map(({ rows }) => rows));
}

async function listen(path: string, sessions: Sessions): Promise<Server> {
  // What a thread that was ended left behind.
  await rm(path, { force: true });
  const queryQueue = sessions as unknown as PGLiteSocketHandlerOptions['queryQueue'];
  const server = createServer((socket) => {
    new PGLiteSocketHandler({ queryQueue, closeOnDetach: true }).attach(socket).catch(fail);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return server;
}

/** Ends the thread: thrown outside of any promise, the error reaches the thread's owner. */
function fail(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

if (parentPort === null) throw new Error('worker.ts is the entry of a thread');
main(parentPort, workerData as WorkerSettings).catch(fail);
