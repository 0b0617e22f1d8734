/**
 * Runs tests against a native TimescaleDB: `npm run test:native [-- vitest arguments]`; without arguments the
 * store's and the integration suite. `tsx test/native/run.ts --keep` only starts it, prints DATABASE_URL,
 * and waits for Ctrl-C.
 * Invariant: the server ends with this process, and its data is removed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startNative } from './server.ts';

const defaultTests = ['test/store', 'test/native', 'test/integration'];

async function main(args: readonly string[]): Promise<number> {
  const server = await startNative();
  try {
    if (args.includes('--keep')) {
      process.stdout.write(`DATABASE_URL=${server.url}\n`);
      await interrupted();
      return 0;
    }
    return await runVitest(args.length > 0 ? args : defaultTests, server.url);
  } finally {
    await server.remove();
  }
}

async function runVitest(args: readonly string[], url: string): Promise<number> {
  const vitest = createRequire(import.meta.url).resolve('vitest/package.json');
  const child = spawn(process.execPath, [join(dirname(vitest), 'vitest.mjs'), 'run', ...args], {
    stdio: 'inherit',
    env: { ...process.env, DATABASE_URL: url },
  });
  // Ctrl-C reaches the child too; this process waits for it to end.
  const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
  process.on('SIGINT', forward).on('SIGTERM', forward);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

function interrupted(): Promise<unknown> {
  return Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}

// What npm passes on may begin with `--`.
const args = process.argv.slice(2).filter((argument) => argument !== '--');
try {
  process.exitCode = await main(args);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
