/**
 * Bytes that do not verify are set aside, not lost: they are copied to `<segment>.<offset>.damaged` beside
 * the segment before anything is cut, for a person to look at.
 * Invariant: a file of that name is whole and durable, whenever it is there.
 * Bound: one chunk in memory; on disk never more than the segment that it comes from.
 */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileMode, readAt, syncDirectory, writeAll } from './disk.ts';

const chunkBytes = 1024 * 1024;

/** Copies what the file at `path` holds from `offset` on; returns how many bytes that are. */
export async function setAside(path: string, offset: number): Promise<number> {
  const target = `${path}.${offset}.damaged`;
  const bytes = await copyRest(path, offset, `${target}.tmp`);
  await rename(`${target}.tmp`, target);
  await syncDirectory(dirname(path));
  return bytes;
}

async function copyRest(path: string, offset: number, target: string): Promise<number> {
  const source = await open(path, 'r');
  try {
    const copy = await open(target, 'w', fileMode);
    try {
      let copied = 0;
      for (;;) {
        const chunk = await readAt(source, offset + copied, chunkBytes);
        if (chunk.length === 0) break;
        await writeAll(copy, [chunk], copied);
        copied += chunk.length;
      }
      await copy.datasync();
      return copied;
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}
