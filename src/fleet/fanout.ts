/**
 * A notification to many, given to each of them one by one.
 * Invariant: `complete` is called once, when each recipient has a copy or was refused for good; what is refused for
 * now is tried again. What is critical goes first.
 * Bound: `fanOutInFlightMax` copies wait for the journal at a time, whatever the number of notifications.
 */
import type { Clock, Timer } from '../clock.ts';
import { isTemporary, type RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';

export interface FanOutOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'fanOutInFlightMax' | 'deskRetryMs'>;
}

export interface Delivery {
  readonly recipients: readonly string[];
  readonly isCritical: boolean;
  /** Gives a copy, and tells what came of it, at once or later. */
  give(recipient: string, done: (refused: RefusalName | null) => void): void;
  complete(): void;
}

export interface FanOut {
  begin(delivery: Delivery): void;
  /** Deliveries that are not complete. */
  readonly size: number;
  stop(): void;
}

interface Run extends Delivery {
  /** The next is the last. */
  readonly waiting: string[];
  open: number;
}

export function createFanOut(options: FanOutOptions): FanOut {
  const { clock, bounds } = options;
  const { counters } = options.metrics;
  const critical: Run[] = [];
  const others: Run[] = [];
  const runs = new Set<Run>();
  let inFlight = 0;
  let pause: Timer | null = null;
  let isPumping = false;
  let isStopped = false;

  function next(): Run | undefined {
    return critical.find(isWaiting) ?? others.find(isWaiting);
  }

  function pump(): void {
    if (isPumping) return;
    isPumping = true;
    while (inFlight < bounds.fanOutInFlightMax && pause === null && !isStopped) {
      const run = next();
      if (run === undefined) break;
      give(run, run.waiting.pop() as string);
    }
    isPumping = false;
  }

  function give(run: Run, recipient: string): void {
    inFlight += 1;
    run.give(recipient, (refused) => {
      inFlight -= 1;
      if (refused !== null && isTemporary(refused)) {
        counters.casesRetried += 1;
        run.waiting.push(recipient);
        pause ??= clock.after(bounds.deskRetryMs, goOn);
        return;
      }
      if (refused !== null) counters.casesDropped += 1;
      run.open -= 1;
      if (run.open === 0) end(run);
      pump();
    });
  }

  function goOn(): void {
    pause = null;
    pump();
  }

  function end(run: Run): void {
    runs.delete(run);
    const list = run.isCritical ? critical : others;
    list.splice(list.indexOf(run), 1);
    run.complete();
  }

  return {
    begin(delivery) {
      const { recipients } = delivery;
      const run = { ...delivery, waiting: recipients.toReversed(), open: recipients.length };
      (run.isCritical ? critical : others).push(run);
      runs.add(run);
      if (run.open === 0) end(run);
      else pump();
    },
    get size() {
      return runs.size;
    },
    stop() {
      isStopped = true;
      pause?.cancel();
    },
  };
}

function isWaiting({ waiting }: Run): boolean {
  return waiting.length > 0;
}
