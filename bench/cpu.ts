/**
 * The processor time and the resident memory of other processes, from /proc (Linux only).
 * Source: proc(5), fields 4 and 14 to 17 of stat and the first line of /proc/stat, in clock ticks of 10 ms;
 * status, VmRSS.
 * Bound: ticks of 10 ms, so that what is measured should take a second or more.
 */
import { readdirSync, readFileSync } from 'node:fs';

const tickMs = 10;

/** The fields of a stat file that are used here. */
interface Stat {
  readonly parent: number;
  readonly ownMs: number;
  /** Of children that have ended and were waited for. */
  readonly endedMs: number;
}

function readStat(path: string): Stat {
  const stat = readFileSync(path, 'utf8');
  // The name before the last bracket may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = (index: number): number => Number(fields[index]) * tickMs;
  return {
    parent: Number(fields[1]),
    ownMs: ticks(11) + ticks(12),
    endedMs: ticks(13) + ticks(14),
  };
}

/** User and system time that the process has used so far, all its threads together. */
export function cpuMs(pid: number): number {
  return readStat(`/proc/${pid}/stat`).ownMs;
}

/** The same of its first thread alone: the one with the event loop. */
export function mainThreadCpuMs(pid: number): number {
  return readStat(`/proc/${pid}/task/${pid}/stat`).ownMs;
}

/** The same of a process and all that descend from it, those that have ended included; NaN where nobody knows it. */
export function treeCpuMs(pid: number | null): number {
  if (pid === null) return NaN;
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      stats.set(Number(name), readStat(`/proc/${name}/stat`));
    } catch {
      // It has ended since the directory was read; its parent has its time.
    }
  }
  const isOfTree = (candidate: number): boolean => {
    const stat = stats.get(candidate);
    return candidate === pid || (stat !== undefined && isOfTree(stat.parent));
  };
  let sumMs = 0;
  for (const [candidate, { ownMs, endedMs }] of stats) {
    if (isOfTree(candidate)) sumMs += ownMs + endedMs;
  }
  return sumMs;
}

/** The time that the cores of this machine were busy, whoever used them. */
export function machineBusyMs(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
  const [user, nice, system, , , irq, softirq, steal] = line.trim().split(/\s+/).slice(1);
  const ticks = [user, nice, system, irq, softirq, steal].reduce(
    (sum, text) => sum + Number(text),
    0,
  );
  return ticks * tickMs;
}

export function residentBytes(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/);
  return Number(line?.[1] ?? Number.NaN) * 1_024;
}
