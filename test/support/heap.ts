/**
 * The heap of a test engine without its garbage, so that a leak of a few bytes shows.
 * Invariant: every reading follows full collections that were made for it.
 * Bound: `waitMs` for a reading.
 */
import { expect } from 'vitest';
import type { TestEngine } from './engine.ts';

const waitMs = 10_000;
const linePattern = /^heap (\d+)$/gm;

/** What an engine is started with, so that `readHeap` works. */
export const heapEnv = {
  NODE_OPTIONS: `--import ${new URL('collector.js', import.meta.url).href}`,
};

/** Bytes in use after a collection. */
export async function readHeap(engine: TestEngine): Promise<number> {
  const readings = (): number[] =>
    [...engine.log.matchAll(linePattern)].map(([, bytes]) => Number(bytes));
  const before = readings().length;
  process.kill(engine.pid, 'SIGUSR2');
  await expect.poll(() => readings().length, { timeout: waitMs }).toBeGreaterThan(before);
  return readings().at(-1) ?? NaN;
}
