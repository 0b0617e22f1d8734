/**
 * Latencies between processes of one machine: a wall clock with fractions of a ms, and a histogram.
 * Invariant: every value is counted, and in no finer step than it is read; percentiles come from an HDR
 * histogram, so the long tail keeps three digits.
 * Bound: `topMs`; a longer latency counts as this.
 * Why two stages: recording into the HDR histogram costs 0.17 us, and a run has hundreds of thousands of
 * values a second; an array of counts costs a tenth and is folded into it at the end.
 */
import { build, type Histogram } from 'hdr-histogram-js';

/** Wall clock ms with a fraction; two processes that started at different times agree to some 0.1 ms. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

export interface LatencySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface Latencies {
  record(ms: number): void;
  /** Adds every value to `histogram`. */
  addTo(histogram: Histogram): void;
}

const stepUs = 10;
const topMs = 60_000;
/** Above it values are rare, and go into a histogram at once. */
const countedMs = 2_000;

export function createLatencies(): Latencies {
  const counts = new Uint32Array((countedMs * 1_000) / stepUs);
  const rare = createHistogram();
  const stepsPerMs = 1_000 / stepUs;

  return {
    record(ms) {
      const step = Math.max(0, Math.floor(ms * stepsPerMs));
      if (step < counts.length) counts[step] = (counts[step] as number) + 1;
      else rare.recordValue(Math.min(Math.round(ms * 1_000), topMs * 1_000));
    },
    addTo(histogram) {
      histogram.add(rare);
      for (const [step, count] of counts.entries()) {
        // The upper end of the step, so that no latency is told smaller than it was.
        if (count > 0) histogram.recordValueWithCount((step + 1) * stepUs, count);
      }
    },
  };
}

/** Of all values of the parts together. */
export function summaryOf(...parts: readonly Latencies[]): LatencySummary {
  const histogram = createHistogram();
  for (const part of parts) part.addTo(histogram);
  const atMs = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1_000;
  return {
    count: histogram.totalCount,
    p50Ms: atMs(50),
    p90Ms: atMs(90),
    p99Ms: atMs(99),
    p999Ms: atMs(99.9),
    maxMs: histogram.maxValue / 1_000,
  };
}

function createHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: topMs * 1_000,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 64,
  });
}
