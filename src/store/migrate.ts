/**
 * The schema, brought to the version of this code.
 * Invariant: one node migrates at a time, and all of schema.sql is applied or nothing of it; applied again it
 * changes nothing; a database of a newer version is left alone.
 * Bound: waits `migrationDeadlineMs` for another node.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ISql } from 'postgres';
import { FleetwireError, messageOf } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { sqlstateOf } from './sqlstate.ts';
import { chunkIntervalStatement, detectEdition, isInstallable, type Edition } from './timescale.ts';

/** The version that schema.sql writes into `schema_version`. */
export const schemaVersion = 2;

/** Any number will do, as long as all nodes take the same one. */
const migrationLock = 7_070_001;

export interface MigrateOptions {
  readonly bounds: Pick<Limits, 'migrationDeadlineMs'>;
  /** Another schema.sql than the one of this package. */
  readonly schemaFile?: string | undefined;
  /** Of chunks to come. */
  readonly chunkIntervalMs: number;
}

/**
 * Throws DATABASE_NO_TIMESCALE where the extension is missing, DATABASE_SCHEMA_NEWER where a later version
 * of Fleetwire has been here, DATABASE_MIGRATION for whatever else forbids it.
 */
export async function migrate(sql: ISql, options: MigrateOptions): Promise<Edition> {
  const schema = await readFile(options.schemaFile ?? findSchema(), 'utf8');
  try {
    await refuseNewer(sql);
    await createExtension(sql, options.bounds.migrationDeadlineMs);
    const lock = lockStatements(options.bounds.migrationDeadlineMs);
    // One message, one transaction: engines that start together change the catalogue one after the other.
    await sql.unsafe(`${lock} ${schema} ${chunkIntervalStatement(options.chunkIntervalMs)}`);
    // A newer Fleetwire may have been faster.
    await refuseNewer(sql);
    const edition = await detectEdition(sql);
    if (edition === null) throw noTimescale('its library is not loaded');
    return edition;
  } catch (error) {
    if (error instanceof FleetwireError) throw error;
    throw new FleetwireError(
      'DATABASE_MIGRATION',
      `schema.sql cannot be applied (${messageOf(error)}): ` +
        'check the rights of the user that DATABASE_URL names',
      { cause: error },
    );
  }
}

/** For the rest of the transaction, which is the message that they stand in. */
function lockStatements(deadlineMs: number): string {
  return `
    select set_config('lock_timeout', '${deadlineMs}', true);
    select pg_advisory_xact_lock(${migrationLock});`;
}

async function refuseNewer(sql: ISql): Promise<void> {
  const [table] = await sql<{ isThere: boolean }[]>`
    select to_regclass('schema_version') is not null as "isThere"`;
  if (table?.isThere !== true) return;
  const [newest] = await sql<{ version: number | null }[]>`
    select max(version) as version from schema_version`;
  const version = newest?.version ?? 0;
  if (version <= schemaVersion) return;
  throw new FleetwireError(
    'DATABASE_SCHEMA_NEWER',
    `the database has schema version ${version}, this Fleetwire knows ${schemaVersion}: ` +
      'run the newer Fleetwire, or set DATABASE_URL to another database',
  );
}

async function createExtension(sql: ISql, deadlineMs: number): Promise<void> {
  if (!(await isInstallable(sql))) throw noTimescale('it is not installed');
  try {
    await sql.unsafe(`${lockStatements(deadlineMs)} create extension if not exists timescaledb;`);
  } catch (error) {
    if (sqlstateOf(error) === lockNotAvailable) throw error;
    // A server that has not loaded the library hangs up; one that is gone cannot be asked any more.
    if (sqlstateOf(error) !== null) throw noTimescale(messageOf(error), error);
    await sql`select 1`;
    throw noTimescale('its library is not loaded', error);
  }
}

const lockNotAvailable = '55P03';

function noTimescale(reason: string, cause?: unknown): FleetwireError {
  return new FleetwireError(
    'DATABASE_NO_TIMESCALE',
    `the server that DATABASE_URL names has no TimescaleDB (${reason}): install its package ` +
      '(postgresql-17-timescaledb in Debian, timescaledb-2-postgresql-17 from Timescale), set ' +
      "shared_preload_libraries = 'timescaledb' and restart it, and create the extension as a superuser",
    { cause },
  );
}

// The package's root is above `src` and `dist` alike.
function findSchema(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'schema.sql'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('schema.sql is not in the package');
    directory = parent;
  }
  return join(directory, 'schema.sql');
}
