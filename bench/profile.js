/**
 * Loaded into the engine's process before anything else (`--import`): a CPU profile of what its first thread
 * does between two signals SIGUSR2, so that the profile has the measured time and not the start.
 * Invariant: without the variable of the directory, and in worker threads, it does nothing.
 * Bound: one profile at a time; it is written when it ends, as a `.cpuprofile` that Chrome and speedscope read.
 * Why not TypeScript: worker threads load it too, and before whatever would compile it.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const directory = process.env['FLEETWIRE_BENCH_PROFILE_DIR'];
const samplingIntervalUs = 200;

if (isMainThread && directory !== undefined) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: samplingIntervalUs });
  let isRunning = false;
  process.on('SIGUSR2', () => {
    isRunning = !isRunning;
    if (isRunning) return session.post('Profiler.start');
    session.post('Profiler.stop', (error, result) => {
      if (error !== null) throw error;
      const path = join(directory, `engine-${process.pid}.cpuprofile`);
      writeFileSync(path, JSON.stringify(result.profile));
    });
  });
}
