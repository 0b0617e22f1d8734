/**
 * One connected subscriber: its requests and their answers.
 * Invariant: a snapshot is taken and the native topic joined in one turn, after what was gathered has been
 * published, so that nothing falls between snapshot and live and nothing comes twice.
 * Bound: `topicsPerConnectionMax` topics; snapshot frames stay under `publishBytesMax` each.
 */
import { isTemporary, refusals, type CloseName, type RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import { decodeSubscriberFrame } from '../wire/decode.ts';
import { encodeSubscriberReply, type Codec } from '../wire/encode.ts';
import { parseJson } from '../wire/json.ts';
import { parseMessagePack } from '../wire/messagepack.ts';
import { encodePosition, livePosition, positionFrames, type Encoded } from '../wire/positions.ts';
import { frameTypes, type LivePosition, type Plain, type SubscriberReply } from '../wire/types.ts';
import { maySubscribe } from './access.ts';
import type { Audiences } from './audience.ts';
import type { Publisher } from './publisher.ts';
import { innerTopic, parseTopic, topicText, type Topic } from './topics.ts';
import type { Vehicles } from './vehicles.ts';

/** What the gateway gives for one socket. */
export interface SubscriberSocket {
  send(message: Encoded): void;
  join(inner: string): void;
  leave(inner: string): void;
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
  readonly metrics: Metrics;
  readonly bounds: Limits;
}

export interface Subscriber {
  /** A message: binary for MessagePack, text for JSON; bytes are only read during the call. */
  receive(bytes: Uint8Array, isBinary: boolean): void;
  readonly topics: number;
  /** The socket is gone: it leaves every topic. */
  gone(): void;
}

/** Positions in the answer to a subscribe; more follow in frames of their own. */
const snapshotPositionsMax = 100;

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { socket, codec, metrics, bounds } = options;
  /** What this connection listens to, by native topic. */
  const joined = new Map<string, { readonly tenant: string; readonly topic: Topic }>();
  const decoder = new TextDecoder();

  function receive(bytes: Uint8Array, isBinary: boolean): void {
    metrics.counters.requestsReceived += 1;
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
        return subscribe(frame.request, frame.topic);
      case frameTypes.unsubscribe:
        return unsubscribe(frame.request, frame.topic);
      case frameTypes.call:
        return refuse(frame.request, 'unknownMethod');
      case frameTypes.refresh:
        return socket.refresh(frame.token);
    }
  }

  function subscribe(request: number, text: string): void {
    const topic = parseTopic(text);
    if ('refused' in topic) return refuse(request, topic.refused);
    const identity = options.identity();
    if (!maySubscribe(identity, topic)) return refuse(request, 'topicNotAllowed');
    const inner = innerTopic(identity.tenant, topicText(topic), codec);
    if (joined.has(inner)) return refuse(request, 'alreadySubscribed');
    if (joined.size >= bounds.topicsPerConnectionMax) return refuse(request, 'tooManyTopics');
    options.publisher.flush();
    joined.set(inner, { tenant: identity.tenant, topic });
    options.audiences.join(identity.tenant, topic, codec);
    socket.join(inner);
    sendSnapshot(request, topic, snapshotOf(identity.tenant, topic));
  }

  function sendSnapshot(request: number, topic: Topic, snapshot: readonly LivePosition[]): void {
    succeed(request, {
      epoch: options.epoch,
      offset: 0,
      wasRecovering: false,
      recovered: false,
      snapshot: snapshot.slice(0, snapshotPositionsMax),
    });
    const rest = snapshot.slice(snapshotPositionsMax).map((at) => encodePosition(at, codec));
    const frames = positionFrames(topicText(topic), rest, codec, bounds.publishBytesMax);
    for (const frame of frames) socket.send(frame);
  }

  function snapshotOf(tenant: string, topic: Topic): readonly LivePosition[] {
    const { vehicles } = options;
    if (topic.kind === 'fleet') {
      return [...vehicles.ofTenant(tenant)].map(({ id, last }) => livePosition(id, last, 1));
    }
    const vehicle = vehicles.find(tenant, topic.vehicleId);
    const hasPosition = vehicle !== null && vehicle.last.timeMs >= 0;
    return hasPosition ? [livePosition(vehicle.id, vehicle.last, 1)] : [];
  }

  function unsubscribe(request: number, text: string): void {
    const topic = parseTopic(text);
    if ('refused' in topic) return refuse(request, topic.refused);
    const { tenant } = options.identity();
    const inner = innerTopic(tenant, topicText(topic), codec);
    if (!joined.delete(inner)) return refuse(request, 'notSubscribed');
    options.audiences.leave(tenant, topic, codec);
    socket.leave(inner);
    succeed(request, null);
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
    gone() {
      for (const { tenant, topic } of joined.values()) {
        options.audiences.leave(tenant, topic, codec);
      }
      joined.clear();
    },
  };
}
