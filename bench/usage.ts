/**
 * Who used the processor between two moments, as shares of one core.
 * Invariant: the engine's first thread (its event loop) is told apart from its other threads, which are the
 * embedded database, the disk and the garbage collector. What no process of the bench used is `others`: a
 * database that this run did not start, the kernel's own threads, and whatever else runs on the machine.
 * Bound: one sample is a few reads of /proc.
 */
import { cpuMs, machineBusyMs, mainThreadCpuMs, treeCpuMs } from './cpu.ts';

export interface Processes {
  readonly engine: number;
  readonly devices: number;
  readonly subscribers: number;
  /** `null` where the database is not a process that this run knows. */
  readonly database: number | null;
}

/** Ms of processor time, or shares of a core. */
export interface Usage {
  readonly engineLoop: number;
  readonly engineThreads: number;
  readonly devices: number;
  readonly subscribers: number;
  readonly database: number | null;
  readonly others: number;
}

/** `bench` is this process. */
export function readUsage(processes: Processes): Usage {
  const engine = cpuMs(processes.engine);
  const engineLoop = mainThreadCpuMs(processes.engine);
  const devices = cpuMs(processes.devices);
  const subscribers = cpuMs(processes.subscribers);
  const database = processes.database === null ? null : treeCpuMs(processes.database);
  const known = engine + devices + subscribers + (database ?? 0) + cpuMs(process.pid);
  return {
    engineLoop,
    engineThreads: engine - engineLoop,
    devices,
    subscribers,
    database,
    others: machineBusyMs() - known,
  };
}

/** Shares of one core between two readings. */
export function shareOf(before: Usage, after: Usage, elapsedMs: number): Usage {
  const share = (name: Exclude<keyof Usage, 'database'>): number =>
    (after[name] - before[name]) / elapsedMs;
  return {
    engineLoop: share('engineLoop'),
    engineThreads: share('engineThreads'),
    devices: share('devices'),
    subscribers: share('subscribers'),
    database:
      before.database === null || after.database === null
        ? null
        : (after.database - before.database) / elapsedMs,
    // The kernel samples what it says of all, and measures what it says of each: it may say less of all.
    others: Math.max(0, share('others')),
  };
}
