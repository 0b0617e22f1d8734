/**
 * The embedded TimescaleDB: a thread that holds it, batches by messages to it, and queries through a Unix
 * socket in a directory that only this user may enter.
 * Invariant: nothing of it can be reached from outside of this user's processes.
 * Bound: `embeddedCopyRowsMax` rows a batch, for queries wait behind it; `shutdownDeadlineMs` to close.
 */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { CopyPort } from './copy.ts';
import { deadlineOf, within } from './deadline.ts';
import type { Connected } from './native.ts';
import { openPool, type Pool } from './pool.ts';
import { makeSocketDir, socketIn } from './socketdir.ts';
import { supervise } from './supervisor.ts';
import { startThread, type Thread } from './thread.ts';

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly bounds: Pick<
    Limits,
    | 'databaseConnectTimeoutMs'
    | 'databaseConnectionsMax'
    | 'embeddedCheckpointIntervalMs'
    | 'embeddedCopyRowsMax'
    | 'embeddedFlushDeadlineMs'
    | 'embeddedStartDeadlineMs'
    | 'embeddedWalBytesMax'
    | 'retryDelayMaxMs'
    | 'shutdownDeadlineMs'
  >;
  readonly clock: Clock;
  readonly onNotice: (text: string) => void;
}

/** Throws EMBEDDED_FAILED when it cannot be started. */
export async function connectEmbedded(options: EmbeddedOptions): Promise<Connected> {
  const { bounds, clock, onNotice } = options;
  const socketDir = await makeSocketDir();
  const socketPath = socketIn(socketDir);
  const settings = {
    dataDir: resolve(options.dataDir),
    socketPath,
    walBytesMax: bounds.embeddedWalBytesMax,
    checkpointIntervalMs: bounds.embeddedCheckpointIntervalMs,
  };
  const supervisor = await supervise({
    start: () => startThread(settings, clock, bounds.embeddedStartDeadlineMs),
    retryMs: bounds.retryDelayMaxMs,
    clock,
    onNotice,
  }).catch(async (error: unknown) => {
    await rm(socketDir, { recursive: true, force: true });
    throw error;
  });
  const poolOf = (max: number): Pool =>
    openPool({
      target: { path: socketPath },
      max,
      connectTimeoutMs: bounds.databaseConnectTimeoutMs,
      onNotice,
    });
  const queries = poolOf(bounds.databaseConnectionsMax);
  const copy: CopyPort = {
    rowsMax: bounds.embeddedCopyRowsMax,
    deadline: deadlineOf('embeddedFlushDeadlineMs', bounds.embeddedFlushDeadlineMs),
    copy: async (rows) => (await supervisor.thread()).copy(rows),
    merge: async (rows) => (await supervisor.thread()).merge(rows),
    replace: supervisor.replace,
  };

  // Ended in the middle of something the database is as after a crash: no commit is lost.
  async function end(thread: Thread): Promise<void> {
    const deadline = deadlineOf('shutdownDeadlineMs', bounds.shutdownDeadlineMs);
    try {
      await within(clock, deadline, thread.closeDatabase());
    } catch (error) {
      onNotice(messageOf(error));
    }
    await thread.end();
  }

  return {
    kind: 'embedded',
    sql: queries.sql,
    copy,
    openSession: () => poolOf(1),
    // A query that hangs holds up the whole thread.
    reset: supervisor.replace,
    async close() {
      await queries.close();
      const last = await supervisor.close();
      if (last !== null) await end(last);
      await rm(socketDir, { recursive: true, force: true });
    },
  };
}
