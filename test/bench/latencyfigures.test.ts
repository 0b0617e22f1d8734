/** Figures of `latency`: held against the echo of the same round, and failed by whatever is missing. */
import { describe, expect, it } from 'vitest';
import { latencyFigures } from '../../bench/latencyfigures.ts';
import { createLatencies, summaryOf, type LatencySummary } from '../../bench/latency.ts';
import type { LiveLoad } from '../../bench/livefigures.ts';

function latencyOf(ms: number): LatencySummary {
  const latencies = createLatencies();
  latencies.record(ms);
  return summaryOf(latencies);
}

function loadOf(ms: number): LiveLoad {
  const tally = { positions: 2, coalesced: 0, missed: 0, unasked: 0, notices: 0, skipped: 0 };
  const latency = latencyOf(ms);
  const [zero, none] = [0, [] as readonly string[]];
  const usage = { engineLoop: 0.5, engineThreads: zero, devices: zero, subscribers: zero };
  return {
    settings: {
      vehicles: 1,
      fleetReaders: 1,
      areaReaders: zero,
      stalledReaders: zero,
      warmupS: 1,
      seconds: 1,
      compression: null,
      profileDir: null,
    },
    measuredMs: 1_000,
    devices: {
      ...{ sent: 3, acked: 3, refused: zero, slowDowns: zero, closed: none },
      ...{ late: latency, ack: latency },
    },
    crowd: {
      fleet: tally,
      fleetFixes: { fewest: 2, most: 2 },
      areas: { ...tally, positions: zero },
      ...{ areaExpected: zero, areaLeft: zero, wireBytes: zero },
      ...{ latency, firstHalf: latency, secondHalf: latency, areaLatency: latency },
      delivered: { messages: 2, positions: 2 },
      ...{ framesDecoded: 2, framesShared: zero, failures: none },
    },
    usage: { ...usage, database: null, others: zero },
    residentBytes: { before: 1, peak: 1 },
    counters: { messagesDropped: zero, feedsLagging: zero, closedSlow: zero, waitingBytes: zero },
    waitingBytes: zero,
  };
}

describe('figures of latency', () => {
  it('holds each round against the echo of the same round', () => {
    const echoes = [1, 10].map((ms) => ({ latency: latencyOf(ms), failures: [] }));
    const run = { loads: [loadOf(2), loadOf(20)], echoes, rows: 6 };
    const { figures, failures } = latencyFigures(run);
    expect(figures[0]?.value).toBeCloseTo(2, 1);
    expect(figures.find(({ name }) => name === "engine's event loop")?.value).toBe(50);
    expect(failures).toEqual([]);
  });

  it('fails for a row, a fix or an echo that is missing', () => {
    const load = loadOf(2);
    const short = { ...load, crowd: { ...load.crowd, fleetFixes: { fewest: 1, most: 2 } } };
    const echoes = [{ latency: latencyOf(1), failures: ['an echo did not come back'] }];
    expect(latencyFigures({ loads: [short], echoes, rows: 2 }).failures).toEqual([
      'a fleet reader got 1 of 2 fixes',
      'an echo did not come back',
      'acked 3 fixes, but 2 rows are stored',
    ]);
  });
});
