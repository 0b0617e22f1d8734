/**
 * How long what is stored is kept: the settings, in days, and what follows from them, in ms.
 * Invariant: 0 keeps for ever, in days and in ms.
 * Bound: a hundred years; events at least a day.
 */
import { z } from 'zod';

const dayMs = 86_400_000;
const daysMax = 36_500;

/** For the settings of config.ts. */
export const retentionSettings = {
  retentionDays: {
    env: 'FLEETWIRE_RETENTION_DAYS',
    fallback: '0',
    help: 'days that positions are kept; 0 keeps them for ever',
  },
  aggregateRetentionDays: {
    env: 'FLEETWIRE_AGGREGATE_RETENTION_DAYS',
    fallback: '0',
    help: 'days that hourly aggregates are kept, where the edition has them; 0 keeps them for ever',
  },
  eventRetentionDays: {
    env: 'FLEETWIRE_EVENT_RETENTION_DAYS',
    fallback: '0',
    help: 'days that events are kept, and trips, emergencies, notifications and commands that are over; 0 for ever',
  },
  vehicleEventRetentionDays: {
    env: 'FLEETWIRE_VEHICLE_EVENT_RETENTION_DAYS',
    fallback: '0',
    help: 'days that events of vehicles are kept: geofences, speeds, ignition and so on; 0 for ever',
  },
  vehicleStateRetentionDays: {
    env: 'FLEETWIRE_VEHICLE_STATE_RETENTION_DAYS',
    fallback: '0',
    help: 'days of states that late positions are folded from, as long as positions at least; 0 for ever where those are',
  },
  statusRetentionDays: {
    env: 'FLEETWIRE_STATUS_RETENTION_DAYS',
    fallback: '0',
    help: 'days that statuses of vehicles are kept, as long as positions at least; 0 for ever where those are',
  },
  sessionRetentionDays: {
    env: 'FLEETWIRE_SESSION_RETENTION_DAYS',
    fallback: '90',
    help: 'days that connections are remembered after their end; 0 for ever',
  },
} as const;

const days = z.coerce.number().min(0).max(daysMax);

/** For its schema. */
export const retentionSchema = {
  retentionDays: days,
  aggregateRetentionDays: days,
  // A start takes the events of the last minutes for all that there were (`eventsRecentMs`).
  eventRetentionDays: days.refine((count) => count === 0 || count >= 1, 'must be 0, or 1 or more'),
  vehicleEventRetentionDays: days,
  vehicleStateRetentionDays: days,
  statusRetentionDays: days,
  sessionRetentionDays: days,
};

/** Ages in ms. */
export interface RetentionAges {
  /** Of the time of a fix. Chunks of positions that are older as a whole are dropped. */
  readonly positionsMs: number;
  /** Of an hour; by chunks too. */
  readonly aggregatesMs: number;
  /** Since it was stored last: of events, and of trips, emergencies, notifications and commands that are over. */
  readonly eventsMs: number;
  /** Of when it happened. */
  readonly vehicleEventsMs: number;
  /** Of the last fix in it, and no less than positions: a past is folded from a state. The newest of each vehicle that is older is kept. */
  readonly vehicleStatesMs: number;
  /** Of when it was said, and no less than positions: both are folded together. */
  readonly statusesMs: number;
  /** Since its end. */
  readonly sessionsMs: number;
}

export const keepForEver: RetentionAges = {
  positionsMs: 0,
  aggregatesMs: 0,
  eventsMs: 0,
  vehicleEventsMs: 0,
  vehicleStatesMs: 0,
  statusesMs: 0,
  sessionsMs: 0,
};

type RetentionDays = Readonly<Record<keyof typeof retentionSettings, number>>;

export function agesOf(kept: RetentionDays): RetentionAges {
  const positionsMs = daysToMs(kept.retentionDays);
  return {
    positionsMs,
    aggregatesMs: daysToMs(kept.aggregateRetentionDays),
    eventsMs: daysToMs(kept.eventRetentionDays),
    vehicleEventsMs: daysToMs(kept.vehicleEventRetentionDays),
    vehicleStatesMs: Math.max(positionsMs, daysToMs(kept.vehicleStateRetentionDays)),
    statusesMs: Math.max(positionsMs, daysToMs(kept.statusRetentionDays)),
    sessionsMs: daysToMs(kept.sessionRetentionDays),
  };
}

export function daysToMs(count: number): number {
  return Math.round(count * dayMs);
}
