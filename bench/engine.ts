/**
 * The engine of a bench as users run it: built, by node alone, with a database of its own.
 * Invariant: what is measured is the code of this tree: it is built once in a process, before the first start.
 * Bound: the build's own time, some seconds.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { openEngineTest, type EngineTest } from '../test/support/enginetest.ts';

let isBuilt = false;

export interface BenchEngineOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where a CPU profile goes of what it does between two calls of `toggleProfile`; `null` for none. */
  readonly profileDir?: string | null;
}

export function openBenchEngine(options: BenchEngineOptions = {}): Promise<EngineTest> {
  build();
  const { env = {}, profileDir = null } = options;
  return openEngineTest({ ...env, ...(profileDir === null ? {} : profiled(profileDir)) }, true);
}

export function toggleProfile({ engine }: EngineTest): void {
  process.kill(engine.pid, 'SIGUSR2');
}

/** For the environment of an engine (see profile.js). */
export function profiled(directory: string): Record<string, string> {
  mkdirSync(directory, { recursive: true });
  return {
    NODE_OPTIONS: `--import ${new URL('profile.js', import.meta.url).href}`,
    FLEETWIRE_BENCH_PROFILE_DIR: resolve(directory),
  };
}

function build(): void {
  if (isBuilt) return;
  const { status, stdout } = spawnSync('npm', ['run', '--silent', 'build'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the engine cannot be built:\n${stdout}`);
  isBuilt = true;
}
