/**
 * A track on its way to the engine: when each of its points is due, and the sending of them.
 * Invariant: each (vehicle, time) is sent once; the order and the times are those of the track.
 * Bound: what is not acknowledged waits in the client's backlog, and the track waits for room in it.
 */
import type { DeviceClient } from '../client/device.ts';
import type { DeviceFix } from '../client/units.ts';
import type { Clock } from '../clock.ts';
import type { TrackPoint } from './gpx.ts';
import { pauseFor } from './wait.ts';

export interface TrackFix {
  readonly fix: DeviceFix;
  /** When it is due, ms after the start. */
  readonly dueMs: number;
}

export interface Pace {
  /** How many times faster than it happened; 0 for as fast as it goes. */
  readonly speed: number;
  /** The time that the first fix gets; the others follow at the pace. `null` keeps the track's times. */
  readonly startMs: number | null;
}

/** The fixes of a track, without those whose time another one has already. */
export function scheduleTrack(points: readonly TrackPoint[], pace: Pace): readonly TrackFix[] {
  const firstMs = points[0]?.timeMs ?? 0;
  const times = new Set<number>();
  const track: TrackFix[] = [];
  for (const point of points) {
    const elapsedMs = point.timeMs - firstMs;
    const dueMs = pace.speed === 0 ? 0 : elapsedMs / pace.speed;
    const timeMs = pace.startMs === null ? point.timeMs : Math.round(pace.startMs + dueMs);
    if (times.has(timeMs)) continue;
    times.add(timeMs);
    const { latitude, longitude, altitude } = point;
    track.push({ fix: { timeMs, latitude, longitude, altitude }, dueMs });
  }
  return track;
}

export interface Playing {
  readonly client: DeviceClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onSend?(fix: DeviceFix): void;
}

/** Sends the fixes, each when it is due; returns early when `signal` is aborted. */
export async function playTrack(track: readonly TrackFix[], playing: Playing): Promise<void> {
  const { client, clock, signal } = playing;
  const startMs = clock.monotonicMs();
  const broken = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (const { fix, dueMs } of track) {
    if (signal.aborted) return;
    const aheadMs = startMs + dueMs - clock.monotonicMs();
    if (aheadMs > 0) await pauseFor(clock, aheadMs, signal);
    if (client.isFull) await Promise.race([client.room(), broken]);
    if (signal.aborted) return;
    playing.onSend?.(fix);
    client.send(fix);
  }
}
