/**
 * The memory of an engine without its garbage.
 * Invariant: a reading follows full collections that were made for it, by a script that the engine was started with
 * (`collectorEnv`) and knows nothing of.
 * Bound: `waitMs` for a collection.
 */
import type { TestEngine } from '../test/support/engine.ts';
import { residentBytes } from './cpu.ts';

export const collectorEnv = {
  NODE_OPTIONS: `--import ${new URL('../test/support/collector.js', import.meta.url).href}`,
} as const;

const waitMs = 20_000;
const lookMs = 20;

export async function collectedBytes(engine: TestEngine): Promise<number> {
  const collections = (): number => engine.log.split('\n').filter(isHeapLine).length;
  const before = collections();
  process.kill(engine.pid, 'SIGUSR2');
  for (let waitedMs = 0; collections() === before; waitedMs += lookMs) {
    if (waitedMs > waitMs) throw new Error(`the engine did not collect within ${waitMs} ms`);
    await new Promise((resolve) => void setTimeout(resolve, lookMs));
  }
  return residentBytes(engine.pid);
}

function isHeapLine(line: string): boolean {
  return line.startsWith('heap ');
}
