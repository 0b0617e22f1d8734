/**
 * The files of the embedded database, with fsync.
 * Invariant: when PostgreSQL asks for a file to be on the disk, it is there before PostgreSQL goes on, so that
 * a commit survives a power cut as it does in a native server. PGlite's own file system answers both
 * fsync and fdatasync without doing anything.
 * Bound: the flushes that PostgreSQL asks for, one for each commit.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

type EmscriptenOptions = Awaited<ReturnType<NodeFS['init']>>['emscriptenOpts'];
type InstantiateWasm = (imports: object, onSuccess: (instance: unknown) => void) => unknown;

/** The system calls as the WebAssembly module imports them. */
interface Imports {
  readonly env: { __syscall_fdatasync: (fd: number) => number };
  readonly wasi_snapshot_preview1: { fd_sync: (fd: number) => number };
}

/** Emscripten's file system, as far as it is needed here. */
interface FileSystem {
  getStream(fd: number): Stream | null;
  readonly filesystems: { readonly NODEFS: { realPath(node: unknown): string } };
}

/** `nfd` is Node's descriptor, which directories do not have. */
interface Stream {
  readonly nfd?: number;
  readonly node: { readonly mount: { readonly type: unknown } };
}

const errnoIo = 29;

/** For PGlite's `fs` option; `onFlush` is called after each flush. */
export function createDurableFs(dataDir: string, onFlush: () => void = () => undefined): NodeFS {
  return new DurableFs(dataDir, onFlush);
}

// PGlite takes file systems as subclasses of its own.
class DurableFs extends NodeFS {
  readonly #onFlush: () => void;

  constructor(dataDir: string, onFlush: () => void) {
    super(dataDir);
    this.#onFlush = onFlush;
  }

  override async init(
    database: PGlite,
    options: EmscriptenOptions,
  ): Promise<{ emscriptenOpts: EmscriptenOptions }> {
    const { emscriptenOpts } = await super.init(database, options);
    const instantiate = emscriptenOpts['instantiateWasm'] as InstantiateWasm;
    const instantiateWasm: InstantiateWasm = (imports, onSuccess) => {
      replaceCalls(imports as Imports, database, this.#onFlush);
      return instantiate(imports, onSuccess);
    };
    return { emscriptenOpts: { ...emscriptenOpts, instantiateWasm } };
  }
}

function replaceCalls(imports: Imports, database: PGlite, onFlush: () => void): void {
  const { env, wasi_snapshot_preview1: wasi } = imports;
  // Without these nothing would be flushed, and nobody would notice.
  if (typeof env.__syscall_fdatasync !== 'function' || typeof wasi.fd_sync !== 'function') {
    throw new Error('this build of PGlite flushes its files in another way');
  }
  const call = (fd: number, flush: (fd: number) => void): number => {
    const errno = flushFile(database.Module.FS, fd, flush);
    onFlush();
    return errno;
  };
  env.__syscall_fdatasync = (fd) => -call(fd, fdatasyncSync);
  wasi.fd_sync = (fd) => call(fd, fsyncSync);
}

/** The errno, 0 for success. */
function flushFile(fs: FileSystem, fd: number, flush: (fd: number) => void): number {
  const { NODEFS } = fs.filesystems;
  const stream = fs.getStream(fd);
  try {
    if (stream === null) return 0;
    if (stream.nfd !== undefined) flush(stream.nfd);
    else if (stream.node.mount.type === NODEFS) flushPath(NODEFS.realPath(stream.node));
    return 0;
  } catch {
    // PostgreSQL panics when it is told so, as it must: the pages may be lost.
    return errnoIo;
  }
}

function flushPath(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Flushes everything in `directory`, and itself: for what was made without this file system. */
export async function flushTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  paths.push(directory);
  // Some at a time: the system flushes them together.
  for (let start = 0; start < paths.length; start += flushesMax) {
    await Promise.all(paths.slice(start, start + flushesMax).map(flushLater));
  }
}

const flushesMax = 32;

export async function flushLater(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
