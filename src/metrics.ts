/**
 * Plain counters: numbers that stages add to and that `/metrics` reads. No I/O, no clock.
 * Invariant: a counter only rises; a name is stated once, here, with what it counts.
 * Bound: a fixed set of names, so neither memory nor label cardinality can grow.
 */
import { refusals, type CloseName, type RefusalName, closeCodes } from './errors.ts';

/** What each counter counts; the key in snake_case is its Prometheus name, after `fleetwire_`. */
export const counterHelp = {
  framesReceived: 'Frames received from devices',
  bytesReceived: 'Bytes received from devices',
  fixesReceived: 'Fixes decoded from frames of devices',
  fixesAccepted: 'Fixes that passed every check and went to the journal',
  fixesRefused: 'Fixes refused, for whatever reason',
  fixesLive: 'Fixes accepted in the live lane',
  fixesBackfill: 'Fixes accepted in the backfill lane',
  fixesFuture: 'Fixes flagged because their time is ahead of the clock of the engine',
  fixesLate: 'Live fixes older than liveAgeMaxMs',
  fixesRepeated: 'Fixes dropped because the vehicle has the same fix at this time already',
  fixesConflicting: 'Fixes dropped because the vehicle has another fix at this time already',
  fixesUntracked: 'Fixes stored without a live position because vehiclesMax vehicles are known',
  fixesFilteredZeroIsland: 'Fixes filtered because they are at 0/0',
  fixesFilteredDuplicate: 'Fixes filtered because they say again what the last one said',
  fixesFilteredJump: 'Fixes filtered because no vehicle gets there so fast',
  fixesFilteredInaccurate:
    'Fixes filtered because their accuracy is worse than filterAccuracyMaxDm',
  fixesFilteredDrift: 'Fixes filtered because the vehicle stands and they only wander',
  fixesFilteredFrequent: 'Fixes filtered because they come sooner than filterIntervalMinMs',
  fixesFilteredOutdated: 'Fixes filtered because they were older than filterOutdatedMs',
  fencesLeftOut: 'Geofences left out because a vehicle is in more than fencesPerVehicleMax',
  statusesAccepted: 'Statuses of vehicles that went to the journal',
  statusesLate: 'Of these, those that came after what is newer, and are folded later',
  statusesStored: 'Rows written to the statuses table',
  statusesRepeated: 'Statuses that the database had already, dropped',
  statusesDead: 'Statuses set aside in dead_letters',
  vehicleEventsTold: 'Events that fixes and statuses of vehicles have told',
  vehicleEventsStored: 'Rows written to the vehicle_events table',
  vehicleEventsDropped:
    'Events and states of vehicles not kept because too many waited; they are folded again',
  vehicleStatesStored: 'Rows written to the vehicle_states table',
  tripsDetected: 'Trips detected in live fixes',
  tripsHidden: 'Trips detected in the time of one that somebody has started, and not told',
  tripMetersDropped:
    'Times that the totals of a trip were not followed: too long, too old, or too many have ended',
  tripNewsRetried: 'Events of detected trips that were refused for now, and are tried again',
  tripNewsDropped: 'Events of detected trips that were refused; their vehicles are folded again',
  alarmsSent: 'Notifications of events of vehicles',
  alarmsRetried:
    'Notifications of events of vehicles that were refused for now, and are tried again',
  alarmsRefused: 'Notifications of events of vehicles that were refused',
  vehiclesRecomputed: 'Times that a vehicle with late fixes or statuses was folded again',
  vehiclesRecomputesFailed: 'Times that this failed, and is tried again',
  recomputeRowsRead: 'Fixes and statuses read from the database to be folded again',
  tripsRecomputed: 'Trips that late fixes have changed',
  tripsRemoved: 'Trips that late fixes have shown to be none',
  framesJournaled: 'Frames acknowledged at level 1, journaled',
  framesStored: 'Frames acknowledged at level 2, stored',
  slowDownsSent: 'Slow-down frames sent to devices',
  framesShed: 'Frames not taken because the journal was full; the device resends them',
  journalGroups: 'Groups written and synced',
  journalRecords: 'Records appended',
  journalBytes: 'Bytes appended',
  journalRecordsReplayed: 'Records found at start that may not be in the database yet',
  journalBytesTorn: 'Bytes of an unfinished last record cut off at start',
  journalBytesDamaged: 'Bytes set aside at start because their checksum or framing was wrong',
  rowsStored: 'Rows committed to the database',
  rowsDuplicate: 'Rows that the database had already, dropped',
  rowsConflicting: 'Of the duplicate rows, those whose content differed',
  rowsDead: 'Rows set aside in dead_letters',
  batchesStored: 'Batches committed',
  batchesMerged: 'Batches that took the conflict path',
  batchesBisected: 'Batches split to find a poison row',
  batchesFailed: 'Attempts at a batch that failed and were tried again',
  batchesTimedOut: 'Attempts at a batch that passed the deadline',
  poolsReplaced: 'Database pools thrown away after a flush that hung',
  vehiclesFlushed: 'Rows written to the vehicles table',
  vehiclesFlushesFailed: 'Writes to the vehicles table that failed and are tried again',
  maintenanceRuns: 'Rounds of maintenance',
  maintenanceMs: 'Milliseconds that these took',
  maintenanceFailed: 'Maintenance runs that failed',
  retentionRowsDropped: 'Rows dropped because they were older than they are kept',
  retentionChunksDropped:
    'Chunks of positions and aggregates dropped because they were older than they are kept',
  positionsPublished: 'Positions put into frames for subscribers, once for each topic',
  positionsCoalesced: 'Positions left out of a fleet frame for a newer one of the same vehicle',
  positionsConflated: 'Positions that a lagging subscriber did not get, and was told so',
  feedsLagging: 'Times that a subscription began to lag behind its topic',
  framesPublished: 'Frames published to topics',
  messagesDropped:
    'Messages dropped by backpressure: positions conflate, for others the connection is closed',
  requestsReceived: 'Frames received from subscribers',
  requestsRefused: 'Requests of subscribers answered with an error',
  eventsAppended: 'Events of event topics that were given an offset',
  eventsRepeated: 'Events whose id their topic had already',
  eventsPublished: 'Events published to their topics, once the journal held them',
  eventsStored: 'Events committed to the database',
  eventsDead: 'Events that the database refused for their content, set aside in dead_letters',
  channelsReleased: 'Event topics let go of in memory because channelsMax are known',
  channelsRead: 'Event topics read back from the database',
  channelsUnavailable:
    'Uses of an event topic refused: not in memory, and not to be read or held now',
  recoveriesMade: 'Subscriptions that recovered all events they had missed',
  recoveriesRefused: 'Subscriptions that asked for missed events and got a snapshot instead',
  connectionsOpened: 'WebSocket connections opened',
  connectionsClosed: 'WebSocket connections closed',
  connectionsRefused: 'WebSocket connections refused at the upgrade',
  sessionsFlushed: 'Rows written to the sessions table',
  sessionsFlushesFailed: 'Writes to the sessions table that failed and are tried again',
  sessionsDropped: 'Ended sessions never written because too many waited for the database',
  casesApplied: 'Changes of trips, emergencies, notifications and commands, once durable',
  casesRepeated: 'Inputs of these that had been taken before',
  casesRetried: 'Changes that were due, were refused for now, and are tried again',
  casesDropped: 'Changes that were due and were refused for good',
  emergenciesRaised: 'Emergencies raised',
  emergencyCalls: 'Calls of the roles on call, to emergencies that nobody had acknowledged',
  eventsUrgent: 'Events that the journal took although it was full for positions',
  notificationsSent: 'Notifications put to one user each',
  commandsTold: 'Frames of commands sent to devices',
  usersFlushed: 'Rows written to the users table',
  usersFlushesFailed: 'Writes to the users table that failed and are tried again',
  usersUntracked: 'Users not known by name because usersMax are',
  apiRequests: 'Requests of the HTTP API',
  apiQueries: 'Queries of the HTTP API and of replays that the database answered',
  apiQueriesFailed: 'Queries of the HTTP API and of replays that failed or took too long',
  apiRowsRead: 'Rows that the HTTP API read from the database',
  streamsOpened: 'Answers of the HTTP API that were sent in pieces',
  streamsAborted: 'Of these, those whose client left before the end',
  streamsStalled: 'Of these, those that were cut off because their client did not read',
  streamsBroken: 'Of these, those that were cut off because the rest could not be read',
  replaysStarted: 'Replays of stored tracks begun',
  replaysCompleted: 'Of these, those that came to the end of their track',
  replaysIdle: 'Of these, those that ended because they were paused or not read for too long',
  replaysBroken: 'Of these, those that ended because the rest could not be read',
  replaysStalled: 'Times that a replay stood still because its client did not read',
  replaySilencesShortened: 'Silences in replays that were shortened',
  replayRowsRead: 'Rows that replays read from the database',
  replayFixesShown: 'Fixes sent by replays',
  tokensRevoked: 'Revocations of tokens put in force',
  revocationsFailed: 'Revocations in force that the database did not take',
} as const;

export type CounterName = keyof typeof counterHelp;

/** Everything that is counted. Stages add to the fields; only `/metrics` and tests read them. */
export interface Metrics {
  readonly counters: Record<CounterName, number>;
  readonly refused: Record<RefusalName, number>;
  readonly closed: Record<CloseName, number>;
}

export function createMetrics(): Metrics {
  return {
    counters: zeroes(Object.keys(counterHelp) as CounterName[]),
    refused: zeroes(Object.keys(refusals) as RefusalName[]),
    closed: zeroes(Object.keys(closeCodes) as CloseName[]),
  };
}

function zeroes<Name extends string>(names: readonly Name[]): Record<Name, number> {
  const record = {} as Record<Name, number>;
  for (const name of names) record[name] = 0;
  return record;
}
