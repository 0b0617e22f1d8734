/**
 * A subscription of an event topic: what was missed, or what is open, and then each event.
 * Invariant: the native topic is joined in the turn that the answer's state was read in, so that each later event
 * comes once. A trip is shown to one who sees a part of the vehicles only once its vehicle is known.
 * Bound: one read of the topic at a time; what a client does not read waits in its socket, up to
 * `subscriberBackpressureBytesMax`.
 */
import type { RefusalName } from '../errors.ts';
import type { Plain, PlainMap } from '../wire/types.ts';
import { mayFollow, maySubscribe, seesAll } from './access.ts';
import type { Recovered, Since } from './recovery.ts';
import type { Listener, Plane, Subscription } from './subscription.ts';
import { innerTopic, topicText, type EventTopic } from './topics.ts';

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
  let hasJoined = false;
  let hasEnded = false;
  /** Of a trip, where it had to be known. */
  let vehicleId: string | null = null;

  if (isOpenToAll()) read();
  else readVehicle();

  return {
    drained: () => undefined,
    lost: () => undefined,
    refreshed: () => isAllowed(),
    end() {
      hasEnded = true;
      if (hasJoined) listener.socket.leave(inner);
      // The answer to a subscribe that was overtaken by its end.
      else listener.refuse(request, 'notSubscribed');
    },
  };

  function isOpenToAll(): boolean {
    return topic.kind !== 'trip' || seesAll(listener.identity(), 'trip');
  }

  function isAllowed(): boolean {
    const identity = listener.identity();
    if (!maySubscribe(identity, topic)) return false;
    if (isOpenToAll()) return true;
    // One that was opened by a token that sees all has to be asked for again: nobody has looked whose it is.
    return vehicleId !== null && mayFollow(identity, 'trip', vehicleId);
  }

  function readVehicle(): void {
    plane.recovery.recover(channel, null, (state) => {
      if (hasEnded) return;
      if (state === null) return refuse('topicUnavailable');
      vehicleId = state.events.at(-1)?.subject ?? null;
      if (vehicleId === null) return refuse('topicNotAllowed');
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
      listener.succeed(request, answerOf(state));
    });
  }

  function refuse(reason: RefusalName): void {
    hasEnded = true;
    asked.onRefused();
    listener.refuse(request, reason);
  }
}

function answerOf({ events, ...state }: Recovered): PlainMap {
  const { epoch, offset, wasRecovering, recovered, openTotal } = state;
  const rows: Plain[] = events.map((event) => [
    event.offset,
    event.event,
    event.data,
    event.timeMs,
  ]);
  return { epoch, offset, wasRecovering, recovered, snapshot: [], events: rows, openTotal };
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
