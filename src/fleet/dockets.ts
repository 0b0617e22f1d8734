/**
 * The cases of all kinds, by what their topics are called.
 * Invariant: filled from the database and then from the journal, in order, before anything is accepted: then it is
 * what the last run had in force. Events of these topics that are no states are nobody's case.
 * Bound: those of each docket.
 */
import type { Limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';
import { audienceMachine, type AudienceNotification } from './audience.ts';
import { commandMachine, type Command } from './command.ts';
import { createDocket, type Docket } from './docket.ts';
import { createEmergencyMachine, type Emergency } from './emergency.ts';
import { notificationMachine, type Notification } from './notification.ts';
import { createTripMachine, type Trip } from './trip.ts';

export interface Dockets {
  readonly trips: Docket<Trip>;
  readonly emergencies: Docket<Emergency>;
  readonly notifications: Docket<Notification>;
  readonly audiences: Docket<AudienceNotification>;
  readonly commands: Docket<Command>;
  /** What an event of the topic (`<tenant>/<topic text>`) says, of an earlier run. */
  restore(topic: string, data: Plain): void;
  /** The same of an event that may not be the newest of its subject: only a closing counts. */
  recall(topic: string, data: Plain): void;
}

export type DocketsBounds = Pick<
  Limits,
  | 'tripsOpenMax'
  | 'emergenciesOpenMax'
  | 'notificationsOpenMax'
  | 'audiencesOpenMax'
  | 'commandsOpenMax'
  | 'casesClosedMax'
  | 'logEntriesMax'
  | 'logBytesMax'
  | 'tripPausesMax'
  | 'eventBytesMax'
>;

export const emergencyTopic = 'emergency';
export const everyone = 'everyone';

export const topicOf = {
  trip: (id: string): string => `trip:${id}`,
  notification: (user: string): string => `notification:${user}`,
  /** Of the engine's own: no client can subscribe to these two. */
  audience: (audience: string): string => `audience:${audience}`,
  command: (vehicle: string): string => `command:${vehicle}`,
} as const;

export function createDockets(bounds: DocketsBounds): Dockets {
  const closedMax = bounds.casesClosedMax;
  const trips = createDocket(createTripMachine(bounds), {
    openMax: bounds.tripsOpenMax,
    closedMax,
  });
  const emergencies = createDocket(createEmergencyMachine(bounds), {
    openMax: bounds.emergenciesOpenMax,
    closedMax,
  });
  const notifications = createDocket(notificationMachine, {
    openMax: bounds.notificationsOpenMax,
    closedMax,
  });
  const audiences = createDocket(audienceMachine, { openMax: bounds.audiencesOpenMax, closedMax });
  const commands = createDocket(commandMachine, { openMax: bounds.commandsOpenMax, closedMax });
  const byKind: Readonly<Record<string, Pick<Docket<never>, 'restore' | 'recall'>>> = {
    trip: trips,
    emergency: emergencies,
    notification: notifications,
    audience: audiences,
    command: commands,
  };

  function put(how: 'restore' | 'recall', topic: string, data: Plain): void {
    const slash = topic.indexOf('/');
    const text = topic.slice(slash + 1);
    const [kind = ''] = text.split(':', 1);
    byKind[kind]?.[how](topic.slice(0, slash), text, data);
  }

  return {
    trips,
    emergencies,
    notifications,
    audiences,
    commands,
    restore: (topic, data) => put('restore', topic, data),
    recall: (topic, data) => put('recall', topic, data),
  };
}
