/** A clock that stands still until it is told to advance; timers run in the order of their time. */
import type { Clock } from '../../src/clock.ts';

export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** Timers that are waiting. */
  readonly timers: number;
  /** Ms until the next timer is due, or `null`. */
  readonly nextInMs: number | null;
}

export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  const timers = new Map<number, { readonly atMs: number; readonly action: () => void }>();
  let nowMs = startMs;
  let lastId = 0;
  const next = (): [number, { atMs: number; action: () => void }] | undefined =>
    [...timers].toSorted(([, a], [, b]) => a.atMs - b.atMs)[0];
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs - startMs,
    after(delayMs, action) {
      const id = ++lastId;
      timers.set(id, { atMs: nowMs + delayMs, action });
      return { cancel: () => void timers.delete(id) };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (let due = next(); due !== undefined && due[1].atMs <= untilMs; due = next()) {
        const [id, { atMs, action }] = due;
        timers.delete(id);
        nowMs = atMs;
        action();
      }
      nowMs = untilMs;
    },
    get timers() {
      return timers.size;
    },
    get nextInMs() {
      const due = next();
      return due === undefined ? null : due[1].atMs - nowMs;
    },
  };
}
