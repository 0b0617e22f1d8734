/**
 * One subscription of a live client, over as many connections as it lives.
 * Invariant: `ready` is settled once; `onSnapshot` comes before the positions of each connection; after
 * the end (asked for, told by the engine, refused for good) no handler is called.
 * Bound: one request at a time; a temporary refusal is tried again with backoff.
 */
import type { Clock, Timer } from '../clock.ts';
import { isPlainMap } from '../wire/attributes.ts';
import { isPositions } from '../wire/reply.ts';
import {
  frameTypes,
  type Plain,
  type PlainMap,
  type SubscriberFrame,
  type SubscriberReply,
  type SubscribeResult,
} from '../wire/types.ts';
import { backoffDelayMs, type BackoffBounds } from './backoff.ts';
import { LiveError, type Settle } from './request.ts';
import { fromLivePosition, type Position } from './units.ts';

export interface TopicEvent {
  readonly topic: string;
  readonly offset: number;
  readonly event: string;
  readonly data: Plain;
}

export interface Conflated {
  /** Positions left out for newer ones. */
  readonly skipped: number;
  readonly durationMs: number;
}

export interface SubscriptionHandlers {
  /** The state of the topic when the subscription starts, and again after each reconnect. */
  onSnapshot(positions: readonly Position[], result: SubscribeResult): void;
  onPositions(positions: readonly Position[]): void;
  onEvent?: ((event: TopicEvent) => void) | undefined;
  onConflated?: ((conflated: Conflated) => void) | undefined;
  /** A subscribe was refused; where the error is temporary it is tried again. */
  onError?: ((error: LiveError) => void) | undefined;
  /** The engine ended the subscription. */
  onUnsubscribed?: ((reason: string) => void) | undefined;
}

/** What `subscribe` returns. */
export interface Subscribed {
  readonly topic: string;
  /** The first result; rejects with a `LiveError` when there will be none. */
  readonly ready: Promise<SubscribeResult>;
  /** Resolves when the engine has confirmed it, or needs not. */
  unsubscribe(): Promise<void>;
}

export type TopicReply = Extract<SubscriberReply, { readonly topic: string }>;

export interface SubscriptionOptions {
  readonly topic: string;
  readonly handlers: SubscriptionHandlers;
  readonly options: PlainMap | null;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bounds: BackoffBounds;
  isOpen(): boolean;
  request(frame: (id: number) => SubscriberFrame, settle: Settle): void;
  /** Drops the connection and comes back after `delayMs`. */
  reconnect(delayMs: number): void;
  onEnd(): void;
}

export interface Subscription {
  readonly handle: Subscribed;
  /** A connection is open. */
  start(): void;
  /** The connection is lost. */
  stop(): void;
  receive(reply: TopicReply): void;
  /** Ends it with an error. */
  fail(error: LiveError): void;
}

export function createSubscription(options: SubscriptionOptions): Subscription {
  const { topic, handlers, clock } = options;
  let hasEnded = false;
  let failures = 0;
  let retry: Timer | null = null;
  /** Where the topic's events were when they were last seen. */
  let since: readonly [epoch: string, offset: number] | null = null;
  let resolveReady: (result: SubscribeResult) => void;
  let rejectReady: (error: LiveError) => void;
  const ready = new Promise<SubscribeResult>((resolve, reject) => {
    resolveReady = resolve;
    rejectReady = reject;
  });
  // Whoever does not wait for `ready` hears of the same error through `onError`.
  ready.catch(() => undefined);

  return {
    handle: { topic, ready, unsubscribe },
    start,
    stop: () => retry?.cancel(),
    receive,
    fail(error) {
      if (hasEnded) return;
      end(error);
      handlers.onError?.(error);
    },
  };

  function start(): void {
    const frameOptions = since === null ? options.options : { ...options.options, since };
    options.request(
      (request) => ({ type: frameTypes.subscribe, request, topic, options: frameOptions }),
      { onResult, onError },
    );
  }

  function onResult(value: Plain): void {
    if (hasEnded) return;
    const result = subscribeResult(value);
    if (result === null) {
      const message = `the answer to the subscription of ${topic} is malformed`;
      return onError(new LiveError('malformed', 0, message, false));
    }
    failures = 0;
    since = [result.epoch, result.offset];
    const positions = isPositions(result.snapshot) ? result.snapshot.map(fromLivePosition) : [];
    handlers.onSnapshot(positions, result);
    resolveReady(result);
  }

  function onError(error: LiveError): void {
    // A lost connection starts it again by itself.
    if (hasEnded || error.kind === 'closed') return;
    if (!error.temporary) end(error);
    // The engine may have subscribed it all the same: only a new connection is sure to agree.
    else if (error.kind === 'timeout') options.reconnect(nextDelayMs());
    else retry = clock.after(nextDelayMs(), startAgain);
    handlers.onError?.(error);
  }

  function nextDelayMs(): number {
    return backoffDelayMs(failures++, options.random, options.bounds);
  }

  function startAgain(): void {
    if (!hasEnded && options.isOpen()) start();
  }

  function receive(reply: TopicReply): void {
    switch (reply.type) {
      case frameTypes.livePositions:
        return handlers.onPositions(reply.positions.map(fromLivePosition));
      case frameTypes.event:
        if (since !== null) since = [since[0], reply.offset];
        return handlers.onEvent?.(reply);
      case frameTypes.conflated:
        return handlers.onConflated?.({ skipped: reply.skipped, durationMs: reply.durationMs });
      case frameTypes.unsubscribed:
        end(new LiveError('refused', 0, `unsubscribed: ${reply.reason}`, false));
        return handlers.onUnsubscribed?.(reply.reason);
    }
  }

  function unsubscribe(): Promise<void> {
    if (hasEnded) return Promise.resolve();
    end(new LiveError('closed', 0, `unsubscribed from ${topic}`, false));
    if (!options.isOpen()) return Promise.resolve();
    return new Promise((resolve) => {
      // Whatever the engine answers, and even if it does not, this client has left the topic.
      const settle: Settle = { onResult: () => resolve(), onError: () => resolve() };
      options.request((request) => ({ type: frameTypes.unsubscribe, request, topic }), settle);
    });
  }

  function end(error: LiveError): void {
    hasEnded = true;
    retry?.cancel();
    options.onEnd();
    rejectReady(error);
  }
}

function subscribeResult(value: Plain): SubscribeResult | null {
  if (!isPlainMap(value)) return null;
  const { epoch, offset, wasRecovering, recovered, snapshot } = value;
  if (typeof epoch !== 'string' || !Number.isSafeInteger(offset)) return null;
  if (typeof wasRecovering !== 'boolean' || typeof recovered !== 'boolean') return null;
  if (!Array.isArray(snapshot)) return null;
  return { epoch, offset: offset as number, wasRecovering, recovered, snapshot };
}
