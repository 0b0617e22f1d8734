/**
 * One engine a data directory: a Unix socket named `lock`, which the engine listens on while it lives.
 * Invariant: a socket gets the name `lock` by a hard link, when it listens already, so one that refuses
 * connections is that of a dead engine; only who holds the guard `lock.new` removes such a one, so of many
 * engines that find it at once one takes it over. (Killed in those milliseconds, an engine leaves a dead
 * guard: that alone is removed without a guard of its own.)
 * Bound: the socket's path fits the 103 bytes that the smallest of the systems allows.
 */
import { link, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { FleetwireError, messageOf } from '../errors.ts';

export interface DirectoryLock {
  /** Lets the next engine in; may be called again. */
  release(): Promise<void>;
}

const pathBytesMax = 103;

/** Locks taken by this process so far: each listens under a name of its own first. */
let attempts = 0;

/**
 * Locks `dir`, which exists, until `release` or the end of the process; keeps no process alive.
 * Throws JOURNAL_LOCKED where another engine runs on it, CONFIG_INVALID where its path is too long for a
 * socket, JOURNAL_IO where none can be made.
 */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  const path = socketPath(dir);
  let server: Server | null;
  try {
    server = await lock(path, ownName(path, attempts++));
  } catch (error) {
    throw lockFailure(path, error);
  }
  if (server !== null) return { release: createRelease(server, resolve(path)) };
  throw new FleetwireError(
    'JOURNAL_LOCKED',
    `another engine runs on ${resolve(dir)}: stop it, or set FLEETWIRE_DATA_DIR to another directory`,
  );
}

/** The server behind the lock; null where another engine has it. */
async function lock(path: string, own: string): Promise<Server | null> {
  await rm(own, { force: true });
  const server = await listen(own);
  let isTaken = false;
  try {
    isTaken = await take(own, path);
  } finally {
    await rm(own, { force: true });
    if (!isTaken) await close(server);
  }
  return isTaken ? server : null;
}

/** Makes the socket `own` the lock; false where another one is. */
async function take(own: string, path: string): Promise<boolean> {
  if (await publish(own, path)) return true;
  if ((await stateOf(path)) === 'alive') return false;
  const guard = `${path}.new`;
  if (!(await publish(own, guard))) {
    if ((await stateOf(guard)) === 'alive') return false;
    await rm(guard, { force: true });
    if (!(await publish(own, guard))) return false;
  }
  try {
    if ((await stateOf(path)) === 'dead') await rm(path);
    return await publish(own, path);
  } finally {
    await rm(guard, { force: true });
  }
}

/** Gives the socket `own` the name `path` as well; false where that is in use. */
async function publish(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function stateOf(path: string): Promise<'alive' | 'dead' | 'absent'> {
  return new Promise((resolvePromise, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolvePromise('alive');
    });
    socket.once('error', (error) => {
      if (codeOf(error) === 'ECONNREFUSED') resolvePromise('dead');
      else if (codeOf(error) === 'ENOENT') resolvePromise('absent');
      else reject(error);
    });
  });
}

function listen(path: string): Promise<Server> {
  return new Promise((resolvePromise, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolvePromise(server);
    });
  });
}

function createRelease(server: Server, path: string): () => Promise<void> {
  return async () => {
    if (!server.listening) return;
    await rm(path, { force: true });
    await close(server);
  };
}

function close(server: Server): Promise<void> {
  return new Promise((resolvePromise) => {
    server.close(() => resolvePromise());
  });
}

// Relative to the working directory where that is shorter: the system keeps only so many bytes of it.
function socketPath(dir: string): string {
  const absolute = join(resolve(dir), 'lock');
  const fromHere = relative(process.cwd(), absolute);
  const path = fromHere.length < absolute.length ? fromHere : absolute;
  if (Buffer.byteLength(ownName(path, attempts)) <= pathBytesMax) return path;
  throw new FleetwireError(
    'CONFIG_INVALID',
    `${absolute} is too long for a lock (a socket's path has at most ${pathBytesMax} bytes): ` +
      'set FLEETWIRE_DATA_DIR to a shorter path, or start in a directory nearer to it',
  );
}

function ownName(path: string, attempt: number): string {
  return `${path}.${process.pid}-${attempt}`;
}

function lockFailure(path: string, error: unknown): FleetwireError {
  return new FleetwireError(
    'JOURNAL_IO',
    `${path} cannot be made (${messageOf(error)}): check the directory that FLEETWIRE_DATA_DIR names`,
    { cause: error },
  );
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
