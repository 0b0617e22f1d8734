/**
 * A stored track that the engine shows again to this client.
 * Invariant: each fix comes once and in order, from the start or the last seek on; `onEnd` is called once, unless the
 * program has stopped it; after the end no handler is called.
 * Bound: it lives as long as its connection: the engine forgets it with that, and ids are of one connection.
 */
import { isCount, isPlainMap } from '../wire/attributes.ts';
import { frameTypes, type Plain, type PlainMap } from '../wire/types.ts';
import { createDeferred } from './deferred.ts';
import { LiveError } from './request.ts';
import type { Stream, TopicReply } from './stream.ts';
import { fromLivePosition, type Position } from './units.ts';

export interface ReplayAsked {
  readonly vehicle: string;
  /** Unix ms, UTC; `toMs` is the first moment behind it. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Times as fast as it was; 0 or nothing is as fast as this client reads. */
  readonly speed?: number;
  /** With fixes that were filtered. */
  readonly raw?: boolean;
}

/** A replay as the engine knows it. */
export interface ReplayState {
  readonly isPaused: boolean;
  readonly speed: number;
  /** Where in the track it is. */
  readonly placeMs: number;
  /** Fixes that it has shown. */
  readonly shown: number;
  /** The time of the last of them. */
  readonly lastMs: number | null;
}

/** What is left out of a time without fixes. */
export interface ReplaySilence {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ReplayEnd {
  /**
   * `complete`: all was shown; `idle`: it was paused, or not read, for too long; `historyUnavailable`: the rest could
   * not be read; `notAllowed`: a new token does not allow the vehicle; `closed`: the connection has ended.
   */
  readonly reason: string;
  readonly shown: number;
  readonly lastMs: number | null;
}

export interface ReplayHandlers {
  onPositions(positions: readonly Position[]): void;
  onSilence?: ((silence: ReplaySilence) => void) | undefined;
  onEnd?: ((end: ReplayEnd) => void) | undefined;
}

/** What `replay` returns. All of it rejects with a `LiveError` once the replay has ended. */
export interface Replaying {
  /** It has begun. */
  readonly ready: Promise<ReplayState>;
  pause(): Promise<ReplayState>;
  resume(): Promise<ReplayState>;
  /** Goes on with the first fix from there. */
  seek(timeMs: number): Promise<ReplayState>;
  setSpeed(speed: number): Promise<ReplayState>;
  /** Ends it; resolves when the engine has, or needs not. */
  stop(): Promise<void>;
}

export interface ReplayOptions {
  readonly handlers: ReplayHandlers;
  call(method: string, params: Plain): Promise<Plain>;
  /** From here on the frames of the topic are for it. */
  onBegin(topic: string): void;
  onEnd(topic: string): void;
}

export interface Replay extends Stream {
  readonly handle: Replaying;
  /** The answer to its start. */
  begin(answer: Plain): void;
}

interface Begun {
  readonly id: string;
  readonly topic: string;
}

export function createReplay({ handlers, call, onBegin, onEnd }: ReplayOptions): Replay {
  const ready = createDeferred<ReplayState>();
  let begun: Begun | null = null;
  let hasEnded = false;
  let shown = 0;
  let lastMs: number | null = null;

  return {
    handle: {
      ready: ready.promise,
      pause: () => change('pause'),
      resume: () => change('resume'),
      seek: (timeMs) => change('seek', { timeMs }),
      setSpeed: (speed) => change('speed', { speed }),
      stop,
    },
    begin,
    // It is begun by its answer, on the connection that it lives on.
    start: () => undefined,
    stop: () => finish('closed'),
    receive,
    fail(error) {
      ready.reject(error);
      finish('closed');
    },
  };

  function begin(answer: Plain): void {
    const named = readBegun(answer);
    const state = readState(answer);
    if (named === null || state === null) return ready.reject(malformed());
    if (hasEnded) return void tellStop(named);
    begun = named;
    onBegin(named.topic);
    ready.resolve(state);
  }

  function receive(reply: TopicReply): boolean {
    switch (reply.type) {
      case frameTypes.livePositions:
        shown += reply.positions.length;
        lastMs = reply.positions.at(-1)?.[1] ?? lastMs;
        handlers.onPositions(reply.positions.map(fromLivePosition));
        return true;
      case frameTypes.event:
        return onState(reply.event, reply.data);
      case frameTypes.unsubscribed:
        finish('notAllowed');
        return true;
      default:
        return false;
    }
  }

  function onState(event: string, data: Plain): boolean {
    if (!isPlainMap(data)) return false;
    const { fromMs, toMs, reason } = data;
    if (event === 'skipped' && isCount(fromMs) && isCount(toMs)) {
      handlers.onSilence?.({ fromMs, toMs });
      return true;
    }
    if (event !== 'ended' || typeof reason !== 'string') return false;
    finish(reason);
    return true;
  }

  function finish(reason: string): void {
    if (hasEnded) return;
    const wasBegun = end();
    if (wasBegun) handlers.onEnd?.({ reason, shown, lastMs });
  }

  /** True where it had begun. */
  function end(): boolean {
    hasEnded = true;
    if (begun === null) return false;
    onEnd(begun.topic);
    return true;
  }

  async function change(method: string, params: PlainMap = {}): Promise<ReplayState> {
    await ready.promise;
    if (hasEnded || begun === null) {
      throw new LiveError('closed', 0, 'the replay has ended', false);
    }
    const state = readState(await call(`replay.${method}`, { id: begun.id, ...params }));
    if (state === null) throw malformed();
    return state;
  }

  async function stop(): Promise<void> {
    if (hasEnded) return;
    end();
    ready.reject(new LiveError('closed', 0, 'the replay was stopped', false));
    if (begun !== null) await tellStop(begun);
  }

  // Whatever the engine answers, it has ended: one that is refused is not there any more.
  async function tellStop({ id }: Begun): Promise<void> {
    await call('replay.stop', { id }).catch(() => undefined);
  }
}

function malformed(): LiveError {
  return new LiveError('malformed', 0, 'the answer to a call of a replay is malformed', false);
}

function readBegun(answer: Plain): Begun | null {
  if (!isPlainMap(answer)) return null;
  const { id, topic } = answer;
  return typeof id === 'string' && typeof topic === 'string' ? { id, topic } : null;
}

function readState(answer: Plain): ReplayState | null {
  if (!isPlainMap(answer)) return null;
  const { isPaused, speed, placeMs, shown, lastMs = null } = answer;
  if (typeof isPaused !== 'boolean' || typeof speed !== 'number' || !isCount(placeMs)) return null;
  if (!isCount(shown) || (lastMs !== null && !isCount(lastMs))) return null;
  return { isPaused, speed, placeMs, shown, lastMs };
}
