/**
 * The engine as a process: signals, the `ready` line, the exit code.
 * Invariant: exit 0 after a graceful stop, 1 when the engine failed; a second signal ends at once.
 * Bound: the stop's own deadline; nothing after it is waited for.
 */
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { FleetwireError } from '../errors.ts';
import { startEngine } from './engine.ts';
import { createLog } from './log.ts';

/** Signals this close together are one. */
const sameSignalMs = 500;

/** Runs until a signal or a failure and resolves with the exit code. Throws when it cannot start. */
export async function serve(config: Config): Promise<number> {
  const log = createLog(config.logLevel);
  const signalled = new Promise<string>((resolve) => {
    let firstMs: number | null = null;
    const receive = (signal: string): void => {
      const nowMs = systemClock.monotonicMs();
      firstMs ??= nowMs;
      resolve(signal);
      // A shell and npm pass the same Ctrl-C on within moments of each other.
      if (nowMs - firstMs > sameSignalMs) process.exit(130);
    };
    process.on('SIGTERM', receive).on('SIGINT', receive);
  });
  const engine = await startEngine(config);
  process.stdout.write(`ready ${engine.url}\n`);
  const cause = await Promise.race([signalled, engine.failed]);
  if (typeof cause === 'string') log.info({ signal: cause }, 'stopping');
  else logFailure(log, cause);
  await engine.stop();
  return typeof cause === 'string' ? 0 : 1;
}

function logFailure(log: ReturnType<typeof createLog>, failure: FleetwireError): void {
  log.fatal({ code: failure.code }, failure.message);
}
