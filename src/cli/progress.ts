/**
 * How a long command shows that it is alive: one status line, written over on a terminal, else a line each.
 * Invariant: it goes to the stream it is given and nowhere else, and leaves the cursor at a line's start.
 * Bound: one line for each update; the caller updates once a second.
 */
import { every, type Clock } from '../clock.ts';

/** The part of a `tty.WriteStream` that is used. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  update(line: string): void;
  /** A line that stays. */
  note(line: string): void;
  /** Ends the status line. */
  finish(): void;
}

const eraseLine = '\r\x1b[2K';
const columnsAssumed = 80;

export function createProgress(stream: ProgressStream): Progress {
  const isTerminal = stream.isTTY === true;
  let isDirty = false;

  function erase(): void {
    if (isDirty) stream.write(eraseLine);
    isDirty = false;
  }

  return {
    update(line) {
      if (!isTerminal) {
        stream.write(`${line}\n`);
        return;
      }
      // A line that wraps could not be written over.
      stream.write(`${eraseLine}${line.slice(0, (stream.columns ?? columnsAssumed) - 1)}`);
      isDirty = true;
    },
    note(line) {
      erase();
      stream.write(`${line}\n`);
    },
    finish: erase,
  };
}

const intervalMs = 1_000;

/** Calls `line` once a second and shows what it returns, until the returned function is called. */
export function showEverySecond(clock: Clock, progress: Progress, line: () => string): () => void {
  const timer = every(clock, intervalMs, () => progress.update(line()));
  return () => {
    timer.cancel();
    progress.finish();
  };
}

/** 1234567 as `1,234,567`. */
export function grouped(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
