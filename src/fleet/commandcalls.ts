/**
 * The calls about commands.
 * Invariant: a caller commands vehicles that it may manage, and no others.
 * Bound: see answering.ts; a command lasts `commandTtlMaxMs` at most.
 */
import { mayManage } from '../live/access.ts';
import { answering, type CallsOf, type FleetCallsOptions } from './answering.ts';
import { readExpiry, readId, readName, readText } from './params.ts';

const nameCharsMax = 128;

export function createCommandCalls(options: FleetCallsOptions): CallsOf<'command'> {
  const { desk, newId, clock, bounds } = options;
  return {
    'command.send'(identity, params, outcome) {
      const createdMs = clock.nowMs();
      const { commandTtlMs, commandTtlMaxMs } = bounds;
      const id = readId(params['id'], newId);
      const vehicle = readName(params['vehicle']);
      const name = readText(params['name'], nameCharsMax);
      const expiresMs = readExpiry(params['expiresMs'], createdMs, commandTtlMs, commandTtlMaxMs);
      const { arguments: given = null } = params;
      if (id === undefined || vehicle === undefined) return outcome.refuse('badParams');
      if (name === undefined || expiresMs === undefined) return outcome.refuse('badParams');
      if (!mayManage(identity, vehicle)) return outcome.refuse('callNotAllowed');
      const createdBy = identity.subject;
      const order = { id, vehicle, name, arguments: given, createdMs, createdBy, expiresMs };
      desk.commands.send(identity.tenant, order, answering(outcome));
    },
    'command.cancel'(identity, params, outcome) {
      const id = readName(params['id']);
      const vehicle = readName(params['vehicle']);
      if (id === undefined || vehicle === undefined) return outcome.refuse('badParams');
      if (!mayManage(identity, vehicle)) return outcome.refuse('callNotAllowed');
      const { tenant, subject } = identity;
      desk.commands.cancel(tenant, vehicle, id, subject, answering(outcome));
    },
  };
}
