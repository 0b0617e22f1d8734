/**
 * How far a replay has come: which time of its track belongs to a moment of the clock. Values and functions of these.
 * Invariant: between two seeks the track goes forward only; while it stands still (`sinceMs` is null) nothing of it
 * is due, and it goes on from where it stood. A fix is due at its time, and no sooner.
 * Bound: constant work.
 */
import type { Limits } from '../limits.ts';

export interface Pace {
  /** Seconds of the track in one of the clock; 0 is as fast as it is read. */
  readonly speed: number;
  /** Where the track was, in Unix ms. */
  readonly placeMs: number;
  /** The moment when it was there, by the monotonic clock; null while it stands still. */
  readonly sinceMs: number | null;
  /** It begins: the next fix is due at once, and the track goes on from there. */
  readonly isFresh: boolean;
}

/** It stands still at the first. */
export function paceFrom(placeMs: number, speed: number): Pace {
  return { speed, placeMs, sinceMs: null, isFresh: true };
}

/** Where the track is now. */
export function placeAt(pace: Pace, nowMs: number): number {
  const { speed, placeMs, sinceMs, isFresh } = pace;
  return sinceMs === null || isFresh ? placeMs : placeMs + (nowMs - sinceMs) * speed;
}

export function held(pace: Pace, nowMs: number): Pace {
  return { ...pace, placeMs: placeAt(pace, nowMs), sinceMs: null };
}

export function running(pace: Pace, nowMs: number): Pace {
  return pace.sinceMs === null ? { ...pace, sinceMs: nowMs } : pace;
}

export function withSpeed(pace: Pace, speed: number, nowMs: number): Pace {
  return { ...movedTo(pace, placeAt(pace, nowMs), nowMs), speed, isFresh: pace.isFresh };
}

/** From the first fix at or behind `placeMs` on. */
export function sought(pace: Pace, placeMs: number): Pace {
  return { ...pace, placeMs, isFresh: true };
}

/** The track is at `placeMs` now. */
export function movedTo(pace: Pace, placeMs: number, nowMs: number): Pace {
  const sinceMs = pace.sinceMs === null ? null : nowMs;
  return { ...pace, placeMs, sinceMs, isFresh: false };
}

/** Fixes up to this time are due. */
export function dueUntilMs(pace: Pace, nowMs: number): number {
  if (pace.sinceMs === null) return -Infinity;
  return pace.speed === 0 ? Infinity : placeAt(pace, nowMs);
}

/** Ms until a fix of this time is due: none where it is already, without end while the track stands still. */
export function waitMsOf(pace: Pace, timeMs: number, nowMs: number): number {
  if (pace.sinceMs === null) return Infinity;
  if (pace.speed === 0) return 0;
  return Math.max(0, (timeMs - placeAt(pace, nowMs)) / pace.speed);
}

export type SilenceBounds = Pick<Limits, 'replaySilenceMs' | 'replaySilenceWaitMs'>;

/** What is left of a ms when a wait is computed twice. */
const roundingMs = 1;

/** The pace behind what is left out of the silence between two fixes; null where nothing is. */
export function shortened(
  pace: Pace,
  lastMs: number,
  nextMs: number,
  nowMs: number,
  { replaySilenceMs, replaySilenceWaitMs }: SilenceBounds,
): Pace | null {
  const leftMs = waitMsOf(pace, nextMs, nowMs);
  if (nextMs - lastMs <= replaySilenceMs || leftMs === Infinity) return null;
  if (leftMs <= replaySilenceWaitMs + roundingMs) return null;
  return movedTo(pace, nextMs - replaySilenceWaitMs * pace.speed, nowMs);
}
