/**
 * One connected subscriber: its requests and their answers.
 * Invariant: a snapshot is taken and the native topic joined in one turn, after what was gathered has been
 * published, so that nothing falls between snapshot and live and nothing comes twice.
 * Bound: `topicsPerConnectionMax` topics; what a client does not read is bounded by its feeds.
 */
import type { Clock } from '../clock.ts';
import { isTemporary, refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { decodeSubscriberFrame } from '../wire/decode.ts';
import { encodeSubscriberReply, type Codec } from '../wire/encode.ts';
import { parseJson } from '../wire/json.ts';
import { parseMessagePack } from '../wire/messagepack.ts';
import {
  frameTypes,
  type Plain,
  type PlainMap,
  type SubscribeFrame,
  type SubscriberReply,
} from '../wire/types.ts';
import { maySubscribe } from './access.ts';
import type { Audiences } from './audience.ts';
import { createBucket } from './bucket.ts';
import { createFeed, type Feed, type FeedSocket } from './feed.ts';
import type { Publisher } from './publisher.ts';
import { innerTopic, parseTopic, topicText, type Topic } from './topics.ts';
import type { Vehicles } from './vehicles.ts';

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
  readonly publisher: Publisher;
  readonly audiences: Audiences;
  readonly vehicles: Vehicles;
  /** Names this run of the engine: positions have no history that would outlive it. */
  readonly epoch: string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Limits;
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

/** One subscription of this connection. */
interface Joined {
  readonly tenant: string;
  readonly topic: Topic;
  readonly feed: Feed;
}

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { socket, codec, metrics, bounds, publisher } = options;
  /** What this connection listens to, by native topic. */
  const joined = new Map<string, Joined>();
  const decoder = new TextDecoder();
  const requests = createBucket(
    bounds.requestsPerSecondMax,
    bounds.requestsBurstMax,
    options.clock.monotonicMs(),
  );

  function receive(bytes: Uint8Array, isBinary: boolean): void {
    metrics.counters.requestsReceived += 1;
    if (!requests.take(options.clock.monotonicMs())) {
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
        return refuse(frame.request, 'unknownMethod');
      case frameTypes.refresh:
        return socket.refresh(frame.token);
    }
  }

  function subscribe({ request, topic: text, options: asked }: SubscribeFrame): void {
    const topic = parseTopic(text);
    if ('refused' in topic) return refuse(request, topic.refused);
    const minIntervalMs = readInterval(asked, bounds.subscriptionIntervalMaxMs);
    if (minIntervalMs === null) return refuse(request, 'malformedFrame');
    const identity = options.identity();
    if (!maySubscribe(identity, topic)) return refuse(request, 'topicNotAllowed');
    const { tenant } = identity;
    const inner = innerTopic(tenant, topicText(topic), codec);
    if (joined.has(inner)) return refuse(request, 'alreadySubscribed');
    if (joined.size >= bounds.topicsPerConnectionMax) return refuse(request, 'tooManyTopics');
    publisher.flush();
    const feed = openFeed(tenant, topic, minIntervalMs);
    joined.set(inner, { tenant, topic, feed });
    if (minIntervalMs > 0) publisher.paced.add(feed);
    const snapshot = feed.begin();
    const { epoch } = options;
    succeed(request, { epoch, offset: 0, wasRecovering: false, recovered: false, snapshot });
    feed.catchUp(options.clock.monotonicMs(), publisher.lastTick);
  }

  function openFeed(tenant: string, topic: Topic, minIntervalMs: number): Feed {
    const { vehicles } = options;
    return options.audiences.join(tenant, topic, (audience) =>
      createFeed({
        socket,
        codec,
        tenant,
        topic,
        audience,
        vehicles,
        minIntervalMs,
        metrics,
        bounds,
      }),
    );
  }

  function unsubscribe(request: number, text: string): void {
    const topic = parseTopic(text);
    if ('refused' in topic) return refuse(request, topic.refused);
    const inner = innerTopic(options.identity().tenant, topicText(topic), codec);
    const subscription = joined.get(inner);
    if (subscription === undefined) return refuse(request, 'notSubscribed');
    joined.delete(inner);
    leave(subscription);
    succeed(request, null);
  }

  function leave({ tenant, topic, feed }: Joined): void {
    feed.end();
    publisher.paced.delete(feed);
    options.audiences.leave(tenant, topic, feed);
  }

  function succeed(request: number, result: Plain): void {
    reply({ type: frameTypes.success, request, result });
  }

  function refuse(request: number, reason: RefusalName): void {
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
    socket.send(encodeSubscriberReply(frame, codec));
  }

  return {
    receive,
    get topics() {
      return joined.size;
    },
    drained() {
      publisher.flush();
      const nowMs = options.clock.monotonicMs();
      for (const { feed } of joined.values()) feed.catchUp(nowMs, publisher.lastTick);
    },
    dropped(isPositions) {
      if (!isPositions) return socket.close('slow', 'too much is waiting to be read');
      const nowMs = options.clock.monotonicMs();
      for (const { feed } of joined.values()) feed.lost(publisher.lastTick, nowMs);
    },
    refreshed() {
      for (const [inner, subscription] of joined) {
        if (maySubscribe(options.identity(), subscription.topic)) continue;
        joined.delete(inner);
        leave(subscription);
        const topic = topicText(subscription.topic);
        const reason = refusals.topicNotAllowed.message;
        reply({ type: frameTypes.unsubscribed, topic, reason });
      }
    },
    gone() {
      for (const subscription of joined.values()) leave(subscription);
      joined.clear();
    },
  };
}

/** `minIntervalMs` of a subscribe's options, 0 where there is none; `null` where it makes no sense. */
function readInterval(asked: PlainMap | null, intervalMaxMs: number): number | null {
  const interval = asked?.['minIntervalMs'] ?? 0;
  const isInterval = Number.isSafeInteger(interval) && Number(interval) >= 0;
  return isInterval && Number(interval) <= intervalMaxMs ? Number(interval) : null;
}
