/**
 * The calls of the subscriber plane: each reads its parameters, asks whether the caller may, and answers once.
 * Invariant: whatever a call names is looked for under the caller's tenant; parameters that make no sense are
 * refused before anything is done.
 * Bound: an event by `eventBytesMax`, everything else by the frame.
 */
import type { RefusalName } from '../errors.ts';
import { isVehicleId, type Identity } from '../identity.ts';
import type { Plain, PlainMap } from '../wire/types.ts';
import { isCount, isPlainMap } from '../wire/attributes.ts';
import {
  mayCall,
  mayFollow,
  mayPublish,
  methods,
  replayMethods,
  type FleetMethod,
  type Method,
  type ReplayMethod,
} from './access.ts';
import type { Plane } from './subscription.ts';
import { isEventTopic, parseTopic, topicText, type EventTopic } from './topics.ts';

/** Ends the tokens of an id, and their connections; resolves with why it could not. */
export type Revoke = (
  identity: Identity,
  token: {
    readonly issuer: string;
    readonly tokenId: string;
    /** Unix ms; null where it is to be refused for ever. */
    readonly expiresAtMs: number | null;
  },
) => Promise<RefusalName | null>;

export interface CallsOptions {
  readonly plane: Pick<Plane, 'vehicles' | 'states' | 'announcer' | 'clock' | 'bounds'>;
  readonly eventEpoch: string;
  readonly revoke: Revoke;
  /** What is done with trips, emergencies, notifications and commands. */
  readonly fleet: FleetCalls;
}

export type FleetCalls = Readonly<Record<FleetMethod, CallHandler>>;

/** How a call ends: exactly one of these is called, once. */
export interface Outcome {
  succeed(result: Plain): void;
  refuse(reason: RefusalName): void;
}

/** `replays` are those of the connection that calls, where it is one. */
export type Call = (
  identity: Identity,
  method: string,
  params: Plain,
  outcome: Outcome,
  replays?: ReplayCalls,
) => void;

/** Of one connection, for whoever may call these. */
export type ReplayCalls = Readonly<
  Record<ReplayMethod, (params: PlainMap, outcome: Outcome) => void>
>;

/** Of one method, for whoever may call it. */
export type CallHandler = (identity: Identity, params: PlainMap, outcome: Outcome) => void;

const textLengthMax = 128;

export function createCalls(options: CallsOptions): Call {
  const { plane } = options;
  const handlers: Readonly<Record<Exclude<Method, ReplayMethod>, CallHandler>> = {
    presence,
    publish,
    revoke,
    ...options.fleet,
  };

  function presence(identity: Identity, { vehicle: id }: PlainMap, outcome: Outcome): void {
    if (typeof id !== 'string' || !isVehicleId(id)) return outcome.refuse('badParams');
    if (!mayFollow(identity, 'vehicle', id)) return outcome.refuse('callNotAllowed');
    const vehicle = plane.vehicles.find(identity.tenant, id);
    if (vehicle === null) return outcome.refuse('unknownVehicle');
    outcome.succeed({ vehicle: id, ...plane.states.presenceOf(vehicle) });
  }

  function publish(identity: Identity, params: PlainMap, outcome: Outcome): void {
    const publication = readPublication(params, plane);
    if (publication === null) return outcome.refuse('badParams');
    const { topic, vehicleId, event } = publication;
    if (!mayPublish(identity, topic, vehicleId)) return outcome.refuse('callNotAllowed');
    plane.announcer.announce(identity.tenant, topicText(topic), event, (announced) => {
      if ('refused' in announced) return outcome.refuse(announced.refused);
      const { offset, isRepeat } = announced;
      outcome.succeed({ epoch: options.eventEpoch, offset, isRepeat });
    });
  }

  function revoke(identity: Identity, params: PlainMap, outcome: Outcome): void {
    const { tokenId, issuer = identity.issuer, expiresAtMs = null } = params;
    const isTime = expiresAtMs === null || isCount(expiresAtMs);
    if (!isText(tokenId) || !isText(issuer) || !isTime) return outcome.refuse('badParams');
    options.revoke(identity, { issuer, tokenId, expiresAtMs }).then(
      (refused) => (refused === null ? outcome.succeed(null) : outcome.refuse(refused)),
      () => outcome.refuse('databaseUnavailable'),
    );
  }

  return (identity, method, params, outcome, replays) => {
    const known = methods.find((name) => name === method);
    if (known === undefined) return outcome.refuse('unknownMethod');
    if (!mayCall(identity, known)) return outcome.refuse('callNotAllowed');
    if (params !== null && !isPlainMap(params)) return outcome.refuse('badParams');
    if (!isReplayMethod(known)) return handlers[known](identity, params ?? {}, outcome);
    if (replays === undefined) return outcome.refuse('connectionOnly');
    replays[known](params ?? {}, outcome);
  };
}

function isReplayMethod(method: Method): method is ReplayMethod {
  return replayMethods.some((name) => name === method);
}

interface Publication {
  readonly topic: EventTopic;
  /** The vehicle that a trip is of; it is what the trip's topic is about. */
  readonly vehicleId: string | null;
  readonly event: Parameters<Plane['announcer']['announce']>[2];
}

/** `{topic, id, event, data?, timeMs?, subject?, isOpen?}`; of a trip the subject is its vehicle. */
function readPublication(
  params: PlainMap,
  { clock, bounds }: Pick<Plane, 'clock' | 'bounds'>,
): Publication | null {
  const { topic: text, id, event, data = null, timeMs = clock.nowMs() } = params;
  const { subject = null, isOpen = false } = params;
  if (typeof text !== 'string' || !isText(id) || !isText(event) || !isCount(timeMs)) return null;
  if (subject !== null && !isText(subject)) return null;
  if (typeof isOpen !== 'boolean') return null;
  const topic = parseTopic(text, bounds.areaCellsMax);
  if ('refused' in topic || !isEventTopic(topic)) return null;
  const isTrip = topic.kind === 'trip';
  if (isTrip && (subject === null || !isVehicleId(subject))) return null;
  return {
    topic,
    vehicleId: isTrip ? subject : null,
    // Who comes to a trip late wants its last event, also when it has ended.
    event: { id, event, data, timeMs, subject, isOpen: isTrip || (isOpen && subject !== null) },
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= textLengthMax;
}
