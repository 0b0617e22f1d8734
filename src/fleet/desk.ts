/**
 * The desk: what people and devices do with trips, emergencies, notifications and commands.
 * Invariant: goes on from what the last run had in force, timers included. Whatever is answered or told to a device is
 * durable by then.
 * Bound: made once, at the start; `stop` ends every timer.
 */
import type { Limits } from '../limits.ts';
import { createCommands, type Commands } from './commands.ts';
import type { DeskContext } from './context.ts';
import { createCourier, type Courier } from './courier.ts';
import { createEmergencies, type Emergencies } from './emergencies.ts';
import type { Chain } from './escalation.ts';
import { createNotifications, type Notifications } from './notifications.ts';
import { createTrips, type Trips, type TripsOptions } from './trips.ts';
import type { Users } from './users.ts';

export interface DeskOptions extends DeskContext {
  readonly snapshot: TripsOptions['snapshot'];
  readonly witness: TripsOptions['witness'];
  readonly chain: Chain;
  /** What the table holds of users, and how it is written. */
  readonly users: Users;
  readonly bounds: Limits;
}

export interface Desk {
  readonly trips: Trips;
  readonly emergencies: Emergencies;
  readonly notifications: Notifications;
  readonly commands: Commands;
  readonly courier: Courier;
  stop(): void;
}

export function createDesk(options: DeskOptions): Desk {
  const courier = createCourier();
  const notifications = createNotifications(options);
  const emergencies = createEmergencies({
    ...options,
    courier,
    notify: notifications.sendToMany,
  });
  const commands = createCommands({ ...options, courier });
  return {
    trips: createTrips(options),
    emergencies,
    notifications,
    commands,
    courier,
    stop() {
      emergencies.stop();
      notifications.stop();
      commands.stop();
      options.users.stop();
    },
  };
}
