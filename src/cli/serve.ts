/**
 * `fleetwire serve`: the engine in this process, configured by the environment alone.
 * Invariant: an engine that another process started over IPC does not outlive it.
 */
import { readConfig } from '../config.ts';
import type { Command } from './command.ts';

export const serveCommand: Command = {
  name: 'serve',
  operands: [],
  summary:
    'run the engine until SIGINT or SIGTERM; prints "ready http://HOST:PORT" once it accepts',
  options: {},
  run,
};

async function run(): Promise<number> {
  const config = readConfig(process.env);
  stopWithParent();
  const { serve } = await import('../server/main.ts');
  return serve(config);
}

/** A parent that was killed cannot signal any more; its end closes the channel. */
function stopWithParent(): void {
  if (process.channel === undefined || process.channel === null) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}
