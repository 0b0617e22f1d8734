/**
 * The directory of the embedded database's Unix socket: under the system's temporary directory, where paths are
 * short enough for a socket, and open to this user only.
 * Invariant: what a killed process has left is removed by the next one; what a living one uses is not.
 * Bound: one directory a process and database.
 */
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The socket in a directory that was made here. */
export function socketIn(directory: string): string {
  return join(directory, 'database');
}

export async function makeSocketDir(): Promise<string> {
  await removeDead();
  const directory = await mkdtemp(join(tmpdir(), `fleetwire-${process.pid}-`));
  await chmod(directory, 0o700);
  return directory;
}

async function removeDead(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^fleetwire-(\d+)-/.exec(name)?.[1] ?? process.pid);
    if (isRunning(pid)) continue;
    const directory = join(tmpdir(), name);
    // A process of another container may be alive without being seen.
    if (await isDead(socketIn(directory))) await rm(directory, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** True where nobody listens; false where somebody does, or where this user may not know. */
function isDead(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOENT'),
    );
  });
}
