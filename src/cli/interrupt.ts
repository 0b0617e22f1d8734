/**
 * Ctrl-C and SIGTERM: the first asks to stop in order, the second ends the process at once.
 * Invariant: the first is told through `signal`, once; nothing else of the command line listens to them.
 * A second one within `repeatMs` is the same keystroke: npm and tsx pass on what the terminal has sent
 * to their children already.
 */
import type { Clock } from '../clock.ts';

export interface Interrupt {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Resolves when `signal` is aborted. */
  readonly requested: Promise<void>;
  /** The command is stopping already: the next signal ends the process, even if it is the first. */
  stopping(): void;
  /** Stops listening: signals have their usual effect again. */
  release(): void;
}

const repeatMs = 500;
const names = ['SIGINT', 'SIGTERM'] as const;
/** 128 + SIGINT, as shells have it. */
const interruptedExitCode = 130;

export function listenForInterrupt(clock: Clock): Interrupt {
  const controller = new AbortController();
  let firstMs: number | null = null;
  for (const name of names) process.on(name, onSignal);

  return {
    signal: controller.signal,
    requested: new Promise((resolve) => {
      controller.signal.addEventListener('abort', () => resolve(), { once: true });
    }),
    stopping() {
      firstMs ??= -Infinity;
    },
    release() {
      for (const name of names) process.off(name, onSignal);
    },
  };

  function onSignal(): void {
    const nowMs = clock.monotonicMs();
    if (firstMs === null) {
      firstMs = nowMs;
      controller.abort();
    } else if (nowMs - firstMs > repeatMs) {
      process.exit(interruptedExitCode);
    }
  }
}
