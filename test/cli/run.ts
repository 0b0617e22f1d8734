/** The command line as a real child process: what it prints and how it ends. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Run {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly output: { readonly out: string; readonly err: string };
  /** Resolves when stdout has this; rejects when the process ends before. */
  printed(text: RegExp): Promise<void>;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function startCli(args: readonly string[], env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (output.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.err += data.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return {
    child,
    output,
    ended,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (text.test(output.out)) resolve();
        };
        child.stdout.on('data', look);
        child.once('close', () =>
          reject(new Error(`ended without ${text}:\n${output.out}${output.err}`)),
        );
        look();
      }),
  };
}

export function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return startCli(args, env).ended;
}
