/**
 * Stored tracks, as the live plane reads them: a page at a time, beside the queries of the API.
 * Invariant: what fails is told to `onError` and thrown on; a fix is shown as it was when it came.
 * Bound: that of the reader; `replayPageRowsMax` fixes a page.
 */
import { vehicleKey } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Reader } from '../store/reader.ts';
import { fixOf, hasPositions, readTrack, type TrackFix, type TrackRange } from '../store/track.ts';
import type { Codec } from '../wire/encode.ts';
import { encodePosition, livePosition, type Encoded } from '../wire/positions.ts';
import type { Vehicles } from './vehicles.ts';

export interface TracksOptions {
  readonly reader: Pick<Reader, 'ask'>;
  readonly vehicles: Pick<Vehicles, 'find'>;
  /** The database did not answer. */
  readonly onError: (error: unknown) => void;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'replayPageRowsMax'>;
}

export interface Tracks {
  /** True where anything of the vehicle is known. */
  isKnown(tenant: string, vehicleId: string): Promise<boolean>;
  /** The fixes behind `afterMs`; fewer than `replayPageRowsMax` are the last. */
  read(range: TrackRange, afterMs: number): Promise<readonly TrackFix[]>;
}

export function createTracks(options: TracksOptions): Tracks {
  const { reader, bounds, metrics } = options;

  async function telling<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      options.onError(error);
      throw error;
    }
  }

  return {
    isKnown: (tenant, vehicleId) => telling(isKnownVehicle(options, tenant, vehicleId)),
    async read(range, afterMs) {
      const page = await telling(
        reader.ask((sql) => readTrack(sql, range, afterMs, bounds.replayPageRowsMax)),
      );
      metrics.counters.replayRowsRead += page.length;
      return page;
    },
  };
}

/** True where the vehicle is known, or a fix of it stored. */
export async function isKnownVehicle(
  { vehicles, reader }: Pick<TracksOptions, 'vehicles' | 'reader'>,
  tenant: string,
  vehicleId: string,
): Promise<boolean> {
  // What is only backfill, or from the future, never was a last known position.
  if (vehicles.find(tenant, vehicleId) !== null) return true;
  return reader.ask((sql) => hasPositions(sql, vehicleKey(tenant, vehicleId)));
}

/** A stored fix as `vehicle:<id>` has shown it. */
export function encodeTrackFix(vehicleId: string, fix: TrackFix, codec: Codec): Encoded {
  return encodePosition(livePosition(vehicleId, fixOf(fix), 1), codec);
}
