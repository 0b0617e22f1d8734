/**
 * Keeps one thread of the embedded database running: one that ends is followed by another.
 * Invariant: the next is started only after the last has ended, so one at a time works on the files.
 * Bound: a start that failed is tried again after `retryMs`.
 */
import type { Clock } from '../clock.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import type { Thread } from './thread.ts';

export interface SupervisorOptions {
  readonly start: () => Promise<Thread>;
  readonly retryMs: number;
  readonly clock: Clock;
  readonly onNotice: (text: string) => void;
}

export interface Supervisor {
  /** The thread, as soon as there is one. Throws EMBEDDED_FAILED once it is closed. */
  thread(): Promise<Thread>;
  /** Ends the thread that runs now; another follows. */
  replace(): Promise<void>;
  /** Starts no other one; the last one, which the caller has to end. */
  close(): Promise<Thread | null>;
}

/** Throws what the first start throws. */
export async function supervise(options: SupervisorOptions): Promise<Supervisor> {
  const { clock, onNotice } = options;
  let isClosed = false;
  let endPause: () => void = () => undefined;
  let running: Thread | null = await options.start();
  let upcoming: Promise<Thread | null> = Promise.resolve(running);
  watch(running);

  function watch(thread: Thread): void {
    thread.onEnd((reason) => {
      running = null;
      if (isClosed) return;
      onNotice(reason.message);
      upcoming = startAgain();
    });
  }

  async function startAgain(): Promise<Thread | null> {
    while (!isClosed) {
      try {
        const started = await options.start();
        running = started;
        watch(started);
        return started;
      } catch (error) {
        onNotice(messageOf(error));
        await pause();
      }
    }
    return null;
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(options.retryMs, resolve);
      endPause = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  return {
    async thread() {
      const thread = await upcoming;
      if (thread !== null) return thread;
      throw new FleetwireError('EMBEDDED_FAILED', 'the embedded database was closed');
    },
    async replace() {
      await running?.end();
    },
    async close() {
      isClosed = true;
      endPause();
      return upcoming;
    },
  };
}
