/**
 * The live client: subscriptions that survive lost connections, and calls.
 * Invariant: a subscription gets its snapshot before anything else, on each connection again, until it is
 * ended by the program, by the engine or by a refusal that is not temporary; a call is settled once.
 * Bound: one subscription a topic, one area; `clientRequestsMax` requests that wait for an answer, those that
 * wait for a connection among them.
 */
import { systemClock, type Clock } from '../clock.ts';
import { refusals, type RefusalName } from '../errors.ts';
import { limits } from '../limits.ts';
import { encodeSubscriberFrame, subprotocols, type Codec } from '../wire/encode.ts';
import { parseJson } from '../wire/json.ts';
import { parseMessagePack } from '../wire/messagepack.ts';
import { readSubscriberReply } from '../wire/reply.ts';
import {
  frameTypes,
  type Plain,
  type PlainMap,
  type SubscriberFrame,
  type SubscriberReply,
  type SubscriberSession,
} from '../wire/types.ts';
import { createArea, type AreaHandlers, type AreaRateBounds, type AreaSubscribed } from './area.ts';
import { areaTopic, type AreaBounds } from './bounds.ts';
import {
  createConnection,
  type ConnectionBounds,
  type ConnectionState,
  type TokenSource,
} from './connection.ts';
import { createReplay, type ReplayAsked, type ReplayHandlers, type Replaying } from './replay.ts';
import { createRequests, LiveError, type RequestBounds, type Settle } from './request.ts';
import type { WebSocketConstructor } from './socket.ts';
import type { Stream, StreamOptions } from './stream.ts';
import { createSubscription, type Subscribed, type SubscriptionHandlers } from './subscription.ts';

