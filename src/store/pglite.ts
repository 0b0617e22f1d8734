/**
 * The embedded TimescaleDB: made when there is none, opened, and kept from growing.
 * Invariant: a directory at its final path holds a whole database; one whose making was interrupted lies at
 * `<path>.partial` and is made anew. Commits are durable (see durable.ts).
 * Bound: `embeddedWalBytesMax` bytes of WAL between checkpoints, and what is written in one interval. PGlite
 * has no process that makes checkpoints, and would keep all WAL until it is closed.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { timescaledb } from '@electric-sql/pglite/timescaledb';
import { createDurableFs, flushLater, flushTree } from './durable.ts';

const extensions = { timescaledb };

export async function openPglite(dataDir: string): Promise<PGlite> {
  if (!existsSync(dataDir)) await makePglite(dataDir);
  return PGlite.create({ fs: createDurableFs(dataDir), extensions });
}

async function makePglite(dataDir: string): Promise<void> {
  const partial = `${dataDir}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(dataDir), { recursive: true });
  const database = await PGlite.create({ fs: new NodeFS(partial), extensions });
  await database.close();
  await flushTree(partial);
  await rename(partial, dataDir);
  await flushLater(dirname(dataDir));
}

/** Makes a checkpoint when `walBytesMax` bytes of WAL were written since the last one; true when it did. */
export async function checkpointIfDue(database: PGlite, walBytesMax: number): Promise<boolean> {
  const { rows } = await database.query<{ bytes: number }>(`
    select (pg_current_wal_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()`);
  if ((rows[0]?.bytes ?? 0) < walBytesMax) return false;
  await database.exec('checkpoint');
  return true;
}
