/**
 * The database: a TimescaleDB server where there is a URL, else the embedded one; the same from here on.
 * Invariant: an open database has the schema of this code.
 * Bound: see native.ts and embedded.ts for connections, migrate.ts for the wait at the start.
 */
import type { ISql } from 'postgres';
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { RetentionAges } from '../retention.ts';
import type { CopyPort } from './copy.ts';
import { connectEmbedded } from './embedded.ts';
import { createMaintenance, type Maintenance } from './maintenance.ts';
import { migrate } from './migrate.ts';
import { connectNative, type Connected } from './native.ts';
import type { Edition } from './timescale.ts';

export interface DatabaseOptions {
  /** Null for the embedded one. */
  readonly url: string | null;
  /** Of the embedded one; one process at a time may have it open, for which its caller cares. */
  readonly dataDir: string;
  /** Another schema.sql than the one of this package. */
  readonly schemaFile?: string;
  readonly bounds: Limits;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: () => number;
  /** What an operator may want to read. */
  readonly onNotice?: (text: string) => void;
  /** Of chunks to come. */
  readonly chunkIntervalMs: number;
  readonly retention: RetentionAges;
  /** Age at which chunks are compressed, longer than devices stay offline; 0 never. */
  readonly compressAfterMs: number;
}

export interface Database {
  readonly kind: 'native' | 'embedded';
  /** For queries. Several statements are one transaction when they are one message (see pool.ts). */
  readonly sql: ISql;
  readonly edition: Edition;
  /** For batches. */
  readonly copy: CopyPort;
  readonly maintenance: Maintenance;
  /** Throws the connections for queries away; what runs on them fails. For when one hangs. */
  reset(): Promise<void>;
  /** The same promise however often it is called. */
  close(): Promise<void>;
}

/**
 * Connects, migrates, and starts the maintenance. Throws DATABASE_UNREACHABLE, DATABASE_NO_TIMESCALE,
 * DATABASE_SCHEMA_NEWER, DATABASE_MIGRATION, EMBEDDED_FAILED.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { onNotice = () => undefined } = options;
  const connected = await connect({ ...options, onNotice });
  try {
    const edition = await migrate(connected.sql, options);
    const maintenance = createMaintenance({ ...options, onNotice, database: connected, edition });
    const { kind, sql, copy, reset } = connected;
    let closing: Promise<void> | null = null;
    return {
      kind,
      sql,
      edition,
      copy,
      maintenance,
      reset,
      close() {
        return (closing ??= maintenance.stop().then(() => connected.close()));
      },
    };
  } catch (error) {
    await connected.close();
    throw error;
  }
}

function connect(
  options: DatabaseOptions & { readonly onNotice: (text: string) => void },
): Promise<Connected> {
  const { url } = options;
  return url === null ? connectEmbedded(options) : connectNative({ ...options, url });
}
