/**
 * One subscription of a live client, over as many connections as it lives.
 * Invariant: `ready` is settled once; `onSnapshot` comes before anything else of each connection; the program
 * gets each event of a topic once and in order, or is told of a gap; after the end (asked for, told by the
 * engine, refused for good) no handler is called.
 * Bound: one request at a time; what may be better the next time is tried again with backoff.
 */
import { frameTypes, type Plain, type PlainMap } from '../wire/types.ts';
import { readSubscribeAnswer, type Answer, type SubscribeResult } from './answer.ts';
import { createCursor, readSince, type Resumed, type Since } from './cursor.ts';
import { createDeferred } from './deferred.ts';
import type { StateEvent, TopicEvent } from './event.ts';
import { LiveError, type Settle } from './request.ts';
import { createRetry } from './retry.ts';
import type { Conflated, Stream, StreamOptions, TopicReply } from './stream.ts';
import { fromLivePosition, type Position } from './units.ts';

/** Events that the engine could not give back. */
export interface Gap {
  readonly topic: string;
  /** The last event that was handed over before it. */
  readonly since: { readonly epoch: string; readonly offset: number };
  /** Live events go on after its `offset`; its `events` are the open state, some of them seen before. */
  readonly result: SubscribeResult;
}

export interface SubscriptionHandlers {
  /**
   * The state of the topic when the subscription starts, and again after each reconnect. Of an event topic
   * `positions` is empty. Where `result.recovered` is true, what the program has still holds: the missed
   * events follow through `onEvent`, before any live one. Where it is false, what `result` has replaces what
   * the program has.
   */
  onSnapshot(positions: readonly Position[], result: SubscribeResult): void;
  onPositions?: ((positions: readonly Position[]) => void) | undefined;
  /** Each event once, in the order of the offsets. */
  onEvent?: ((event: TopicEvent) => void) | undefined;
  /** The newest state; states that came while there was no connection are not made up for. */
  onState?: ((event: StateEvent) => void) | undefined;
  /** Events may be missing after a reconnect: called after the `onSnapshot` that could not recover them. */
  onGap?: ((gap: Gap) => void) | undefined;
  onConflated?: ((conflated: Conflated) => void) | undefined;
  /**
   * A subscribe was refused, or its answer or an event leaves out events; where the error is temporary it
   * is tried again.
   */
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

export interface SubscriptionOptions extends StreamOptions {
  readonly topic: string;
  readonly handlers: SubscriptionHandlers;
  readonly options: PlainMap | null;
}

export interface Subscription extends Stream {
  readonly handle: Subscribed;
}

export function createSubscription(options: SubscriptionOptions): Subscription {
  const { topic, handlers } = options;
  const retry = createRetry(options);
  /** Of the connections that events were missed on. */
  const eventRetry = createRetry(options);
  const { since: initial, ...plainOptions } = options.options ?? {};
  const cursor = createCursor(readSince(initial));
  const ready = createDeferred<SubscribeResult>();
  let hasEnded = false;
  /** On this connection. What comes before belongs to an earlier subscription of the topic. */
  let isAnswered = false;

  return {
    handle: { topic, ready: ready.promise, unsubscribe },
    start,
    stop() {
      isAnswered = false;
      retry.cancel();
    },
    receive,
    fail(error) {
      if (hasEnded) return;
      end(error);
      handlers.onError?.(error);
    },
  };

  function start(): void {
    if (hasEnded || !options.isOpen()) return;
    const { asks } = cursor;
    const asked = asks === null ? plainOptions : { ...plainOptions, since: asks };
    const frameOptions = Object.keys(asked).length === 0 ? null : asked;
    options.request(
      (request) => ({ type: frameTypes.subscribe, request, topic, options: frameOptions }),
      { onResult, onError },
    );
  }

  function onResult(value: Plain): void {
    if (hasEnded) return;
    const answer = readSubscribeAnswer(topic, value);
    if (answer === null) {
      const message = `the answer to the subscription of ${topic} is malformed`;
      void leave();
      return onError(new LiveError('malformed', 0, message, false));
    }
    const { since } = cursor;
    const resumed = cursor.resume(answer.result);
    if (resumed === 'contradicted') {
      return startAnew(`the answer to the subscription of ${topic} contradicts itself`);
    }
    retry.succeeded();
    isAnswered = true;
    deliver(answer, resumed, since);
  }

  function deliver(answer: Answer<SubscribeResult>, resumed: Resumed, since: Since | null): void {
    const result = { ...answer.result, recovered: resumed === 'recovered' };
    ready.resolve(result);
    handlers.onSnapshot(answer.positions, result);
    if (resumed === 'missed' && since !== null && !hasEnded) {
      handlers.onGap?.({ topic, since: { epoch: since[0], offset: since[1] }, result });
    }
    for (const event of result.recovered ? result.events : []) {
      if (hasEnded) return;
      cursor.pass(event.offset);
      handlers.onEvent?.(event);
    }
  }

  /** Drops a connection on which events would be missed. */
  function startAnew(message: string): void {
    eventRetry.reconnect();
    // Whoever is told of the lost connection may have closed the client.
    if (!hasEnded) handlers.onError?.(new LiveError('malformed', 0, message, true));
  }

  function onError(error: LiveError): void {
    // A lost connection starts it again by itself.
    if (hasEnded || error.kind === 'closed') return;
    if (!error.temporary) {
      end(error);
      handlers.onError?.(error);
    } else {
      retry.plan(error, start);
      // Whoever is told of the lost connection may have closed the client.
      if (!hasEnded) handlers.onError?.(error);
    }
  }

  function receive(reply: TopicReply): boolean {
    if (!isAnswered) return false;
    switch (reply.type) {
      case frameTypes.livePositions:
        handlers.onPositions?.(reply.positions.map(fromLivePosition));
        return true;
      case frameTypes.event: {
        const { offset, event, data } = reply;
        if (offset > 0) return onEvent({ topic, offset, event, data, timeMs: null });
        handlers.onState?.({ topic, event, data });
        return true;
      }
      case frameTypes.conflated:
        handlers.onConflated?.({ skipped: reply.skipped, durationMs: reply.durationMs });
        return true;
      case frameTypes.unsubscribed:
        end(new LiveError('refused', 0, `unsubscribed: ${reply.reason}`, false));
        handlers.onUnsubscribed?.(reply.reason);
        return true;
    }
  }

  function onEvent(event: TopicEvent): boolean {
    const passed = cursor.pass(event.offset);
    if (passed === 'next') {
      eventRetry.succeeded();
      // Moved on before: a handler that throws must not have the same event come for ever.
      handlers.onEvent?.(event);
    } else if (passed === 'skipped') {
      startAnew(`event ${event.offset} of ${topic} came after ${cursor.since?.[1]}`);
    }
    return passed === 'next';
  }

  function unsubscribe(): Promise<void> {
    if (hasEnded) return Promise.resolve();
    end(new LiveError('closed', 0, `unsubscribed from ${topic}`, false));
    return leave();
  }

  function leave(): Promise<void> {
    if (!options.isOpen()) return Promise.resolve();
    return new Promise((resolve) => {
      // Whatever the engine answers, and even if it does not, this client has left the topic.
      const settle: Settle = { onResult: () => resolve(), onError: () => resolve() };
      options.request((request) => ({ type: frameTypes.unsubscribe, request, topic }), settle);
    });
  }

  function end(error: LiveError): void {
    hasEnded = true;
    retry.cancel();
    options.onEnd();
    ready.reject(error);
  }
}