export interface LiveClientOptions {
  /** `ws://host:port/v1/live`, or `wss://`. */
  readonly url: string;
  readonly token: TokenSource;
  readonly codec?: Codec | undefined;
  readonly onState?: ((state: ConnectionState) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly bounds?: Partial<ConnectionBounds & RequestBounds & AreaRateBounds> | undefined;
}

export interface LiveClient {
  readonly state: ConnectionState;
  readonly session: SubscriberSession | null;
  /**
   * Messages of the engine that were not handed on: not understood, of nothing that is subscribed, or events
   * that came again or out of their order.
   */
  readonly ignored: number;
  /**
   * A program that keeps its place in an event topic gives it as `options.since`, `[epoch, offset]` of the last
   * event that it has; without it the subscription starts with the state of the topic now.
   */
  subscribe(topic: string, handlers: SubscriptionHandlers, options?: PlainMap): Subscribed;
  /** The vehicles within bounds that may be moved (`AreaSubscribed.move`). One area at a time. */
  area(bounds: AreaBounds, handlers: AreaHandlers, options?: PlainMap): AreaSubscribed;
  /**
   * Shows a stored track again. It ends with its connection: a program that wants the rest asks for it again, from
   * behind the `lastMs` that `onEnd` tells.
   */
  replay(asked: ReplayAsked, handlers: ReplayHandlers): Replaying;
  /** Rejects with a `LiveError`. A call made while connecting waits for the connection. */
  call(method: string, params?: Plain): Promise<Plain>;
  close(): Promise<void>;
}

export function createLiveClient(options: LiveClientOptions): LiveClient {
  const clock = options.clock ?? systemClock;
  const codec = options.codec ?? 'messagepack';
  const bounds = { ...limits, ...options.bounds };
  const requests = createRequests(clock, bounds);
  /** By the topic of their frames. */
  const streams = new Map<string, Stream>();
  /** Requests that wait for a connection, in their order. */
  const unsent = new Map<number, SubscriberFrame>();
  let session: SubscriberSession | null = null;
  let ignored = 0;
  const connection = createConnection({
    url: options.url,
    subprotocol: subprotocols[codec],
    token: options.token,
    WebSocket: options.WebSocket,
    clock,
    random: options.random ?? Math.random,
    bounds,
    refreshFrame: (token) => encodeSubscriberFrame({ type: frameTypes.refresh, token }, codec),
    onMessage,
    onState,
  });

  return {
    get state() {
      return connection.state;
    },
    get session() {
      return session;
    },
    get ignored() {
      return ignored;
    },
    subscribe,
    area,
    replay,
    call,
    close: () => connection.close(),
  };

  function subscribe(
    topic: string,
    handlers: SubscriptionHandlers,
    topicOptions: PlainMap | null = null,
  ): Subscribed {
    const subscription = createSubscription({
      ...streamOptions(topic, () => subscription),
      topic,
      handlers,
      options: topicOptions,
    });
    // Its frames would have another topic than the one asked for.
    if (topic === areaTopic || topic.startsWith(`${areaTopic}:`)) {
      subscription.fail(refusedWith('badTopic'));
    } else {
      add(topic, subscription);
    }
    return subscription.handle;
  }

  function area(
    areaBounds: AreaBounds,
    handlers: AreaHandlers,
    areaOptions: PlainMap | null = null,
  ): AreaSubscribed {
    const stream = createArea({
      ...streamOptions(areaTopic, () => stream),
      bounds,
      area: areaBounds,
      handlers,
      options: areaOptions,
    });
    add(areaTopic, stream);
    return stream.handle;
  }

  function streamOptions(topic: string, self: () => Stream): StreamOptions {
    return {
      clock,
      random: options.random ?? Math.random,
      bounds,
      isOpen: () => connection.state.name === 'open',
      request,
      reconnect: (delayMs) => connection.pause(delayMs),
      onEnd: () => {
        if (streams.get(topic) === self()) streams.delete(topic);
      },
    };
  }

  function add(topic: string, stream: Stream): void {
    const { state } = connection;
    if (streams.has(topic)) {
      stream.fail(refusedWith('alreadySubscribed'));
    } else if (state.name === 'closed') {
      stream.fail(new LiveError('closed', state.closeCode, closedText(state.reason), false));
    } else {
      streams.set(topic, stream);
      stream.start();
    }
  }

  function replay(asked: ReplayAsked, handlers: ReplayHandlers): Replaying {
    const player = createReplay({
      handlers,
      call,
      onBegin: (topic) => void streams.set(topic, player),
      onEnd: (topic) => void streams.delete(topic),
    });
    ask('replay.start', { ...asked }, { onResult: player.begin, onError: player.fail });
    return player.handle;
  }

  function call(method: string, params: Plain = null): Promise<Plain> {
    return new Promise((resolve, reject) => {
      ask(method, params, { onResult: resolve, onError: reject });
    });
  }

  function ask(method: string, params: Plain, settle: Settle): void {
    const { state } = connection;
    if (state.name === 'closed') {
      settle.onError(new LiveError('closed', state.closeCode, closedText(state.reason), false));
    } else {
      request((id) => ({ type: frameTypes.call, request: id, method, params }), settle);
    }
  }

  function request(frameOf: (id: number) => SubscriberFrame, settle: Settle): void {
    const id = requests.open({
      onResult: settle.onResult,
      onError(error) {
        if (id !== null) unsent.delete(id);
        settle.onError(error);
      },
    });
    if (id === null) {
      settle.onError(new LiveError('busy', 0, 'too many requests wait for their answers', true));
    } else if (connection.state.name === 'open') {
      connection.send(encodeSubscriberFrame(frameOf(id), codec));
    } else {
      unsent.set(id, frameOf(id));
    }
  }

  function onState(state: ConnectionState): void {
    if (state.name === 'waiting') {
      const error = new LiveError('closed', state.closeCode, closedText(state.reason), true);
      requests.failAll(error, (id) => unsent.has(id));
      for (const stream of streams.values()) stream.stop();
    } else if (state.name === 'closed') {
      const error = new LiveError('closed', state.closeCode, closedText(state.reason), false);
      requests.failAll(error, () => false);
      for (const stream of [...streams.values()]) stream.fail(error);
    }
    options.onState?.(state);
  }

  function onMessage(data: Uint8Array | string): void {
    const parsed = typeof data === 'string' ? parseJson(data) : parseMessagePack(data);
    const reply = readSubscriberReply(parsed);
    if (reply === null || !onReply(reply)) ignored++;
  }

  /** False where the frame makes no sense now. */
  function onReply(reply: SubscriberReply): boolean {
    switch (reply.type) {
      case frameTypes.subscriberHello:
        return onHello(reply.session);
      case frameTypes.success:
        return requests.succeed(reply.request, reply.result);
      case frameTypes.error: {
        const { code, message, temporary } = reply;
        return requests.fail(reply.request, new LiveError('refused', code, message, temporary));
      }
      default:
        return streams.get(reply.topic)?.receive(reply) ?? false;
    }
  }

  function onHello(next: SubscriberSession): boolean {
    if (connection.state.name === 'open') return false;
    session = next;
    // One that is made when the new state is told starts by itself.
    const earlier = [...streams.values()];
    connection.establish(next.serverTimeMs);
    for (const stream of earlier) stream.start();
    for (const frame of unsent.values()) connection.send(encodeSubscriberFrame(frame, codec));
    unsent.clear();
    return true;
  }
}

function refusedWith(name: RefusalName): LiveError {
  const { code, message } = refusals[name];
  return new LiveError('refused', code, message, false);
}

function closedText(reason: string): string {
  return reason === '' ? 'the connection is closed' : `the connection is closed: ${reason}`;
}
