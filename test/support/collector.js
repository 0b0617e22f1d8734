/**
 * Loaded into a test engine before anything else (see heap.ts): on SIGUSR2 it collects all garbage and writes how many
 * bytes of the heap are left.
 * Invariant: the engine itself knows nothing of it; its worker threads are left alone.
 * Bound: as long as a full collection takes; nothing between two signals.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    // What the first collection finalizes only the second one frees.
    collect();
    collect();
    process.stderr.write(`heap ${process.memoryUsage().heapUsed}\n`);
  });
}
