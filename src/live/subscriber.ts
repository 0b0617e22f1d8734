/**
 * One connected subscriber: its requests and their answers.
 * Invariant: every request is answered once, by its number; what the access table does not allow is refused;
 * after `gone` nothing is answered and nothing is listened to.
 * Bound: `topicsPerConnectionMax` topics, one area among them, and `requestsPerSecondMax`; what a client does not
 * read is bounded by its subscriptions and replays.
 */
import { isTemporary, refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { decodeSubscriberFrame } from '../wire/decode.ts';
import { encodeSubscriberReply, type Codec } from '../wire/encode.ts';
import { parseJson } from '../wire/json.ts';
import { parseMessagePack } from '../wire/messagepack.ts';
import {
  frameTypes,
  type CallFrame,
  type Plain,
  type PlainMap,
  type SubscribeFrame,
  type SubscriberReply,
} from '../wire/types.ts';
import { maySubscribe } from './access.ts';
import { createBucket } from './bucket.ts';
import type { Call, Outcome } from './calls.ts';
import { openEvents, readSince } from './events.ts';
import type { FeedSocket } from './feed.ts';
import { openFigures } from './figures.ts';
import { openPositions, type PositionSubscription } from './positions.ts';
import { createReplays } from './replays.ts';
import type { Listener, Plane, Subscription } from './subscription.ts';
import {
  areaTopic,
  frameText,
  isEventTopic,
  parseTopic,
  topicText,
  type AreaTopic,
  type Topic,
} from './topics.ts';

/** What the gateway gives for one socket. */
export interface SubscriberSocket extends FeedSocket {
  close(name: CloseName, reason: string): void;
  /** The client sent a new token; verifying it takes time, so it answers by itself. */
  refresh(token: string): void;
}

export interface SubscriberOptions {
  readonly socket: SubscriberSocket;
  readonly codec: Codec;
  /** The identity now; a refreshed token replaces it. */
  readonly identity: () => Identity;
  readonly plane: Plane;
  readonly call: Call;
}

export interface Subscriber {
  /** A message: binary for MessagePack, text for JSON; bytes are only read during the call. */
  receive(bytes: Uint8Array, isBinary: boolean): void;
  readonly topics: number;
  /** The socket has room again. */
  drained(): void;
  /** A message was dropped because the client does not read. */
  dropped(isPositions: boolean): void;
  /** A new token is in force: topics that it does not allow are left. */
  refreshed(): void;
  /** The socket is gone: it leaves every topic. */
  gone(): void;
}

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { socket, codec, plane } = options;
  const { publisher, clock, metrics, bounds } = plane;
  /** What this connection listens to, by the topic that its frames say. */
  const joined = new Map<string, Subscription>();
  /** The area among them. */
  let area: PositionSubscription | null = null;
  let isGone = false;
  const decoder = new TextDecoder();
  const requests = createBucket(
    bounds.requestsPerSecondMax,
    bounds.requestsBurstMax,
    clock.monotonicMs(),
  );
  const listener: Listener = { socket, codec, identity: options.identity, succeed, refuse };
  const replays = createReplays(plane, listener);

  function receive(bytes: Uint8Array, isBinary: boolean): void {
    metrics.counters.requestsReceived += 1;
    if (!requests.take(clock.monotonicMs())) {
      metrics.refused.tooManyRequests += 1;
      return socket.close('tooManyRequests', refusals.tooManyRequests.message);
    }
    const parsed =
      codec === 'json' && !isBinary ? parseJson(decoder.decode(bytes)) : parseMessagePack(bytes);
    const frame = decodeSubscriberFrame(parsed, bounds);
    if ('refused' in frame) {
      if (frame.id === null) closeBad(frame.refused);
      else refuse(frame.id, frame.refused);
      return;
    }
    switch (frame.type) {
      case frameTypes.subscribe:
        return subscribe(frame);
      case frameTypes.unsubscribe:
        return unsubscribe(frame.request, frame.topic);
      case frameTypes.call:
        return call(frame);
      case frameTypes.refresh:
        return socket.refresh(frame.token);
    }
  }

  function subscribe(frame: SubscribeFrame): void {
    const { request } = frame;
    const topic = parseTopic(frame.topic, bounds.areaCellsMax);
    if ('refused' in topic) return refuse(request, topic.refused);
    if (!maySubscribe(options.identity(), topic)) return refuse(request, 'topicNotAllowed');
    if (topic.kind === 'area' && area !== null) return moveArea(area, frame, topic);
    const text = topicText(topic);
    if (joined.has(text)) return refuse(request, 'alreadySubscribed');
    if (joined.size >= bounds.topicsPerConnectionMax) return refuse(request, 'tooManyTopics');
    open(frame, topic, text);
  }

  function open({ request, options: asked }: SubscribeFrame, topic: Topic, text: string): void {
    if (topic.kind === 'system') {
      joined.set(text, openFigures(plane, listener, request));
    } else if (isEventTopic(topic)) {
      const since = readSince(asked);
      if (since === undefined) return refuse(request, 'malformedFrame');
      // An answer may come at once or later: the place is taken before, and given up where it is a refusal.
      let isRefused = false;
      const onRefused = (): void => {
        isRefused = true;
        joined.delete(text);
      };
      const subscription = openEvents(plane, listener, { request, topic, since, onRefused });
      if (!isRefused) joined.set(text, subscription);
    } else {
      const minIntervalMs = readInterval(asked, bounds.subscriptionIntervalMaxMs);
      if (minIntervalMs === null) return refuse(request, 'malformedFrame');
      const subscription = openPositions(plane, listener, { request, topic, minIntervalMs });
      joined.set(text, subscription);
      if (topic.kind === 'area') area = subscription;
    }
  }

  function moveArea(
    moving: PositionSubscription,
    { request, options: asked }: SubscribeFrame,
    topic: AreaTopic,
  ): void {
    const minIntervalMs = readInterval(asked, bounds.subscriptionIntervalMaxMs);
    if (minIntervalMs === null) return refuse(request, 'malformedFrame');
    moving.move(request, topic, minIntervalMs);
  }

  function unsubscribe(request: number, asked: string): void {
    const text = frameText(asked);
    const subscription = joined.get(text);
    if (subscription === undefined) {
      const topic = parseTopic(asked, bounds.areaCellsMax);
      const isTopic = asked === areaTopic || !('refused' in topic);
      return refuse(request, isTopic ? 'notSubscribed' : topic.refused);
    }
    leave(text, subscription);
    succeed(request, null);
  }

  function leave(text: string, subscription: Subscription): void {
    joined.delete(text);
    if (subscription === area) area = null;
    subscription.end();
  }

  function call({ request, method, params }: CallFrame): void {
    const outcome: Outcome = {
      succeed: (result) => succeed(request, result),
      refuse: (reason) => refuse(request, reason),
    };
    options.call(options.identity(), method, params, outcome, replays.calls);
  }

  function succeed(request: number, result: Plain): void {
    reply({ type: frameTypes.success, request, result });
  }

  function refuse(request: number, reason: RefusalName): void {
    if (isGone) return;
    metrics.counters.requestsRefused += 1;
    metrics.refused[reason] += 1;
    const { code, message } = refusals[reason];
    const temporary = isTemporary(reason);
    reply({ type: frameTypes.error, request, code, message, temporary });
  }

  // Without a request number there is nothing to answer to: the client's encoder is broken.
  function closeBad(reason: RefusalName): void {
    metrics.refused[reason] += 1;
    socket.close('badRequest', refusals[reason].message);
  }

  function reply(frame: SubscriberReply): void {
    if (!isGone) socket.send(encodeSubscriberReply(frame, codec));
  }

  return {
    receive,
    get topics() {
      return joined.size;
    },
    drained() {
      publisher.flush();
      const nowMs = clock.monotonicMs();
      for (const subscription of joined.values()) subscription.drained(nowMs);
      replays.drained();
    },
    dropped(isPositions) {
      if (!isPositions) return socket.close('slow', 'too much is waiting to be read');
      const nowMs = clock.monotonicMs();
      for (const subscription of joined.values()) subscription.lost(nowMs);
    },
    refreshed() {
      for (const [text, subscription] of joined) {
        if (subscription.refreshed()) continue;
        leave(text, subscription);
        const reason = refusals.topicNotAllowed.message;
        reply({ type: frameTypes.unsubscribed, topic: text, reason });
      }
      replays.refreshed();
    },
    gone() {
      isGone = true;
      area = null;
      for (const subscription of joined.values()) subscription.end();
      joined.clear();
      replays.gone();
    },
  };
}

/** `minIntervalMs` of a subscribe's options, 0 where there is none; `null` where it makes no sense. */
function readInterval(asked: PlainMap | null, intervalMaxMs: number): number | null {
  const interval = asked?.['minIntervalMs'] ?? 0;
  const isInterval = Number.isSafeInteger(interval) && Number(interval) >= 0;
  return isInterval && Number(interval) <= intervalMaxMs ? Number(interval) : null;
}
