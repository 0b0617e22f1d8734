/**
 * Bounds of what people and devices do: trips, emergencies, notifications, commands. A part of `limits`.
 * Invariant: a state always fits one event; the relations are checked with all others (limits.ts).
 */
import type { Relation } from './relation.ts';

export const deskLimits = {
  /** Trips that run, 1 KB each; the same number of ended ones is remembered, so that they are not asked for. */
  tripsOpenMax: 100_000,
  /** Pauses of a trip, 30 bytes each in its state: every quarter of an hour of a long day. */
  tripPausesMax: 64,
  /** How often who follows a trip is told its totals while it runs, at most. */
  tripTotalsIntervalMs: 5_000,
  /** Emergencies that nobody has resolved. People look at each of them: far fewer is what a fleet can bear. */
  emergenciesOpenMax: 10_000,
  /** Unread notifications of all users; copies of one that went to many share its texts. */
  notificationsOpenMax: 200_000,
  /** Notifications to roles and tenants that have not expired: whoever connects first gets them. */
  audiencesOpenMax: 10_000,
  /** Commands that wait for their device or its answer. */
  commandsOpenMax: 100_000,
  /** What was closed last of each kind, against repeats of what opened it. */
  casesClosedMax: 10_000,
  /** Inputs that wait for the one before them, of one subject. */
  caseInputsMax: 1_000,
  /** What is due and was refused, because the journal is full or a topic cannot be read, is tried again. */
  deskRetryMs: 1_000,
  /** Who, when and what of the last changes, with each state: the newest are kept. */
  logEntriesMax: 32,
  logBytesMax: 3 * 1024,
  /** Characters of a message, a note, a title, and of a name or a kind. */
  messageCharsMax: 500,
  /** The body of a notification. */
  bodyCharsMax: 1_000,
  /** How often the roles on call are told again of an emergency that nobody has acknowledged. */
  emergencyRepeatMs: 60_000,
  /** A notification that states no end; and the longest that one may last. */
  notificationTtlMs: 30 * 86_400_000,
  notificationTtlMaxMs: 366 * 86_400_000,
  /** The same of commands: what a vehicle was to do yesterday is most often wrong today. */
  commandTtlMs: 86_400_000,
  commandTtlMaxMs: 30 * 86_400_000,
  /** Copies of one notification that wait for the journal: a part of `eventsInFlightMax`. */
  fanOutInFlightMax: 500,
  /** Users known by name, 200 bytes each; one more gets what is sent to him alone. */
  usersMax: 100_000,
  /** How often users that have connected are written to the `users` table. */
  usersFlushIntervalMs: 5_000,
  usersPageRowsMax: 1_000,
  /** Rows of what is open, read by one statement at the start. */
  openPageRowsMax: 1_000,
} as const;

/** With what they depend on of the others. */
type Bounds = Readonly<
  Record<keyof typeof deskLimits | 'eventsInFlightMax' | 'eventBytesMax', number>
>;

export function deskRelations(bounds: Bounds): readonly Relation[] {
  return [
    {
      holds: bounds.fanOutInFlightMax < bounds.eventsInFlightMax,
      sentence: 'fanOutInFlightMax must leave room for other events (eventsInFlightMax)',
    },
    {
      holds:
        bounds.notificationTtlMs <= bounds.notificationTtlMaxMs &&
        bounds.commandTtlMs <= bounds.commandTtlMaxMs,
      sentence: 'notificationTtlMs and commandTtlMs must not be longer than the longest',
    },
    {
      holds: bounds.logBytesMax + 8 * bounds.messageCharsMax < bounds.eventBytesMax,
      sentence: 'eventBytesMax must hold a message and the log of a state (logBytesMax)',
    },
    {
      holds: bounds.logBytesMax + 30 * bounds.tripPausesMax + 2_048 < bounds.eventBytesMax,
      sentence: 'eventBytesMax must hold a trip with its log and its pauses (tripPausesMax)',
    },
    {
      holds:
        bounds.deskRetryMs > 0 && bounds.emergencyRepeatMs > 0 && bounds.tripTotalsIntervalMs > 0,
      sentence: 'deskRetryMs, emergencyRepeatMs and tripTotalsIntervalMs must be positive',
    },
  ];
}
