/**
 * What may go: the committed position, its checkpoint, and the segments wholly before it.
 * Invariant: a checkpoint is durable before a segment that it passed is deleted, so a segment that is
 * missing without one is known to be missing.
 * Bound: one checkpoint is being written at a time, however often `commit` is called.
 */
import { unlink } from 'node:fs/promises';
import { saveCheckpoint } from './checkpoint.ts';
import type { Failure } from './failure.ts';
import type { Segment, Segments } from './segment.ts';

export interface RetentionOptions {
  readonly dir: string;
  readonly segments: Segments;
  /** Where the journal was opened: everything before is committed. */
  readonly committed: number;
  readonly failure: Failure;
}

export interface Retention {
  readonly committed: number;
  /** Everything before `position` is in the database; one that is passed already is no news. */
  commit(position: number): void;
  /** Resolves when the last commit is in the checkpoint, or the journal has failed. */
  close(): Promise<void>;
}

interface State {
  committed: number;
  saved: number;
  /** Segments that are off the list, but still on the disk. */
  passed: Segment[];
  isBusy: boolean;
  running: Promise<void>;
}

export function createRetention(options: RetentionOptions): Retention {
  const { committed } = options;
  const state: State = {
    committed,
    saved: committed,
    passed: [],
    isBusy: false,
    running: Promise.resolve(),
  };
  // A crash may have come between a checkpoint and the deletions that follow it.
  retire(options, state);
  return {
    get committed() {
      return state.committed;
    },
    commit(position) {
      if (position <= state.committed) return;
      state.committed = position;
      retire(options, state);
    },
    close: () => state.running,
  };
}

function retire(options: RetentionOptions, state: State): void {
  state.passed.push(...options.segments.takeBefore(state.committed));
  if (state.isBusy || isSettled(state)) return;
  state.isBusy = true;
  state.running = settle(options, state);
}

function isSettled(state: State): boolean {
  return state.saved === state.committed && state.passed.length === 0;
}

async function settle(options: RetentionOptions, state: State): Promise<void> {
  const { dir, segments, failure } = options;
  try {
    while (!isSettled(state) && failure.error === null) {
      const { committed, passed } = state;
      state.passed = [];
      // A gap in front of the next segment is behind us too: it was reported when it was found.
      await saveCheckpoint(dir, segments.skipGap(committed), passed.length > 0);
      for (const segment of passed) await unlink(segment.path);
      state.saved = committed;
    }
  } catch (error) {
    failure.raise(error);
  }
  state.isBusy = false;
}
