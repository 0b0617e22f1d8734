/**
 * A model of an engine with one event topic, which loses connections, frames, its memory and its past as it
 * is told to, and a program that checks all that a live client hands to it.
 * Invariant of the model: what it answers and sends is what the protocol lets an engine do, but for lies.
 */
import type { SubscriptionHandlers } from '../../src/client/index.ts';
import type { MemorySocket, MemorySockets } from './memorysocket.ts';
import { subscriberHello, type Frame } from './peer.ts';

export const topic = 'trip:t1';

/** How the engine takes a subscribe. */
export const manners = [
  'answer',
  /** An event comes between the request and its answer, and is in the answer. */
  'late',
  /** The same, and its frame is sent all the same, as of an earlier subscription. */
  'early',
  'refuse',
  'silent',
  'cut',
  /** Answers, and the connection is lost right after that. */
  'half',
  /** Says that all is recovered, and leaves out an event. */
  'lie',
] as const;
export type Manner = (typeof manners)[number];

export interface EventsEngine extends MemorySockets {
  readonly epoch: string;
  /** The name of each event of an epoch, by its offset from 1 on. */
  nameOf(epoch: string, offset: number): string | undefined;
  readonly offset: number;
  /** How the next subscribes are taken; then with an answer. */
  readonly manners: Manner[];
  emit(isLost: boolean): void;
  repeat(): void;
  cut(code: number): void;
  /** Nothing before now can be recovered. */
  forget(): void;
  /** Another epoch, with the events of the one before or without. */
  renew(isEmpty: boolean): void;
}

export function createEventsEngine(): EventsEngine {
  const logs = new Map<string, string[]>();
  const next: Manner[] = [];
  let epochs = 1;
  let epoch = 'e1';
  let names: string[] = [];
  let recoverableFrom = 0;
  let events = 0;
  let socket: MemorySocket | null = null;
  let isSubscribed = false;
  logs.set(epoch, names);

  return {
    get epoch() {
      return epoch;
    },
    get offset() {
      return names.length;
    },
    nameOf: (of, offset) => logs.get(of)?.[offset - 1],
    manners: next,
    emit,
    repeat() {
      if (names.length > 0 && isSubscribed) socket?.send(frameOf(names.length));
    },
    cut,
    forget() {
      recoverableFrom = names.length;
    },
    renew(isEmpty) {
      epoch = `e${++epochs}`;
      names = isEmpty ? [] : [...names];
      logs.set(epoch, names);
      cut(1006);
    },
    onOpen(opened) {
      socket = opened;
      isSubscribed = false;
      opened.send(subscriberHello);
    },
    onFrame,
  };

  function emit(isLost: boolean): void {
    names.push(`n${++events}`);
    if (isSubscribed && !isLost) socket?.send(frameOf(names.length));
  }

  function cut(code: number): void {
    isSubscribed = false;
    socket?.close(code);
  }

  function frameOf(offset: number): Frame {
    return [51, topic, offset, names[offset - 1], null];
  }

  function onFrame(from: MemorySocket, [type, request, of, options]: Frame): void {
    if (from !== socket || type !== 32 || of !== topic) throw new Error('an unexpected frame');
    const manner = next.shift() ?? 'answer';
    if (manner === 'late' || manner === 'early') emit(true);
    if (manner === 'early') from.send(frameOf(names.length));
    if (manner === 'refuse') return from.send([50, request, 314, 'cannot be read now', true]);
    if (manner === 'silent') return;
    if (manner === 'cut') return cut(1006);
    const { since = null } = (options ?? {}) as { readonly since?: readonly [string, number] };
    from.send([49, request, answerTo(since, manner === 'lie')]);
    isSubscribed = true;
    if (manner === 'half') cut(3008);
  }

  function answerTo(since: readonly [string, number] | null, isLie: boolean) {
    const wasRecovering = since !== null;
    const start = since?.[0] === epoch ? since[1] : -1;
    const canRecover = start >= recoverableFrom && start <= names.length;
    const recovered = wasRecovering && (canRecover || isLie);
    const offsets = names.map((_, index) => index + 1);
    const missed = offsets.filter((offset) => offset > start);
    const told = isLie ? missed.slice(1) : missed;
    // What is open: one event in three.
    const open = offsets.filter((offset) => offset % 3 === 0);
    const events = (recovered ? told : open).map((at) => [at, names[at - 1], null, at]);
    const base = { epoch, offset: names.length, wasRecovering, recovered, snapshot: [] };
    return { ...base, events, openTotal: recovered ? 0 : open.length };
  }
}

export interface Program {
  readonly handlers: SubscriptionHandlers;
  readonly place: Place | null;
  /** The first thing that was wrong. */
  readonly failure: string | null;
  readonly counts: { recovered: number; gaps: number; events: number };
}

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

/** Writes down where it is handed an event out of order, or would miss one that it is not told of. */
export function createProgram(engine: Pick<EventsEngine, 'nameOf'>): Program {
  const counts = { recovered: 0, gaps: 0, events: 0 };
  let place: Place | null = null;
  /** What it would miss, were it not told of a gap next. */
  let untold: Place | null = null;
  let recovering: number | null = null;
  let failure: string | null = null;

  function check(isRight: boolean, what: string): void {
    if (!isRight) failure ??= `${what} at ${JSON.stringify(place)}`;
  }

  return {
    get place() {
      return place;
    },
    get failure() {
      return failure;
    },
    counts,
    handlers: {
      onSnapshot(_, { epoch, offset, recovered }) {
        check(untold === null, 'a gap was never told');
        check(recovering === null, 'recovered events were left out');
        if (recovered) {
          check(place?.epoch === epoch, 'recovered from another epoch');
          counts.recovered++;
          recovering = place?.offset === offset ? null : offset;
          return;
        }
        const isSame = place?.epoch === epoch && place.offset === offset;
        untold = place === null || isSame ? null : place;
        place = { epoch, offset };
      },
      onGap({ since }) {
        const isRight = untold === null || untold.offset === since.offset;
        check(isRight, 'a gap is told from another place');
        counts.gaps++;
        untold = null;
      },
      onEvent({ offset, event }) {
        check(untold === null, 'a gap was never told');
        check(place !== null && place.offset + 1 === offset, `event ${offset}`);
        check(engine.nameOf(place?.epoch ?? '', offset) === event, `event ${event}`);
        place = { epoch: place?.epoch ?? '', offset };
        counts.events++;
        if (recovering !== null && offset === recovering) recovering = null;
      },
    },
  };
}
