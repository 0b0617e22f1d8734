/**
 * The processor time and the resident memory of another process, from /proc (Linux only).
 * Source: proc(5), fields 14 and 15 of stat, in clock ticks of 10 ms; status, VmRSS.
 */
import { readFileSync } from 'node:fs';

const tickMs = 10;

/** User and system time that the process has used so far. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

export function residentBytes(pid: number): number {
  const line = readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/);
  return Number(line?.[1] ?? Number.NaN) * 1_024;
}
