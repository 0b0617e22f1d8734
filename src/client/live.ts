/**
 * The live client: subscriptions that survive lost connections, and calls.
 * Invariant: a subscription gets its snapshot before anything else, on each connection again, until it is
 * ended by the program, by the engine or by a refusal that is not temporary; a call is settled once.
 * Bound: one subscription a topic; `clientRequestsMax` requests that wait for an answer, those that wait
 * for a connection among them.
 */
import { systemClock, type Clock } from '../clock.ts';
import { refusals } from '../errors.ts';
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
import {
  createConnection,
  type ConnectionBounds,
  type ConnectionState,
  type TokenSource,
} from './connection.ts';
import { createRequests, LiveError, type RequestBounds, type Settle } from './request.ts';
import type { WebSocketConstructor } from './socket.ts';
import {
  createSubscription,
  type Subscription,
  type SubscriptionHandlers,
  type Subscribed,
} from './subscription.ts';

export interface LiveClientOptions {
  /** `ws://host:port/v1/live`, or `wss://`. */
  readonly url: string;
  readonly token: TokenSource;
  readonly codec?: Codec | undefined;
  readonly onState?: ((state: ConnectionState) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly bounds?: Partial<ConnectionBounds & RequestBounds> | undefined;
}

export interface LiveClient {
  readonly state: ConnectionState;
  readonly session: SubscriberSession | null;
  /** Messages of the engine that this client does not understand. */
  readonly ignored: number;
  subscribe(topic: string, handlers: SubscriptionHandlers, options?: PlainMap): Subscribed;
  /** Rejects with a `LiveError`. A call made while connecting waits for the connection. */
  call(method: string, params?: Plain): Promise<Plain>;
  close(): Promise<void>;
}

export function createLiveClient(options: LiveClientOptions): LiveClient {
  const clock = options.clock ?? systemClock;
  const codec = options.codec ?? 'messagepack';
  const bounds = { ...limits, ...options.bounds };
  const requests = createRequests(clock, bounds);
  const subscriptions = new Map<string, Subscription>();
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
    call,
    close: () => connection.close(),
  };

  function subscribe(
    topic: string,
    handlers: SubscriptionHandlers,
    topicOptions: PlainMap | null = null,
  ): Subscribed {
    const subscription = createSubscription({
      topic,
      handlers,
      options: topicOptions,
      clock,
      random: options.random ?? Math.random,
      bounds,
      isOpen: () => connection.state.name === 'open',
      request,
      reconnect: (delayMs) => connection.pause(delayMs),
      onEnd: () => {
        if (subscriptions.get(topic) === subscription) subscriptions.delete(topic);
      },
    });
    const { state } = connection;
    if (subscriptions.has(topic)) {
      const { code, message } = refusals.alreadySubscribed;
      subscription.fail(new LiveError('refused', code, message, false));
    } else if (state.name === 'closed') {
      subscription.fail(new LiveError('closed', state.closeCode, closedText(state.reason), false));
    } else {
      subscriptions.set(topic, subscription);
      if (state.name === 'open') subscription.start();
    }
    return subscription.handle;
  }

  function call(method: string, params: Plain = null): Promise<Plain> {
    return new Promise((resolve, reject) => {
      const { state } = connection;
      if (state.name === 'closed') {
        reject(new LiveError('closed', state.closeCode, closedText(state.reason), false));
      } else {
        const settle = { onResult: resolve, onError: reject };
        request((id) => ({ type: frameTypes.call, request: id, method, params }), settle);
      }
    });
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
      for (const subscription of subscriptions.values()) subscription.stop();
    } else if (state.name === 'closed') {
      const error = new LiveError('closed', state.closeCode, closedText(state.reason), false);
      requests.failAll(error, () => false);
      for (const subscription of [...subscriptions.values()]) subscription.fail(error);
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
      default: {
        const subscription = subscriptions.get(reply.topic);
        subscription?.receive(reply);
        return subscription !== undefined;
      }
    }
  }

  function onHello(next: SubscriberSession): boolean {
    if (connection.state.name === 'open') return false;
    session = next;
    connection.establish();
    for (const subscription of [...subscriptions.values()]) subscription.start();
    for (const frame of unsent.values()) connection.send(encodeSubscriberFrame(frame, codec));
    unsent.clear();
    return true;
  }
}

function closedText(reason: string): string {
  return reason === '' ? 'the connection is closed' : `the connection is closed: ${reason}`;
}
