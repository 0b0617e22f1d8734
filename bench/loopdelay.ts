/**
 * How long the engine's event loop was held up, as its own `/metrics` tell.
 * Invariant: what is told is the longest since the last reading, for a reading resets it (prom-client does so).
 * Bound: what the loop's clock can tell: it looks every `precisionMs`, and a stall shorter than that may be missed.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { TestEngine } from '../test/support/engine.ts';

/** prom-client's `eventLoopMonitoringPrecision`, which is part of every delay that it tells. */
const precisionMs = 10;

export async function readStallMs(engine: Pick<TestEngine, 'counter'>): Promise<number> {
  const seconds = await engine.counter('nodejs_eventloop_lag_max_seconds');
  return Math.max(0, seconds * 1_000 - precisionMs);
}

/** The same of this process, which has next to nothing to do: what the machine does to whoever waits for a core. */
export function watchOwnStalls(): () => number {
  const delays = monitorEventLoopDelay({ resolution: precisionMs });
  delays.enable();
  return () => {
    delays.disable();
    return Math.max(0, delays.max / 1e6 - precisionMs);
  };
}
