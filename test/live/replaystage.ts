/**
 * A replay on a clock, a socket and a database of the test's own.
 * Invariant: what it tells is written down with the moment of the clock; reads wait until the test answers them.
 */
import { expect } from 'vitest';
import { limits } from '../../src/limits.ts';
import { createReplay, type Replay } from '../../src/live/replay.ts';
import { encodeTrackFix } from '../../src/live/tracks.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { TrackFix } from '../../src/store/track.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import type { Encoded } from '../../src/wire/positions.ts';
import { createManualClock } from '../support/clock.ts';

export const startMs = 1_700_000_000_000;
/** Of a page. */
export const rows = 10;
const bounds = { ...limits, replayPageRowsMax: rows };

export const fixAt = (timeMs: number): TrackFix => ({
  timeMs,
  latitude: 52.6291031,
  longitude: -8.661723,
  speed: 1.24,
  course: null,
  altitude: 19.5,
  accuracy: null,
  satellites: 9,
  attributes: '{"ignition":true}',
  flags: 4,
});

/** What a client gets, with the moment of the clock. */
export type Told =
  | { readonly atMs: number; readonly timesMs: readonly number[] }
  | {
      readonly atMs: number;
      readonly event: string;
      readonly data: Readonly<Record<string, unknown>>;
    };

export type Stage = ReturnType<typeof openStage>;

export function openStage(timesMs: readonly number[], speed: number) {
  const clock = createManualClock();
  const metrics = createMetrics();
  const told: Told[] = [];
  let waitingBytes = 0;
  let ends = 0;
  /** Reads that are not answered yet. */
  const reads: { answer(): void; fail(): void }[] = [];
  const behind = (afterMs: number): readonly TrackFix[] =>
    timesMs
      .filter((timeMs) => timeMs > afterMs)
      .slice(0, rows)
      .map(fixAt);

  function hear(message: Encoded): void {
    const parsed = parseMessagePack(message as Uint8Array) as { readonly value: unknown[] };
    const [type, topic, positions, event, data] = parsed.value as [
      number,
      string,
      [string, number][],
      string,
      Record<string, unknown>,
    ];
    expect(topic).toBe('replay:1');
    const atMs = clock.monotonicMs();
    if (type === 51) told.push({ atMs, event, data });
    else told.push({ atMs, timesMs: positions.map(([, timeMs]) => timeMs) });
  }

  const replay: Replay = createReplay({
    socket: { send: hear, bufferedBytes: () => waitingBytes },
    codec: 'messagepack',
    topic: 'replay:1',
    fromMs: startMs,
    speed,
    first: behind(startMs - 1),
    read: (afterMs) =>
      new Promise((resolve, reject) => {
        const fail = (): void => reject(new Error('the database is away'));
        reads.push({ answer: () => resolve(behind(afterMs)), fail });
      }),
    encode: (fix) => encodeTrackFix('bus-1', fix, 'messagepack'),
    onEnd: () => void (ends += 1),
    clock,
    metrics,
    bounds,
  });
  /** As a call does it: the change, its answer, what follows. */
  const call = (change: (replay: Replay) => void): void => {
    change(replay);
    replay.play();
  };
  return {
    clock,
    metrics,
    replay,
    told,
    reads,
    call,
    get ends() {
      return ends;
    },
    stall: () => void (waitingBytes = limits.subscriberHighWaterBytes + 1),
    drain(bytes = 0): void {
      waitingBytes = bytes;
      replay.drained();
    },
    /** Answers every read, and those that follow. */
    async settle(): Promise<void> {
      for (let read = reads.shift(); read !== undefined; read = reads.shift()) {
        read.answer();
        await turn();
      }
    },
    /** All that was shown: fix and moment. */
    shown: () =>
      told.flatMap((one) =>
        'timesMs' in one ? one.timesMs.map((timeMs) => [timeMs, one.atMs] as const) : [],
      ),
    events: () => told.flatMap((one) => ('event' in one ? [[one.event, one.data] as const] : [])),
  };
}

export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
/** Times so long after the start. */
export const seconds = (...list: number[]): number[] => list.map((s) => startMs + s * 1_000);
/** One fix a second. */
export const everySecond = (count: number): number[] =>
  seconds(...Array.from({ length: count }, (_, index) => index));
