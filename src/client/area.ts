/**
 * The area of a live client: the vehicles within bounds that may be moved, over as many connections as it
 * lives.
 * Invariant: `onSnapshot` comes before anything else of each connection; the newest bounds are those asked
 * for in the end, and each move is settled by an answer to its own bounds or to newer ones; after the end
 * (asked for, told by the engine, refused for good) no handler is called.
 * Bound: one request at a time, one in `clientAreaIntervalMs`, and the newest bounds that wait for their turn,
 * however many moves are made.
 */
import type { Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import { frameTypes, type Plain, type PlainMap } from '../wire/types.ts';
import { readAreaAnswer, type AreaResult } from './answer.ts';
import { areaText, areaTopic, type AreaBounds } from './bounds.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import { LiveError, type Settle } from './request.ts';
import { createRetry } from './retry.ts';
import type { Conflated, Stream, StreamOptions, TopicReply } from './stream.ts';
import { fromLivePosition, type Position } from './units.ts';

export interface AreaHandlers {
  /**
   * After the first answer, after each move and after each reconnect. `result.moved` says what to drop:
   * false, all that the program had; true, what is not in `result.area` (`isWithin`). Where it is large, the
   * rest of it comes through `onPositions`.
   */
  onSnapshot(positions: readonly Position[], result: AreaResult): void;
  onPositions(positions: readonly Position[]): void;
  /** These vehicles have left the area. */
  onLeft(vehicles: readonly string[]): void;
  onConflated?: ((conflated: Conflated) => void) | undefined;
  /** The area or a move was refused; where the error is temporary it is tried again. */
  onError?: ((error: LiveError) => void) | undefined;
  /** The engine ended the subscription. */
  onUnsubscribed?: ((reason: string) => void) | undefined;
}

/** What `area` returns. */
export interface AreaSubscribed {
  /** The first result; rejects with a `LiveError` when there will be none. */
  readonly ready: Promise<AreaResult>;
  /**
   * Moves the area; without a connection, at the next one. A move that is overtaken by a newer one may
   * resolve with the result of the newer. Rejects with a `LiveError` where it is refused for good, the area
   * then staying where it was, or where the area has ended.
   */
  move(bounds: AreaBounds): Promise<AreaResult>;
  /** Resolves when the engine has confirmed it, or needs not. */
  unsubscribe(): Promise<void>;
}

export type AreaRateBounds = Pick<Limits, 'clientAreaIntervalMs'>;

export interface AreaOptions extends StreamOptions {
  readonly bounds: StreamOptions['bounds'] & AreaRateBounds;
  readonly area: AreaBounds;
  readonly handlers: AreaHandlers;
  readonly options: PlainMap | null;
}

export interface Area extends Stream {
  readonly handle: AreaSubscribed;
}

type Move = Deferred<AreaResult> | null;

export function createArea(options: AreaOptions): Area {
  const { clock, handlers } = options;
  const retry = createRetry(options);
  const first = createDeferred<AreaResult>();
  let wanted: AreaBounds = { ...options.area };
  /** The last bounds that the engine has accepted. */
  let held: AreaBounds | null = null;
  /** The request under way, and the moves that its answer settles. */
  let asked: { readonly area: AreaBounds; readonly move: Move } | null = null;
  /** The moves that the next request settles. */
  let waiting: Move = first;
  /** On this connection. What comes before belongs to an earlier area. */
  let isSubscribed = false;
  let ended: LiveError | null = null;
  /** When the next request may be made: an engine closes a connection that makes too many. */
  let notBeforeMs = -Infinity;
  /** Makes the request that has to wait for it. */
  let pace: Timer | null = null;

  return {
    handle: { ready: first.promise, move, unsubscribe },
    start: ask,
    stop() {
      isSubscribed = false;
      retry.cancel();
      pace?.cancel();
      pace = null;
      notBeforeMs = -Infinity;
    },
    receive,
    fail(error) {
      if (ended !== null) return;
      end(error);
      handlers.onError?.(error);
    },
  };

  function move(bounds: AreaBounds): Promise<AreaResult> {
    const mine = waiting ?? createDeferred<AreaResult>();
    if (ended !== null) {
      mine.reject(ended);
    } else {
      wanted = { ...bounds };
      waiting = mine;
      ask();
    }
    return mine.promise;
  }

  function ask(): void {
    if (ended !== null || asked !== null || retry.isPlanned || !options.isOpen()) return;
    const nowMs = clock.monotonicMs();
    if (nowMs < notBeforeMs) {
      pace ??= clock.after(notBeforeMs - nowMs, () => {
        pace = null;
        ask();
      });
      return;
    }
    notBeforeMs = nowMs + options.bounds.clientAreaIntervalMs;
    const topic = areaText(wanted);
    asked = { area: wanted, move: waiting };
    waiting = null;
    options.request(
      (request) => ({ type: frameTypes.subscribe, request, topic, options: options.options }),
      { onResult, onError },
    );
  }

  function onResult(value: Plain): void {
    if (ended !== null || asked === null) return;
    const answer = readAreaAnswer(value);
    if (answer === null) {
      void leave();
      return onError(new LiveError('malformed', 0, 'the answer to the area is malformed', false));
    }
    const { area, move } = asked;
    asked = null;
    if (answer.result.moved && !isSubscribed) {
      // The engine has an area that this client knows nothing of: the snapshot is not all.
      waitAgain(move);
      return retry.reconnect();
    }
    isSubscribed = true;
    held = area;
    retry.succeeded();
    // All is done before: a handler may move the area again, end it, or throw.
    move?.resolve(answer.result);
    if (wanted !== area) ask();
    handlers.onSnapshot(answer.positions, answer.result);
  }

  function onError(error: LiveError): void {
    if (ended !== null || asked === null) return;
    const { area, move } = asked;
    asked = null;
    if (error.temporary || error.kind === 'closed') {
      waitAgain(move);
      // A lost connection starts it again by itself.
      if (error.kind === 'closed') return;
      retry.plan(error, ask);
      // Whoever is told of the lost connection may have closed the client.
      if (ended !== null) return;
    } else if (error.kind === 'refused' && wanted !== area) {
      waitAgain(move);
      ask();
    } else if (error.kind === 'refused' && held !== null && held !== area) {
      wanted = held;
      move?.reject(error);
      if (!isSubscribed) ask();
    } else {
      move?.reject(error);
      end(error);
    }
    handlers.onError?.(error);
  }

  function waitAgain(move: Move): void {
    if (waiting === null) waiting = move;
    else move?.resolve(waiting.promise);
  }

  function receive(reply: TopicReply): boolean {
    if (!isSubscribed) return false;
    switch (reply.type) {
      case frameTypes.livePositions:
        handlers.onPositions(reply.positions.map(fromLivePosition));
        return true;
      case frameTypes.event:
        if (reply.event !== 'left' || !isVehicles(reply.data)) return false;
        handlers.onLeft(reply.data);
        return true;
      case frameTypes.conflated:
        handlers.onConflated?.({ skipped: reply.skipped, durationMs: reply.durationMs });
        return true;
      case frameTypes.unsubscribed:
        end(new LiveError('refused', 0, `unsubscribed: ${reply.reason}`, false));
        handlers.onUnsubscribed?.(reply.reason);
        return true;
    }
  }

  function unsubscribe(): Promise<void> {
    if (ended !== null) return Promise.resolve();
    end(new LiveError('closed', 0, 'unsubscribed from the area', false));
    return leave();
  }

  function leave(): Promise<void> {
    if (!options.isOpen()) return Promise.resolve();
    return new Promise((resolve) => {
      // Whatever the engine answers, and even if it does not, this client has left the area.
      const settle: Settle = { onResult: () => resolve(), onError: () => resolve() };
      options.request(
        (request) => ({ type: frameTypes.unsubscribe, request, topic: areaTopic }),
        settle,
      );
    });
  }

  function end(error: LiveError): void {
    ended = error;
    retry.cancel();
    pace?.cancel();
    options.onEnd();
    asked?.move?.reject(error);
    waiting?.reject(error);
  }
}

function isVehicles(data: Plain): data is readonly string[] {
  return Array.isArray(data) && data.every((vehicle) => typeof vehicle === 'string');
}
