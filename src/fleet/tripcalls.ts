/**
 * The calls about trips.
 * Invariant: a caller starts and changes trips of vehicles that it may manage, and no others; a time that the caller
 * brings makes the same call again a repeat.
 * Bound: see answering.ts.
 */
import type { Identity } from '../identity.ts';
import { mayManage } from '../live/access.ts';
import type { CallHandler } from '../live/calls.ts';
import type { PlainMap } from '../wire/types.ts';
import { answering, type CallBounds, type CallsOf, type FleetCallsOptions } from './answering.ts';
import {
  driverHome,
  readAttributes,
  readId,
  readName,
  readTextOrNull,
  readTime,
} from './params.ts';
import type { TripDetails, TripMove } from './trip.ts';

export function createTripCalls(options: FleetCallsOptions): CallsOf<'trip'> {
  const { desk, newId, clock, bounds } = options;

  const move =
    (kind: TripMove): CallHandler =>
    (identity, params, outcome) => {
      const id = readName(params['id']);
      const timeMs = readTime(params['timeMs'], clock.nowMs(), bounds);
      if (id === undefined || timeMs === undefined) return outcome.refuse('badParams');
      const change = { kind, timeMs, by: identity.subject };
      desk.trips.change(identity.tenant, id, change, answering(outcome), mayTouch(identity));
    };

  return {
    'trip.start'(identity, params, outcome) {
      const id = readId(params['id'], newId);
      const vehicle = readName(params['vehicle'] ?? driverHome(identity));
      const timeMs = readTime(params['timeMs'], clock.nowMs(), bounds);
      const details = readDetails(params, bounds);
      if (id === undefined || vehicle === undefined || timeMs === undefined) {
        return outcome.refuse('badParams');
      }
      if (details === undefined) return outcome.refuse('badParams');
      if (!mayManage(identity, vehicle)) return outcome.refuse('callNotAllowed');
      const by = identity.subject;
      const driver = details.driver ?? (identity.role === 'driver' ? by : null);
      const start = { id, vehicle, details: { ...details, driver }, timeMs, by };
      desk.trips.start(identity.tenant, start, answering(outcome));
    },
    'trip.update'(identity, params, outcome) {
      const id = readName(params['id']);
      const timeMs = readTime(params['timeMs'], clock.nowMs(), bounds);
      const details = readDetails(params, bounds);
      if (id === undefined || timeMs === undefined || details === undefined) {
        return outcome.refuse('badParams');
      }
      const change = { kind: 'update', details, timeMs, by: identity.subject } as const;
      desk.trips.change(identity.tenant, id, change, answering(outcome), mayTouch(identity));
    },
    'trip.pause': move('pause'),
    'trip.resume': move('resume'),
    'trip.end': move('end'),
    'trip.cancel': move('cancel'),
  };
}

function mayTouch(identity: Identity): (vehicle: string) => boolean {
  return (vehicle) => mayManage(identity, vehicle);
}

/** What the parameters say of these, and nothing of the others. */
function readDetails(params: PlainMap, bounds: CallBounds): TripDetails | undefined {
  const driver = readTextOrNull(params['driver'], bounds.messageCharsMax);
  const attributes = readAttributes(params['attributes'], bounds);
  if (driver === undefined || attributes === undefined) return undefined;
  const { route, destination } = params;
  return {
    ...('driver' in params ? { driver } : {}),
    ...(route === undefined ? {} : { route }),
    ...(destination === undefined ? {} : { destination }),
    ...('attributes' in params ? { attributes } : {}),
  };
}
