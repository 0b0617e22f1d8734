/**
 * Bounds of replays, which show a stored track again. A part of `limits`.
 * Invariant: what a replay holds is one page, and what waits in its socket; both are small beside a connection's own.
 */
import type { Relation } from './relation.ts';

export const replayLimits = {
  /** Replays of one connection: a few vehicles beside each other. */
  replaysPerConnectionMax: 4,
  /** Of one user, so that one cannot take them all. */
  replaysPerUserMax: 10,
  /** In all. Each holds a page: some 30 KB, 600 KB where every fix has the most attributes. */
  replaysMax: 100,
  /** The time that one replay may be of. */
  replayRangeMaxMs: 31 * 86_400_000,
  /** Fixes of one page, which is one statement, and one turn of the event loop to encode. */
  replayPageRowsMax: 500,
  /** Seconds of the track in one of the clock. */
  replaySpeedMin: 0.1,
  replaySpeedMax: 1_000,
  /** Fixes further apart are a silence: no device is asked to report less often (`reportLowBatteryMs`). */
  replaySilenceMs: 60_000,
  /** How long a silence lasts for who watches, at the most. */
  replaySilenceWaitMs: 10_000,
  /** One that is paused, or whose client does not read, ends after this: it holds a page and a place. */
  replayIdleMs: 10 * 60_000,
} as const;

/** With what they depend on of the others. */
type Bounds = Readonly<
  Record<
    | keyof typeof replayLimits
    | 'apiPageRowsMax'
    | 'apiRangeMaxMs'
    | 'reportLowBatteryMs'
    | 'attributesBytesMax'
    | 'publishBytesMax'
    | 'subscriberHighWaterBytes'
    | 'subscriberBackpressureBytesMax',
    number
  >
>;

export function replayRelations(bounds: Bounds): readonly Relation[] {
  return [
    {
      holds:
        bounds.replaysPerConnectionMax <= bounds.replaysPerUserMax &&
        bounds.replaysPerUserMax <= bounds.replaysMax,
      sentence: 'replaysPerConnectionMax <= replaysPerUserMax <= replaysMax',
    },
    {
      holds:
        bounds.replayPageRowsMax <= bounds.apiPageRowsMax &&
        bounds.replayRangeMaxMs <= bounds.apiRangeMaxMs,
      sentence: 'a replay must not read more than a request (apiPageRowsMax, apiRangeMaxMs)',
    },
    {
      holds: 0 < bounds.replaySpeedMin && bounds.replaySpeedMin <= bounds.replaySpeedMax,
      sentence: 'replaySpeedMin must be positive, and replaySpeedMax not smaller',
    },
    {
      holds: bounds.reportLowBatteryMs <= bounds.replaySilenceMs,
      sentence:
        'replaySilenceMs must hold the slowest report that is asked for (reportLowBatteryMs)',
    },
    {
      holds: bounds.replaySilenceWaitMs < bounds.replayIdleMs,
      sentence: 'replayIdleMs must be longer than a silence (replaySilenceWaitMs)',
    },
    {
      // A frame that is dropped would be a fix that nobody sees.
      holds:
        bounds.subscriberHighWaterBytes + bounds.publishBytesMax + 2 * bounds.attributesBytesMax <
        bounds.subscriberBackpressureBytesMax,
      sentence:
        'subscriberBackpressureBytesMax must hold a frame of a replay (publishBytesMax) above ' +
        'subscriberHighWaterBytes',
    },
  ];
}
