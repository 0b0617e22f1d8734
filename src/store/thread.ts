/**
 * The embedded database's thread, seen from the engine: started, asked, and ended.
 * Invariant: every request is answered: by the database, or by EMBEDDED_FAILED when the thread ends first.
 * Bound: `embeddedStartDeadlineMs` for the start.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import type { MergeResult } from './copy.ts';
import { deadlineOf, within } from './deadline.ts';
import { copyHeader, copyTrailer } from './row.ts';
import { SqlError } from './sqlstate.ts';
import type { WorkerReply, WorkerRequest, WorkerSettings } from './worker.ts';

export interface Thread {
  copy(rows: readonly Buffer[]): Promise<void>;
  merge(rows: readonly Buffer[]): Promise<MergeResult>;
  /** Closes the database; what was asked before is done first. */
  closeDatabase(): Promise<void>;
  /** Ends the thread at once, whatever it does. */
  end(): Promise<void>;
  /** Calls `listener` with the reason when the thread ends. */
  onEnd(listener: (reason: FleetwireError) => void): void;
}

interface Waiter {
  resolve(result: MergeResult | null): void;
  reject(error: Error): void;
}

/** Resolves when the database is open. */
export async function startThread(
  settings: WorkerSettings,
  clock: Clock,
  startDeadlineMs: number,
): Promise<Thread> {
  const worker = spawn(settings);
  const waiters = new Map<number, Waiter>();
  const listeners: ((reason: FleetwireError) => void)[] = [];
  let requests = 0;
  let failure: FleetwireError | null = null;
  let onReady: () => void = () => undefined;

  worker.on('error', (error) => {
    failure = failed(settings.dataDir, messageOf(error), error);
  });
  worker.once('exit', () => {
    const reason = (failure ??= failed(settings.dataDir, 'its thread was ended'));
    for (const waiter of waiters.values()) waiter.reject(reason);
    for (const listener of listeners) listener(reason);
    waiters.clear();
  });

  worker.on('message', (reply: WorkerReply) => {
    if (reply.name === 'ready') return onReady();
    const waiter = waiters.get(reply.id);
    waiters.delete(reply.id);
    if (reply.name === 'done') waiter?.resolve(reply.result);
    else waiter?.reject(new SqlError(reply.sqlstate, reply.message));
  });

  function untilReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      onReady = resolve;
      listeners.push(reject);
    });
  }

  function request(message: WorkerRequest): Promise<MergeResult | null> {
    if (failure !== null) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      waiters.set(message.id, { resolve, reject });
      worker.postMessage(message, 'data' in message ? [message.data] : []);
    });
  }

  async function end(): Promise<void> {
    await worker.terminate();
  }

  try {
    const deadline = deadlineOf('embeddedStartDeadlineMs', startDeadlineMs);
    await within(clock, deadline, untilReady());
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async copy(rows) {
      await request({ name: 'copy', id: ++requests, data: framed(rows) });
    },
    async merge(rows) {
      const result = await request({ name: 'merge', id: ++requests, data: framed(rows) });
      if (result === null) throw new Error('a merge was answered without its counts');
      return result;
    },
    async closeDatabase() {
      await request({ name: 'close', id: ++requests });
    },
    end,
    onEnd(listener) {
      listeners.push(listener);
    },
  };
}

// What the process itself was started with is of no use to the thread, and may be refused: `execArgv` is empty.
function spawn(settings: WorkerSettings): Worker {
  return new Worker(import.meta.url.endsWith('.ts') ? sourceEntry() : builtEntry(), {
    workerData: settings,
    execArgv: [],
  });
}

function builtEntry(): URL {
  return new URL('./worker.js', import.meta.url);
}

// Run from its sources, the thread registers the loader for TypeScript itself: Node 20 does not hand that of
// the process on to it, nor does it apply `--import` to a thread's entry.
function sourceEntry(): URL {
  const tsx = createRequire(import.meta.url).resolve('tsx/package.json');
  const loader = new URL('dist/esm/api/index.mjs', pathToFileURL(tsx));
  const entry = new URL('./worker.ts', import.meta.url);
  const code = `
    import { register } from ${JSON.stringify(loader.href)};
    register();
    await import(${JSON.stringify(entry.href)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

/** A copy, with header and trailer: it is handed over to the thread, and the rows may be needed again. */
function framed(rows: readonly Buffer[]): ArrayBuffer {
  const chunks = [copyHeader, ...rows, copyTrailer];
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes.buffer;
}

function failed(dataDir: string, reason: string, cause?: unknown): FleetwireError {
  return new FleetwireError(
    'EMBEDDED_FAILED',
    `the embedded database in ${dataDir} failed (${reason}): ` +
      'set DATABASE_URL to use a TimescaleDB server, or FLEETWIRE_DATA_DIR for another directory',
    { cause },
  );
}
