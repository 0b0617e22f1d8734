/**
 * One replay: the stored fixes of a vehicle, shown to one connection again at a pace of its own.
 * Invariant: between two seeks every fix comes once, in order, and none before its time. Nothing is left out for
 * a slow reader: the track stands still while its client does not read, while its next page is read, and while
 * it is paused. After the end nothing is sent.
 * Bound: one page, one read at a time, what waits in the socket up to `subscriberHighWaterBytes` and a frame;
 * `replayIdleMs` of standing still for its client.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { TrackFix } from '../store/track.ts';
import type { Codec } from '../wire/encode.ts';
import { positionFrames, type Encoded } from '../wire/positions.ts';
import type { PlainMap } from '../wire/types.ts';
import type { FeedSocket } from './feed.ts';
import {
  dueUntilMs,
  held,
  movedTo,
  paceFrom,
  placeAt,
  running,
  shortened,
  sought,
  waitMsOf,
  withSpeed,
} from './pace.ts';
import { stateFrame } from './states.ts';

export interface ReplayOptions {
  readonly socket: Pick<FeedSocket, 'send' | 'bufferedBytes'>;
  readonly codec: Codec;
  /** What its frames have as their topic. */
  readonly topic: string;
  readonly fromMs: number;
  readonly speed: number;
  /** The first page, which is read by now. */
  readonly first: readonly TrackFix[];
  /** The fixes behind `afterMs`; fewer than `replayPageRowsMax` are the last. */
  readonly read: (afterMs: number) => Promise<readonly TrackFix[]>;
  readonly encode: (fix: TrackFix) => Encoded;
  /** It has ended, whatever the cause. */
  readonly onEnd: () => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<
    Limits,
    | 'replayPageRowsMax'
    | 'replaySilenceMs'
    | 'replaySilenceWaitMs'
    | 'replayIdleMs'
    | 'tickMs'
    | 'publishBytesMax'
    | 'subscriberHighWaterBytes'
    | 'subscriberLowWaterBytes'
  >;
}

/** Why a replay has ended by itself. */
export type ReplayEnd = 'complete' | 'idle' | 'historyUnavailable';

export interface Replay {
  /** What is so of it now, as calls answer it. */
  state(): PlainMap;
  /** Shows what is due: to be called at first, and once a change has been answered. */
  play(): void;
  pause(): void;
  resume(): void;
  seek(timeMs: number): void;
  setSpeed(speed: number): void;
  /** The socket has room again. */
  drained(): void;
  /** Ends it without a word. */
  stop(): void;
}

interface Page {
  readonly timesMs: readonly number[];
  readonly positions: readonly Encoded[];
  /** Nothing is stored behind it. */
  readonly isLast: boolean;
}

const unread: Page = { timesMs: [], positions: [], isLast: false };

