/**
 * The calls about trips, emergencies, notifications and commands: each reads its parameters, asks whether the caller
 * may, and answers once.
 * Invariant: whatever a call names is looked for under the caller's tenant, and touched only where the caller may do
 * so with its vehicle.
 * Bound: see answering.ts.
 */
import type { FleetCalls } from '../live/calls.ts';
import type { FleetCallsOptions } from './answering.ts';
import { createCommandCalls } from './commandcalls.ts';
import { createEmergencyCalls } from './emergencycalls.ts';
import { createNotificationCalls } from './notificationcalls.ts';
import { createTripCalls } from './tripcalls.ts';

export function createFleetCalls(options: FleetCallsOptions): FleetCalls {
  return {
    ...createTripCalls(options),
    ...createEmergencyCalls(options),
    ...createNotificationCalls(options),
    ...createCommandCalls(options),
  };
}
