/**
 * A subscription of an event topic: what was missed, or what is open, and then each event.
 * Invariant: the native topic is joined in the turn that the answer's state was read in, so that each later event
 * comes once. A trip is shown to one who sees a part of the vehicles only once its vehicle is known, and its vehicle's
 * positions come with it (tripwatch.ts).
 * Bound: one read of the topic at a time; what a client does not read waits in its socket, up to
 * `subscriberBackpressureBytesMax`.
 */
import type { RefusalName } from '../errors.ts';
import type { LivePosition, Plain, PlainMap } from '../wire/types.ts';
import { mayFollow, maySubscribe, seesAll } from './access.ts';
import type { Recovered, Since } from './recovery.ts';
import type { Listener, Plane, Subscription } from './subscription.ts';
import { innerTopic, topicText, type EventTopic } from './topics.ts';
import { openTripWatch } from './tripwatch.ts';

export interface EventRequest {
  readonly request: number;
  readonly topic: EventTopic;
  readonly since: Since | null;
  /** It could not be opened: the connection forgets it. */
  readonly onRefused: () => void;
}

export function openEvents(plane: Plane, listener: Listener, asked: EventRequest): Subscription {
  const { request, topic } = asked;
  const { tenant } = listener.identity();
  const text = topicText(topic);
  const inner = innerTopic(tenant, text, listener.codec);
  /** Events are kept by topic, whatever the codec of who reads them. */
  const channel = innerTopic(tenant, text, 'messagepack');
  const watch = topic.kind === 'trip' ? openTripWatch(plane, listener, topic.tripId) : null;
  let hasJoined = false;
  let hasEnded = false;

  if (watch === null) read();
  else readVehicle();

  return {
    drained: (nowMs) => watch?.drained(nowMs),
    lost: (nowMs) => watch?.lost(nowMs),
    refreshed: () => isAllowed(),
    end() {
      hasEnded = true;
      watch?.end();
      if (hasJoined) listener.socket.leave(inner);
      // The answer to a subscribe that was overtaken by its end.
      else listener.refuse(request, 'notSubscribed');
    },
  };

  function isAllowed(): boolean {
    const identity = listener.identity();
    if (!maySubscribe(identity, topic)) return false;
    if (watch === null || seesAll(identity, 'trip')) return true;
    return watch.vehicleId !== null && mayFollow(identity, 'trip', watch.vehicleId);
  }

  function readVehicle(): void {
    plane.recovery.recover(channel, null, (state) => {
      if (hasEnded) return;
      if (state === null) return refuse('topicUnavailable');
      watch?.learn(state.events.at(-1));
      if (!isAllowed()) return refuse('topicNotAllowed');
      read();
    });
  }

  function read(): void {
    plane.recovery.recover(channel, asked.since, (state) => {
      if (hasEnded) return;
      if (state === null) return refuse('topicUnavailable');
      // The token may have been refreshed meanwhile.
      if (!isAllowed()) return refuse('topicNotAllowed');
      hasJoined = true;
      listener.socket.join(inner);
      listener.succeed(request, answerOf(state, watch?.begin() ?? []));
      watch?.goOn();
    });
  }

  function refuse(reason: RefusalName): void {
    hasEnded = true;
    watch?.end();
    asked.onRefused();
    listener.refuse(request, reason);
  }
}

function answerOf({ events, ...state }: Recovered, snapshot: readonly LivePosition[]): PlainMap {
  const { epoch, offset, wasRecovering, recovered, openTotal } = state;
  const rows: Plain[] = events.map((event) => [
    event.offset,
    event.event,
    event.data,
    event.timeMs,
  ]);
  return { epoch, offset, wasRecovering, recovered, snapshot, events: rows, openTotal };
}

/** `since` of a subscribe's options: null where there is none, undefined where it makes no sense. */
export function readSince(options: PlainMap | null): Since | null | undefined {
  const since = options?.['since'] ?? null;
  if (since === null) return null;
  if (!Array.isArray(since) || since.length < 2) return undefined;
  const [epoch, offset] = since as readonly Plain[];
  if (typeof epoch !== 'string' || !Number.isSafeInteger(offset)) return undefined;
  return Number(offset) < 0 ? undefined : { epoch, offset: Number(offset) };
}
