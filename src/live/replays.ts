/**
 * The replays of one connection, and its calls about them.
 * Invariant: nobody else hears of them; they end with the connection, and where a new token does not allow their
 * vehicle any more. The answer to a call is sent before what follows from it.
 * Bound: `replaysPerConnectionMax`, those that are being opened among them, and the places of all (replayplaces.ts).
 */
import { refusals, type RefusalName } from '../errors.ts';
import { vehicleKey } from '../identity.ts';
import type { TrackFix, TrackRange } from '../store/track.ts';
import { encodeSubscriberReply } from '../wire/encode.ts';
import { frameTypes, type PlainMap } from '../wire/types.ts';
import { mayFollow } from './access.ts';
import type { Outcome, ReplayCalls } from './calls.ts';
import { createReplay, type Replay } from './replay.ts';
import { isTime, readAsked, readSpeed, type ReplayAsked } from './replayparams.ts';
import type { Listener, Plane } from './subscription.ts';
import { encodeTrackFix } from './tracks.ts';

export interface Replays {
  readonly calls: ReplayCalls;
  /** The socket has room again. */
  drained(): void;
  /** A new token is in force. */
  refreshed(): void;
  /** The socket is gone. */
  gone(): void;
}

/** One that has a place, and is not begun yet. */
interface Opening {
  readonly id: string;
  readonly asked: ReplayAsked;
  readonly range: TrackRange;
  readonly outcome: Outcome;
  /** Gives the place back. */
  release(): void;
}

interface Playing {
  readonly id: string;
  readonly topic: string;
  readonly asked: ReplayAsked;
  readonly replay: Replay;
}

export function createReplays(
  { tracks, replayPlaces, clock, metrics, bounds }: Plane,
  { socket, codec, identity }: Listener,
): Replays {
  /** By the ids that calls say. */
  const playing = new Map<string, Playing>();
  let openings = 0;
  let lastId = 0;
  let isGone = false;

  function start(params: PlainMap, outcome: Outcome): void {
    const asked = readAsked(params, bounds);
    if ('refused' in asked) return outcome.refuse(asked.refused);
    if (!maySee(asked)) return outcome.refuse('callNotAllowed');
    const isRoom = playing.size + openings < bounds.replaysPerConnectionMax;
    if (!isRoom) return outcome.refuse('tooManyReplays');
    const { tenant, subject } = identity();
    const place = replayPlaces.take({ tenant, subject });
    if ('refused' in place) return outcome.refuse(place.refused);
    const { vehicleId, fromMs, toMs, isRaw } = asked;
    const range = { key: vehicleKey(tenant, vehicleId), fromMs, toMs, isAll: isRaw };
    lastId += 1;
    openings += 1;
    const opening = { id: String(lastId), asked, range, outcome, release: place.leave };
    readFirst(tenant, opening).then(
      (first) => begin(opening, first),
      () => giveUp(opening, 'historyUnavailable'),
    );
  }

  /** The first page; null where there is no such vehicle. */
  async function readFirst(
    tenant: string,
    { asked, range }: Opening,
  ): Promise<readonly TrackFix[] | null> {
    const first = await tracks.read(range, range.fromMs - 1);
    const isKnown = first.length > 0 || (await tracks.isKnown(tenant, asked.vehicleId));
    return isKnown ? first : null;
  }

  function giveUp({ outcome, release }: Opening, reason: RefusalName): void {
    openings -= 1;
    release();
    outcome.refuse(reason);
  }

  function begin(opening: Opening, first: readonly TrackFix[] | null): void {
    if (first === null) return giveUp(opening, 'unknownVehicle');
    // The connection may have ended meanwhile, or have another token.
    if (isGone || !maySee(opening.asked)) return giveUp(opening, 'callNotAllowed');
    const { id, asked, range, outcome, release } = opening;
    const topic = `replay:${id}`;
    const replay = createReplay({
      socket,
      codec,
      topic,
      fromMs: asked.fromMs,
      speed: asked.speed,
      first,
      read: (afterMs) => tracks.read(range, afterMs),
      encode: (fix) => encodeTrackFix(asked.vehicleId, fix, codec),
      onEnd() {
        playing.delete(id);
        release();
      },
      clock,
      metrics,
      bounds,
    });
    openings -= 1;
    metrics.counters.replaysStarted += 1;
    const begun = { id, topic, asked, replay };
    playing.set(id, begun);
    answer(begun, outcome);
  }

  function answer({ id, topic, replay }: Playing, outcome: Outcome): void {
    outcome.succeed({ id, topic, ...replay.state() });
    replay.play();
  }

  function maySee({ vehicleId }: ReplayAsked): boolean {
    return mayFollow(identity(), 'vehicle', vehicleId);
  }

  /** A call about one that there is: `apply` changes it, or says why not. */
  const change =
    (apply: (one: Playing, params: PlainMap) => RefusalName | null) =>
    (params: PlainMap, outcome: Outcome): void => {
      const { id } = params;
      const one = typeof id === 'string' ? playing.get(id) : undefined;
      if (one === undefined) return outcome.refuse('unknownReplay');
      const refused = apply(one, params);
      if (refused === null) answer(one, outcome);
      else outcome.refuse(refused);
    };

  function seek({ replay, asked }: Playing, { timeMs }: PlainMap): RefusalName | null {
    const isInside = isTime(timeMs) && timeMs >= asked.fromMs && timeMs < asked.toMs;
    if (!isInside) return 'badTimeRange';
    replay.seek(timeMs);
    return null;
  }

  function setSpeed({ replay }: Playing, params: PlainMap): RefusalName | null {
    const speed = readSpeed(params['speed'], bounds);
    if (speed === null) return 'badSpeed';
    replay.setSpeed(speed);
    return null;
  }

  const simply =
    (method: 'pause' | 'resume' | 'stop') =>
    ({ replay }: Playing): null => {
      replay[method]();
      return null;
    };

  return {
    calls: {
      'replay.start': start,
      'replay.pause': change(simply('pause')),
      'replay.resume': change(simply('resume')),
      'replay.seek': change(seek),
      'replay.speed': change(setSpeed),
      'replay.stop': change(simply('stop')),
    },
    drained() {
      for (const { replay } of playing.values()) replay.drained();
    },
    refreshed() {
      for (const { asked, topic, replay } of playing.values()) {
        if (maySee(asked)) continue;
        replay.stop();
        const reason = refusals.topicNotAllowed.message;
        const left = { type: frameTypes.unsubscribed, topic, reason };
        socket.send(encodeSubscriberReply(left, codec));
      }
    },
    gone() {
      isGone = true;
      for (const { replay } of playing.values()) replay.stop();
    },
  };
}
