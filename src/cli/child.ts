/**
 * The engine as a child process of this one, for the demo.
 * Invariant: it runs this very program, from sources or build alike; it does not hear the terminal's
 * Ctrl-C (its parent decides when it stops) and does not outlive its parent (serve.ts).
 * Bound: `startDeadlineMs` until it is ready, `stopDeadlineMs` until it is gone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Clock } from '../clock.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import { within } from './wait.ts';

export interface EngineChildOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where its stderr goes; replaced. */
  readonly logFile: string;
  readonly startDeadlineMs: number;
  readonly stopDeadlineMs: number;
  readonly clock: Clock;
}

export interface EngineChild {
  readonly pid: number;
  /** Resolves with `http://HOST:PORT`; rejects with `ENGINE_DIED` when it ends or does not get there. */
  readonly ready: Promise<string>;
  /** Rejects with `ENGINE_DIED` when it ends without having been asked to; never resolves. */
  readonly died: Promise<never>;
  /** Asks it to stop and waits; resolves with false where it had to be killed. */
  stop(): Promise<boolean>;
}

export async function startEngineChild(options: EngineChildOptions): Promise<EngineChild> {
  const child = await launch(options);
  let isStopping = false;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot be started: ${messageOf(error)}`));
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
  });
  const died = exited.then(async (how): Promise<never> => {
    // What was asked for is no failure, and nobody waits for it here.
    if (isStopping) return new Promise(() => undefined);
    throw await failure(options.logFile, how);
  });
  // It is raced where it matters; between two races it must not end the process.
  died.catch(() => undefined);

  return {
    pid: child.pid ?? -1,
    ready: readyUrl(child, exited, died, options),
    died,
    async stop() {
      isStopping = true;
      child.kill('SIGTERM');
      const isGone = (await within(options.clock, options.stopDeadlineMs, exited)) !== null;
      if (!isGone) child.kill('SIGKILL');
      await exited;
      return isGone;
    },
  };
}

async function launch(options: EngineChildOptions): Promise<ChildProcess> {
  const script = process.argv[1];
  if (script === undefined) throw new Error('child: this process runs no script');
  const log = await open(options.logFile, 'w');
  try {
    // The same loader as this process, but not its debugger: its port is taken.
    const execArgv = process.execArgv.filter((argument) => !argument.startsWith('--inspect'));
    return spawn(process.execPath, [...execArgv, script, 'serve'], {
      env: options.environment,
      stdio: ['ignore', 'pipe', log.fd, 'ipc'],
      detached: true,
    });
  } finally {
    await log.close();
  }
}

async function readyUrl(
  child: ChildProcess,
  exited: Promise<string>,
  died: Promise<never>,
  options: EngineChildOptions,
): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error('child: the engine has no stdout');
  const line = new Promise<string>((resolve) => {
    createInterface(stdout).on('line', (text) => {
      if (text.startsWith('ready ')) resolve(text.slice('ready '.length));
    });
  });
  const { clock, startDeadlineMs, logFile } = options;
  const ended = exited.then(() => '');
  const url = await within(clock, startDeadlineMs, Promise.race([line, ended]));
  if (url === null)
    throw await failure(logFile, `was not ready within ${startDeadlineMs / 1_000} s`);
  return url === '' ? died : url;
}

async function failure(logFile: string, how: string): Promise<FleetwireError> {
  const log = await readFile(logFile, 'utf8').catch(() => '');
  const last = log.trim().split('\n').at(-1) ?? '';
  const said = last === '' ? '' : `, and said last: ${last}`;
  return new FleetwireError('ENGINE_DIED', `the engine ${how} (its log: ${logFile})${said}`);
}
