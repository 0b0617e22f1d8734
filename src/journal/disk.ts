/**
 * The file operations that the journal is made of: each is done whole or rejects.
 * Invariant: what `syncDirectory` and a handle's `datasync` returned for survives a power failure; nothing
 * is ever synced a second time after a sync has failed, because the kernel may have dropped the pages.
 * Bound: a read allocates what the caller asks for and no more.
 */
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Only the engine's own user may read what vehicles sent. */
const directoryMode = 0o700;
export const fileMode = 0o600;

/** Up to `bytes` bytes at `offset`; fewer only where the file ends. */
export async function readAt(handle: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await handle.read(buffer, filled, bytes - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Writes all of `buffers` at `offset`, in one call unless the system takes only a part. */
export async function writeAll(
  handle: FileHandle,
  buffers: readonly Buffer[],
  offset: number,
): Promise<void> {
  let rest = buffers;
  let at = offset;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    if (bytesWritten === 0) throw new Error('journal: a write wrote nothing');
    at += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(buffers: readonly Buffer[], bytes: number): readonly Buffer[] {
  let rest = bytes;
  const index = buffers.findIndex((buffer) => {
    if (buffer.length > rest) return true;
    rest -= buffer.length;
    return false;
  });
  const cut = buffers[index];
  return cut === undefined ? [] : [cut.subarray(rest), ...buffers.slice(index + 1)];
}

/** Makes the names in a directory durable: those created, renamed and removed in it so far. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates `path` and what is missing above it, durably. */
export async function makeDirectory(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true, mode: directoryMode });
  if (topmost === undefined) return;
  const highest = dirname(resolve(topmost));
  let parent = resolve(path);
  do {
    parent = dirname(parent);
    await syncDirectory(parent);
  } while (parent !== highest);
}