export function createReplay(options: ReplayOptions): Replay {
  const { socket, codec, topic, clock, bounds } = options;
  const { counters } = options.metrics;
  let pace = paceFrom(options.fromMs, options.speed);
  let page = pageOf(options.first);
  /** Of the page: the fix that is shown next. */
  let at = 0;
  /** The last fix that was read. */
  let readMs = page.timesMs.at(-1) ?? options.fromMs - 1;
  let isReading = false;
  let isPaused = false;
  /** The client does not read. */
  let isStalled = false;
  let hasEnded = false;
  /** What was read before a seek is of no use behind it. */
  let seeks = 0;
  let shown = 0;
  let lastMs: number | null = null;
  let timer: Timer | null = null;
  let idle: Timer | null = null;

  return {
    state: () => ({ isPaused, speed: pace.speed, placeMs: placeMs(), ...figures() }),
    play,
    pause: () => change(() => (isPaused = true)),
    resume: () => change(() => (isPaused = false)),
    seek: (timeMs) => change(() => jump(timeMs)),
    setSpeed: (speed) => change(() => (pace = withSpeed(pace, speed, clock.monotonicMs()))),
    drained() {
      if (!isStalled || socket.bufferedBytes() > bounds.subscriberLowWaterBytes) return;
      isStalled = false;
      play();
    },
    stop: finish,
  };

  function placeMs(): number {
    return Math.round(placeAt(pace, clock.monotonicMs()));
  }

  function figures(): PlainMap {
    return { shown, lastMs };
  }

  function pageOf(fixes: readonly TrackFix[]): Page {
    return {
      timesMs: fixes.map(({ timeMs }) => timeMs),
      positions: fixes.map(options.encode),
      isLast: fixes.length < bounds.replayPageRowsMax,
    };
  }

  /** What its client asks for shows that somebody is there. */
  function change(apply: () => void): void {
    idle?.cancel();
    idle = null;
    apply();
    settle();
  }

  function jump(timeMs: number): void {
    seeks += 1;
    page = unread;
    at = 0;
    readMs = timeMs - 1;
    pace = sought(pace, timeMs);
  }

  function play(): void {
    timer?.cancel();
    while (settle()) {
      const nextMs = page.timesMs[at];
      if (nextMs === undefined) return page.isLast ? end('complete') : readOn();
      approach(nextMs);
      const waitMs = waitMsOf(pace, nextMs, clock.monotonicMs());
      if (waitMs > 0) {
        timer = clock.after(Math.max(Math.ceil(waitMs), bounds.tickMs), play);
        return;
      }
      showDue();
    }
  }

  /** False while the track has to stand still, and its pace with it. */
  function settle(): boolean {
    if (hasEnded) return false;
    if (!isStalled && socket.bufferedBytes() > bounds.subscriberHighWaterBytes) {
      isStalled = true;
      counters.replaysStalled += 1;
    }
    if (!isPaused && !isStalled) idle?.cancel();
    idle = isPaused || isStalled ? (idle ?? clock.after(bounds.replayIdleMs, endIdle)) : null;
    const isGoing = !isPaused && !isStalled && !isReading;
    const nowMs = clock.monotonicMs();
    pace = isGoing ? running(pace, nowMs) : held(pace, nowMs);
    return isGoing;
  }

  /** Leaves out what is before the first fix, and what of a silence nobody would wait for. */
  function approach(nextMs: number): void {
    const nowMs = clock.monotonicMs();
    if (pace.isFresh) pace = movedTo(pace, nextMs, nowMs);
    if (lastMs === null) return;
    const after = shortened(pace, lastMs, nextMs, nowMs, bounds);
    if (after === null) return;
    counters.replaySilencesShortened += 1;
    const fromMs = placeMs();
    pace = after;
    socket.send(stateFrame(topic, 'skipped', { fromMs, toMs: placeMs() }, codec));
  }

  function showDue(): void {
    const nowMs = clock.monotonicMs();
    const untilMs = dueUntilMs(pace, nowMs);
    const later = page.timesMs.findIndex((timeMs, index) => index >= at && timeMs > untilMs);
    const due = page.positions.slice(at, later < 0 ? undefined : later);
    for (const frame of positionFrames(topic, due, codec, bounds.publishBytesMax)) {
      // What does not fit is due when the client has read.
      if (socket.bufferedBytes() > bounds.subscriberHighWaterBytes) break;
      socket.send(frame.message);
      at += frame.positions;
      shown += frame.positions;
      counters.replayFixesShown += frame.positions;
    }
    lastMs = page.timesMs[at - 1] ?? lastMs;
    if (pace.speed === 0 && lastMs !== null) pace = movedTo(pace, lastMs, nowMs);
  }

  function readOn(): void {
    const seeksBefore = seeks;
    isReading = true;
    settle();
    options.read(readMs).then(
      (fixes) => {
        isReading = false;
        if (hasEnded) return;
        if (seeksBefore === seeks) take(fixes);
        play();
      },
      () => {
        isReading = false;
        if (seeksBefore === seeks) end('historyUnavailable');
        else play();
      },
    );
  }

  function take(fixes: readonly TrackFix[]): void {
    page = pageOf(fixes);
    at = 0;
    readMs = page.timesMs.at(-1) ?? readMs;
  }

  function endIdle(): void {
    end('idle');
  }

  function end(reason: ReplayEnd): void {
    if (hasEnded) return;
    finish();
    counters[endCounters[reason]] += 1;
    socket.send(stateFrame(topic, 'ended', { reason, ...figures() }, codec));
  }

  function finish(): void {
    if (hasEnded) return;
    hasEnded = true;
    timer?.cancel();
    idle?.cancel();
    page = unread;
    options.onEnd();
  }
}

const endCounters = {
  complete: 'replaysCompleted',
  idle: 'replaysIdle',
  historyUnavailable: 'replaysBroken',
} as const satisfies Record<ReplayEnd, keyof Metrics['counters']>;
