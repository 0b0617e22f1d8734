/**
 * A TimescaleDB server, named by DATABASE_URL.
 * Invariant: batches have connections of their own, so that neither queries wait behind batches nor the
 * other way round, and so that these can be thrown away when a batch hangs.
 * Bound: `databaseConnectionsMax` connections for queries, `batchesInFlightMax` for batches.
 */
import type { ISql } from 'postgres';
import type { Clock } from '../clock.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { copyIn } from './copyin.ts';
import { copyStatement, mergeResult, mergeStatements, type CopyPort } from './copy.ts';
import { deadlineOf, within } from './deadline.ts';
import { openPool, type Pool } from './pool.ts';

export interface NativeOptions {
  readonly url: string;
  readonly bounds: Pick<
    Limits,
    | 'batchRowsMax'
    | 'batchesInFlightMax'
    | 'databaseConnectTimeoutMs'
    | 'databaseConnectionsMax'
    | 'flushDeadlineMs'
  >;
  readonly clock: Clock;
  readonly onNotice: (text: string) => void;
}

/** A database whose schema nobody has looked at yet. */
export interface Connected {
  readonly kind: 'native' | 'embedded';
  readonly sql: ISql;
  readonly copy: CopyPort;
  /** One connection of its own, for what belongs to a session; the caller closes it. */
  openSession(): Pool;
  /** Throws the connections for queries away; what runs on them fails. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Throws DATABASE_UNREACHABLE when the server does not answer in time. */
export async function connectNative(options: NativeOptions): Promise<Connected> {
  const { url, bounds, clock, onNotice } = options;
  const connectTimeoutMs = bounds.databaseConnectTimeoutMs;
  const poolOf = (max: number): Pool =>
    openPool({ target: { url }, max, connectTimeoutMs, onNotice });
  const queries = poolOf(bounds.databaseConnectionsMax);
  const batches = poolOf(bounds.batchesInFlightMax);
  const deadline = deadlineOf('databaseConnectTimeoutMs', connectTimeoutMs);
  try {
    await within(clock, deadline, queries.sql`select 1`);
  } catch (error) {
    await queries.close();
    throw unreachable(url, error);
  }

  const copy: CopyPort = {
    rowsMax: bounds.batchRowsMax,
    deadline: deadlineOf('flushDeadlineMs', bounds.flushDeadlineMs),
    async copy(rows) {
      await copyIn(batches, copyStatement('stdin'), rows);
    },
    async merge(rows) {
      const results = await copyIn(batches, mergeStatements('stdin'), rows);
      return mergeResult(results as unknown[][]);
    },
    replace: batches.replace,
  };

  return {
    kind: 'native',
    sql: queries.sql,
    copy,
    openSession: () => poolOf(1),
    reset: queries.replace,
    async close() {
      await Promise.all([queries.close(), batches.close()]);
    },
  };
}

function unreachable(url: string, error: unknown): FleetwireError {
  return new FleetwireError(
    'DATABASE_UNREACHABLE',
    `cannot connect to the database at ${withoutSecrets(url)} (${messageOf(error)}): ` +
      'check DATABASE_URL, and that the server runs',
    { cause: error },
  );
}

/** `host:port/database`, the part of the URL that may be shown. */
function withoutSecrets(url: string): string {
  const shown = /^[^:]*:\/\/(?:.*@)?([^?#]+)/.exec(url)?.[1];
  return shown ?? 'an address that is not a URL';
}
