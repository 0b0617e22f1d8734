/**
 * Questions to the engine's HTTP API while it is under load: the track of one vehicle, a page of it, again and again.
 * Invariant: latency runs from the request to the end of its answer; a question that is not answered with 200 has failed.
 * Bound: one at a time, `intervalMs` apart, for so many seconds.
 */
import type { TestEngine } from '../test/support/engine.ts';
import { testToken } from '../test/support/engine.ts';
import { createLatencies, summaryOf, type LatencySummary } from './latency.ts';

export interface Asked {
  readonly latency: LatencySummary;
  readonly failed: number;
}

const intervalMs = 200;
const rows = 1_000;

export async function askTracks(
  engine: Pick<TestEngine, 'url'>,
  vehicle: string,
  seconds: number,
): Promise<Asked> {
  const token = await testToken({ sub: 'bench', role: 'dispatcher' });
  const headers = { authorization: `Bearer ${token}` };
  const url = `${engine.url}/v1/vehicles/${vehicle}/track?limit=${rows}`;
  const latencies = createLatencies();
  let failed = 0;
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs) {
    const startedMs = performance.now();
    const answer = await fetch(url, { headers });
    await answer.arrayBuffer();
    latencies.record(performance.now() - startedMs);
    if (answer.status !== 200) failed += 1;
    await new Promise((resolve) => void setTimeout(resolve, intervalMs));
  }
  return { latency: summaryOf(latencies), failed };
}
