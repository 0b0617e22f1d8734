/**
 * The calls about emergencies.
 * Invariant: who sees a part of the vehicles acts on emergencies of these; a driver notes on those of the own
 * vehicle, or of the own raising.
 * Bound: see answering.ts.
 */
import type { Identity } from '../identity.ts';
import { mayManage } from '../live/access.ts';
import type { CallHandler } from '../live/calls.ts';
import { answering, type CallsOf, type FleetCallsOptions } from './answering.ts';
import { emergencyKinds, type Emergency, type EmergencyMove } from './emergency.ts';
import {
  driverHome,
  readId,
  readName,
  readNameOrNull,
  readPlace,
  readTextOrNull,
  readTime,
} from './params.ts';

export function createEmergencyCalls(options: FleetCallsOptions): CallsOf<'emergency'> {
  const { desk, newId, clock, bounds } = options;

  const move =
    (kind: EmergencyMove): CallHandler =>
    (identity, params, outcome) => {
      const id = readName(params['id']);
      const note = readTextOrNull(params['note'], bounds.messageCharsMax);
      if (id === undefined || note === undefined) return outcome.refuse('badParams');
      if (kind === 'note' && note === null) return outcome.refuse('badParams');
      const change = { id, move: kind, by: identity.subject, note };
      desk.emergencies.change(identity.tenant, change, answering(outcome), (state) =>
        mayAct(identity, state) ? null : 'callNotAllowed',
      );
    };

  return {
    'emergency.raise'(identity, params, outcome) {
      const id = readId(params['id'], newId);
      const kind = emergencyKinds.find((name) => name === params['kind']);
      const vehicle = readNameOrNull(params['vehicle'] ?? driverHome(identity));
      const place = readPlace(params['latE7'], params['lonE7']);
      const message = readTextOrNull(params['message'], bounds.messageCharsMax);
      const timeMs = readTime(params['timeMs'], clock.nowMs(), bounds);
      if (id === undefined || vehicle === undefined || place === undefined) {
        return outcome.refuse('badParams');
      }
      if (message === undefined || timeMs === undefined) return outcome.refuse('badParams');
      if (kind === undefined) return outcome.refuse('unknownKind');
      if (!mayManage(identity, vehicle)) return outcome.refuse('callNotAllowed');
      const raise = { id, kind, vehicle, ...place, message, timeMs, by: identity.subject };
      desk.emergencies.raise(identity.tenant, raise, answering(outcome));
    },
    'emergency.acknowledge': move('acknowledge'),
    'emergency.resolve': move('resolve'),
    'emergency.falseAlarm': move('falseAlarm'),
    'emergency.note': move('note'),
  };
}

function mayAct(identity: Identity, { vehicle, raisedBy }: Emergency): boolean {
  if (identity.role === 'driver' && raisedBy === identity.subject) return true;
  return mayManage(identity, vehicle);
}
