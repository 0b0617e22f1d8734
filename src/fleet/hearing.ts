/**
 * What a device says beside its positions: trips, emergencies, its status, answers to commands.
 * Invariant: it speaks only for vehicles that its token allows; each frame is settled once, when what it causes is
 * durable, or with why nothing was done. Sent again it is a repeat.
 * Bound: constant work a frame; what waits is bounded by the cases that it is about.
 */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../errors.ts';
import { homeOf, isVehicleId, speaksFor, type Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';
import { checkAttributes } from '../wire/attributes.ts';
import {
  frameTypes,
  type CommandAnswerFrame,
  type EmergencyFrame,
  type PlainMap,
  type StatusFrame,
  type TripFrame,
} from '../wire/types.ts';
import type { Outcome } from './cases.ts';
import type { Desk } from './desk.ts';
import { emergencyKinds } from './emergency.ts';
import type { Statuses } from './statuses.ts';
import { tripMoves } from './trip.ts';

/** A connection of the device plane. */
export interface Speaker {
  readonly identity: Identity;
  /** The vehicles that it gets the commands of. */
  readonly spokenFor: Iterable<string>;
  speaksFor(vehicle: string): void;
}

export type HeardFrame = TripFrame | EmergencyFrame | StatusFrame | CommandAnswerFrame;
/** `position`: it is in the journal up to there, and durable when that is. */
export type Heard = (refused: RefusalName | null, position?: number) => void;

export interface Hearing {
  hear(speaker: Speaker, frame: HeardFrame, done: Heard): void;
}

export interface HearingOptions {
  readonly desk: Pick<Desk, 'trips' | 'emergencies' | 'commands'>;
  readonly statuses: Pick<Statuses, 'take'>;
  readonly clock: Clock;
  readonly bounds: Pick<
    Limits,
    | 'oldestAcceptedMs'
    | 'futureAcceptedMs'
    | 'messageCharsMax'
    | 'attributesBytesMax'
    | 'attributesKeysMax'
    | 'attributesDepthMax'
  >;
}

export function createHearing(options: HearingOptions): Hearing {
  const { desk, clock, bounds } = options;

  function trip(speaker: Speaker, vehicle: string, frame: TripFrame, done: Heard): void {
    const { tripId: id, action, timeMs, attributes } = frame;
    const { tenant, subject: by } = speaker.identity;
    const move = tripMoves.find((name) => name === action);
    if (!isVehicleId(id)) return done('malformedFrame');
    if (move === undefined && action !== 'start') return done('unknownAction');
    const refused = refusalOfTime(timeMs) ?? refusalOfAttributes(attributes);
    if (refused !== null) return done(refused);
    if (move === undefined) {
      const driver = speaker.identity.role === 'driver' ? by : null;
      const start = { id, vehicle, details: { driver, attributes }, timeMs, by };
      return desk.trips.start(tenant, start, settling(done));
    }
    const mayTouch = (other: string): boolean => speaksFor(speaker.identity, other);
    const change = { kind: move, timeMs, by };
    desk.trips.change(tenant, id, change, settling(done, 'vehicleNotAllowed'), mayTouch);
  }

  // A device with a wrong clock may be in need all the same.
  function emergency(speaker: Speaker, vehicle: string, frame: EmergencyFrame, done: Heard): void {
    const { emergencyId: id, latE7, lonE7, timeMs } = frame;
    const { tenant, subject: by } = speaker.identity;
    const kind = emergencyKinds.find((name) => name === frame.kind);
    if (!isVehicleId(id)) return done('malformedFrame');
    if (kind === undefined) return done('unknownKind');
    const isOnEarth = Math.abs(latE7) <= latE7Max && Math.abs(lonE7) <= lonE7Max;
    const place = isOnEarth ? { latE7, lonE7 } : { latE7: null, lonE7: null };
    const message = frame.message?.slice(0, bounds.messageCharsMax).toWellFormed() ?? null;
    const saidMs = refusalOfTime(timeMs) === null ? timeMs : null;
    const raise = { id, kind, vehicle, ...place, message: message === '' ? null : message, by };
    desk.emergencies.raise(tenant, { ...raise, timeMs: saidMs }, settling(done));
  }

  function status(speaker: Speaker, vehicle: string, frame: StatusFrame, done: Heard): void {
    const { timeMs, attributes } = frame;
    const { tenant } = speaker.identity;
    const refused = refusalOfTime(timeMs);
    if (refused !== null) return done(refused);
    const text = checkAttributes(attributes, bounds);
    if ('refused' in text) return done(text.refused);
    const taken = options.statuses.take(tenant, vehicle, timeMs, text.text);
    if ('refused' in taken) done(taken.refused);
    else done(null, taken.position);
  }

  function answer(speaker: Speaker, frame: CommandAnswerFrame, done: Heard): void {
    const { commandId: id, status: told, result } = frame;
    if (told === '' || told.length > bounds.messageCharsMax) return done('malformedFrame');
    const { tenant } = speaker.identity;
    desk.commands.answer(tenant, speaker.spokenFor, { id, status: told, result }, settling(done));
  }

  function refusalOfTime(timeMs: number): RefusalName | null {
    if (timeMs < bounds.oldestAcceptedMs) return 'timeTooOld';
    return timeMs > clock.nowMs() + bounds.futureAcceptedMs ? 'timeTooFarAhead' : null;
  }

  function refusalOfAttributes(attributes: PlainMap | null): RefusalName | null {
    if (attributes === null) return null;
    const text = checkAttributes(attributes, bounds);
    return 'refused' in text ? text.refused : null;
  }

  return {
    hear(speaker, frame, done) {
      if (frame.type === frameTypes.commandAnswer) return answer(speaker, frame, done);
      const about = vehicleOf(speaker.identity, frame.vehicle);
      if ('refused' in about) return done(about.refused);
      speaker.speaksFor(about.vehicle);
      switch (frame.type) {
        case frameTypes.trip:
          return trip(speaker, about.vehicle, frame, done);
        case frameTypes.emergency:
          return emergency(speaker, about.vehicle, frame, done);
        case frameTypes.status:
          return status(speaker, about.vehicle, frame, done);
      }
    },
  };
}

const latE7Max = 900_000_000;
const lonE7Max = 1_800_000_000;

function vehicleOf(
  identity: Identity,
  named: string | null,
): { readonly vehicle: string } | { readonly refused: RefusalName } {
  if (named === null) {
    const home = homeOf(identity);
    return home === null ? { refused: 'vehicleUnclear' } : { vehicle: home };
  }
  if (!isVehicleId(named)) return { refused: 'badVehicleId' };
  return speaksFor(identity, named) ? { vehicle: named } : { refused: 'vehicleNotAllowed' };
}

/** What the call of another plane would be refused with is `notAllowed` here. */
function settling<State>(
  done: Heard,
  notAllowed: RefusalName = 'callNotAllowed',
): (outcome: Outcome<State>) => void {
  return (outcome) => {
    if (!('refused' in outcome)) return done(null);
    done(outcome.refused === 'callNotAllowed' ? notAllowed : outcome.refused);
  };
}
