/**
 * The position up to which everything is in the database, in one small file beside the segments.
 *
 *   'FWJC' | u64 position | u32 CRC
 *
 * Invariant: the file is replaced whole, by rename, and never states more than what is committed; so it may
 * lag behind or be lost, and then more is replayed than necessary.
 */
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fileMode, readAt, syncDirectory, writeAll } from './disk.ts';

const magic = Buffer.from('FWJC');
const positionAt = 4;
const crcAt = 12;
const checkpointBytes = 16;

function checkpointPath(dir: string): string {
  return join(dir, 'checkpoint');
}

/** The position in the file; null where it is absent or damaged. */
export async function loadCheckpoint(dir: string): Promise<number | null> {
  let bytes: Buffer;
  try {
    const handle = await open(checkpointPath(dir), 'r');
    try {
      bytes = await readAt(handle, 0, checkpointBytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return parseCheckpoint(bytes);
}

function parseCheckpoint(bytes: Buffer): number | null {
  if (bytes.length < checkpointBytes) return null;
  if (!bytes.subarray(0, magic.length).equals(magic)) return null;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt)) return null;
  const position = Number(bytes.readBigUInt64LE(positionAt));
  return Number.isSafeInteger(position) ? position : null;
}

/**
 * Replaces the file. Without `isDurable` a power failure may bring the one before back, which is safe
 * while the segments that it points into are still there.
 */
export async function saveCheckpoint(
  dir: string,
  position: number,
  isDurable: boolean,
): Promise<void> {
  const bytes = Buffer.alloc(checkpointBytes);
  bytes.set(magic);
  bytes.writeBigUInt64LE(BigInt(position), positionAt);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  const path = checkpointPath(dir);
  const handle = await open(`${path}.tmp`, 'w', fileMode);
  try {
    await writeAll(handle, [bytes], 0);
    if (isDurable) await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.tmp`, path);
  if (isDurable) await syncDirectory(dir);
}
