/**
 * The name of this engine among those that share a database: a UUID in a file of the data directory.
 * Invariant: made at the first start and never changed, so that the rows of an engine that crashed are known as
 * its own by the next one on the same data. The caller holds the lock on the directory.
 * Bound: one small file.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetwireError, messageOf } from '../errors.ts';

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Throws CONFIG_INVALID where the file cannot be made or read. */
export async function loadNode(dataDir: string): Promise<string> {
  const file = join(dataDir, 'node');
  try {
    const node = (await readOrNull(file)) ?? (await make(file));
    if (uuidPattern.test(node)) return node;
  } catch (error) {
    throw new FleetwireError(
      'CONFIG_INVALID',
      `cannot read or make ${file} (${messageOf(error)}): check FLEETWIRE_DATA_DIR`,
    );
  }
  throw new FleetwireError(
    'CONFIG_INVALID',
    `${file} holds no UUID: remove it and a new one is made`,
  );
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

// Renamed into place: a crash leaves no file without its content.
async function make(file: string): Promise<string> {
  const node = randomUUID();
  await writeFile(`${file}.new`, `${node}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return node;
}
