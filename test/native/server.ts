/**
 * A native TimescaleDB of its own for a test run: a fresh cluster in the Debian root, on a free loopback
 * port, by chroot.
 * Invariant: nothing is mounted, and nothing is left behind by `stop({ remove: true })` or the end of the
 * process that called `startNative`.
 * Bound: `answerDeadlineMs` for the server to answer after its start.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { openRoot, postgresBin, type NativeRoot } from './root.ts';

const clustersDir = 'var/lib/postgresql';
const clusterPrefix = 'fleetwire-';
const answerDeadlineMs = 30_000;
const answerIntervalMs = 50;

export interface NativeOptions {
  /** False for a server that has the package, but does not load it. */
  readonly isPreloaded?: boolean;
  /** True for one that takes encrypted connections too, by the certificate that Debian makes for its host. */
  readonly isEncrypting?: boolean;
}

export interface NativeServer {
  readonly url: string;
  /** Of the postmaster; null while it is stopped. */
  readonly pid: number | null;
  /** Fast shutdown; connections are cut. The data stays. */
  stop(): Promise<void>;
  /** On the same port and data. */
  start(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

export async function startNative(options: NativeOptions = {}): Promise<NativeServer> {
  const root = await openRoot();
  const data = createCluster(root);
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let postmaster: ChildProcess | null = null;

  async function start(): Promise<void> {
    if (postmaster !== null) return;
    postmaster = spawnPostgres(root, data, port, options);
    await untilAnswering(url, postmaster);
  }

  async function stop(): Promise<void> {
    const stopping = postmaster;
    if (stopping === null) return;
    postmaster = null;
    const exited = once(stopping, 'exit');
    // Fast shutdown: transactions are rolled back and connections cut.
    if (stopping.kill('SIGINT')) await exited;
  }

  // A killed run must not leave a server behind.
  const removeAtExit = (): void => {
    postmaster?.kill('SIGQUIT');
    rmSync(join(root.path, data), { recursive: true, force: true });
  };
  process.once('exit', removeAtExit);

  await start();
  return {
    url,
    get pid() {
      return postmaster?.pid ?? null;
    },
    start,
    stop,
    async remove() {
      await stop();
      process.removeListener('exit', removeAtExit);
      rmSync(join(root.path, data), { recursive: true, force: true });
    },
  };
}

/** The directory of a new cluster, as it is called inside of the root. */
function createCluster(root: NativeRoot): string {
  removeDead(join(root.path, clustersDir));
  const outside = mkdtempSync(join(root.path, clustersDir, `${clusterPrefix}${process.pid}-`));
  chownSync(outside, root.uid, root.gid);
  const inside = outside.slice(root.path.length);
  const { status, stderr } = spawnSync(
    'chroot',
    [
      ...chrootArgs(root, 'initdb'),
      `--pgdata=${inside}`,
      '--username=postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ],
    { encoding: 'utf8', env: { PATH: process.env['PATH'] } },
  );
  if (status !== 0) throw new Error(`initdb failed: ${stderr.trim()}`);
  return inside;
}

/** What runs that were killed have left. */
function removeDead(clusters: string): void {
  for (const name of readdirSync(clusters)) {
    if (!name.startsWith(clusterPrefix)) continue;
    // Of its owner, not of the server: while a cluster is being made its servers come and go.
    const owner = name.slice(clusterPrefix.length).split('-')[0] ?? '';
    const cluster = join(clusters, name);
    if (isAlive(owner) || isServed(cluster)) continue;
    rmSync(cluster, { recursive: true, force: true });
  }
}

/** True while the server of a dead owner is still shutting down. */
function isServed(cluster: string): boolean {
  const pidFile = join(cluster, 'postmaster.pid');
  return existsSync(pidFile) && isAlive(readFileSync(pidFile, 'utf8').split('\n')[0] ?? '');
}

function isAlive(pid: string): boolean {
  return /^[0-9]+$/.test(pid) && existsSync(`/proc/${pid}`);
}

function spawnPostgres(
  root: NativeRoot,
  data: string,
  port: number,
  { isPreloaded = true, isEncrypting = false }: NativeOptions,
): ChildProcess {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: data,
    shared_preload_libraries: isPreloaded ? 'timescaledb' : '',
    max_connections: '100',
    // A bare root has no /dev/shm.
    dynamic_shared_memory_type: 'mmap',
    ...(isPreloaded ? { 'timescaledb.telemetry_level': 'off' } : {}),
    ...(isEncrypting ? encryption(root, data) : {}),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn('chroot', [...chrootArgs(root, 'postgres'), '-D', data, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
  });
}

/** The key is root's, and PostgreSQL takes none that others may read. */
function encryption(root: NativeRoot, data: string): Record<string, string> {
  const key = join(data, 'server.key');
  const outside = join(root.path, key);
  copyFileSync(join(root.path, 'etc/ssl/private/ssl-cert-snakeoil.key'), outside);
  chmodSync(outside, 0o600);
  chownSync(outside, root.uid, root.gid);
  return { ssl: 'on', ssl_key_file: key, ssl_cert_file: '/etc/ssl/certs/ssl-cert-snakeoil.pem' };
}

// It shuts down when the process that started it dies, however it dies.
function chrootArgs(root: NativeRoot, program: string): string[] {
  const account = [`--reuid=${root.uid}`, `--regid=${root.gid}`, '--clear-groups'];
  return [root.path, 'setpriv', ...account, '--pdeathsig=INT', `${postgresBin}/${program}`];
}

async function untilAnswering(url: string, postmaster: ChildProcess): Promise<void> {
  let log = '';
  postmaster.stderr?.on('data', (text: Buffer) => {
    log = (log + text.toString()).slice(-4_000);
  });
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    for (let waitedMs = 0; waitedMs < answerDeadlineMs; waitedMs += answerIntervalMs) {
      if (postmaster.exitCode !== null) throw new Error(`postgres ended at its start:\n${log}`);
      try {
        await sql`select 1`;
        return;
      } catch {
        // Still starting, or recovering what a shutdown left.
        await sleep(answerIntervalMs);
      }
    }
    throw new Error(`postgres did not answer within ${answerDeadlineMs} ms:\n${log}`);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
