/**
 * The real engine as a process of its own, for tests: started, stopped, killed, started again.
 * Invariant: `cleanup` leaves no process and no directory behind.
 * Bound: `startDeadlineMs` until it is ready; what it wrote to stderr is shown when it is not.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { signToken, type TokenClaims } from '../../src/server/token.ts';

const startDeadlineMs = 60_000;
const issuer = 'fleetwire';
const audience = 'fleetwire';

/** The secret of every test engine; 32 bytes as HS256 asks for. */
export const testSecret = new TextEncoder().encode('a-secret-that-only-the-tests-use');

/** Tests put vehicles at 0/0, and from one end of the world to the other. */
const anywhere = {
  FLEETWIRE_FILTER_ZERO_ISLAND_M: '0',
  FLEETWIRE_FILTER_JUMP_SPEED_CMS: '0',
  FLEETWIRE_FILTER_ACCURACY_MAX_DM: '0',
} as const;

export interface TestEngineOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Taken instead of a new temporary directory, and not removed. */
  readonly dataDir?: string;
  /** A database of its own on a server; the embedded one when missing. */
  readonly databaseUrl?: string | null;
  /** Runs `dist`, which `npm run build` has made, and not the sources. */
  readonly isBuilt?: boolean;
}

export interface TestEngine {
  /** `http://127.0.0.1:PORT`, of the present process. */
  readonly url: string;
  /** `ws://127.0.0.1:PORT` */
  readonly wsUrl: string;
  readonly dataDir: string;
  readonly pid: number;
  /** What the engine has written to stderr so far. */
  readonly log: string;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same data and the same port; a full journal may take longer than most starts. */
  restart(env?: Readonly<Record<string, string>>, deadlineMs?: number): Promise<void>;
  cleanup(): Promise<void>;
  counter(name: string): Promise<number>;
}

/** A token for a test engine. */
export function testToken(
  claims: Partial<TokenClaims> & Pick<TokenClaims, 'sub' | 'role'>,
): Promise<string> {
  return signToken(testSecret, { issuer, audience, ttlS: 3_600, ...claims });
}

export async function startTestEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'fleetwire-engine-')));
  const port = await freePort();
  let running = await launch(options, dataDir, port, options.env ?? {});

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  return {
    get url() {
      return running.url;
    },
    get wsUrl() {
      return running.url.replace('http', 'ws');
    },
    get pid() {
      return running.child.pid ?? -1;
    },
    get log() {
      return running.log.join('\n');
    },
    dataDir,
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL');
    },
    async restart(env, deadlineMs) {
      await end('SIGTERM');
      running = await launch(options, dataDir, port, env ?? options.env ?? {}, deadlineMs);
    },
    async cleanup() {
      await end('SIGKILL');
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
    counter: (name) => readCounter(running.url, name),
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly log: string[];
}

async function launch(
  options: TestEngineOptions,
  dataDir: string,
  port: number,
  env: Readonly<Record<string, string>>,
  deadlineMs = startDeadlineMs,
): Promise<Running> {
  const sources = ['--import', 'tsx', 'src/cli/main.ts'];
  const main = options.isBuilt === true ? ['dist/cli/main.js'] : sources;
  const child = spawn(process.execPath, [...main, 'serve'], {
    env: {
      PATH: process.env['PATH'],
      FLEETWIRE_PORT: String(port),
      FLEETWIRE_DATA_DIR: dataDir,
      FLEETWIRE_JWT_SECRET: new TextDecoder().decode(testSecret),
      DATABASE_URL: options.databaseUrl ?? '',
      ...anywhere,
      ...env,
    },
    // With a channel the engine stops by itself when the test run is killed.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log: string[] = [];
  if (child.stderr === null) throw new Error('the engine has no stderr');
  createInterface(child.stderr).on('line', (line) => log.push(line));
  const url = await readyUrl(child, log, deadlineMs);
  return { child, url, log };
}

function readyUrl(
  child: ChildProcess,
  log: readonly string[],
  deadlineMs: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => {
      clearTimeout(timer);
      reject(new Error(`the engine ${what}\n${log.join('\n')}`));
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`was not ready within ${deadlineMs} ms`);
    }, deadlineMs);
    // 'close' and not 'exit': by then stderr has been read to its end.
    child.once('close', (code) => fail(`ended with ${code} before it was ready`));
    if (child.stdout === null) return fail('has no stdout');
    createInterface(child.stdout).on('line', (line) => {
      const [word, url] = line.split(' ');
      if (word !== 'ready' || url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

// Not port 0: a socket that the system chose a port for cannot be bound again while connections linger.
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** The value of one line of `/metrics`, such as `fleetwire_rows_stored_total` or one with its labels. */
export async function readCounter(url: string, name: string): Promise<number> {
  const response = await fetch(`${url}/metrics`);
  const line = (await response.text()).split('\n').find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`/metrics has no ${name}`);
  return Number(line.slice(name.length + 1));
}
