/**
 * A Debian root with a native TimescaleDB and Valkey, made once by debootstrap and then reused.
 * Invariant: a root at its final path is complete; one that was interrupted lies at `<path>.partial` and is
 * made anew.
 * Bound: one download of about 400 MB, at the first use.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const suite = 'trixie';
const packages = 'postgresql-17,postgresql-17-timescaledb,valkey-server';

/** Where the programs lie inside of the root. */
export const postgresBin = '/usr/lib/postgresql/17/bin';

export interface NativeRoot {
  readonly path: string;
  /** The account inside of the root that PostgreSQL runs as. */
  readonly uid: number;
  readonly gid: number;
}

/** Throws one sentence where it cannot be made. */
export async function openRoot(): Promise<NativeRoot> {
  const path =
    process.env['FLEETWIRE_NATIVE_ROOT'] ?? join(homedir(), '.cache', 'fleetwire', suite);
  if (process.platform !== 'linux') throw unable('it needs Linux');
  if (process.getuid?.() !== 0) throw unable('it needs root, for chroot');
  if (!existsSync(path)) await makeRoot(path);
  const account = (await readFile(join(path, 'etc/passwd'), 'utf8'))
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'postgres');
  if (account === undefined) throw unable(`${path} has no account named postgres; remove it`);
  return { path, uid: Number(account[2]), gid: Number(account[3]) };
}

async function makeRoot(path: string): Promise<void> {
  const partial = `${path}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(path), { recursive: true });
  process.stderr.write(`making ${path} by debootstrap, which takes a minute\n`);
  const exit = await runQuietly('debootstrap', [
    '--variant=minbase',
    `--include=${packages}`,
    suite,
    partial,
  ]);
  if (exit.code !== 0) throw unable(`debootstrap failed: ${exit.lastLine}`);
  await rename(partial, path);
}

interface Exit {
  readonly code: number | null;
  readonly lastLine: string;
}

function runQuietly(command: string, args: readonly string[]): Promise<Exit> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let lastLine = '';
    const keepLast = (text: Buffer): void => {
      lastLine = text.toString().trim().split('\n').at(-1) ?? lastLine;
    };
    child.stdout.on('data', keepLast);
    child.stderr.on('data', keepLast);
    child.once('error', (error) => resolve({ code: null, lastLine: error.message }));
    child.once('close', (code) => resolve({ code, lastLine }));
  });
}

function unable(reason: string): Error {
  return new Error(`the native TimescaleDB for tests cannot be made: ${reason}`);
}
