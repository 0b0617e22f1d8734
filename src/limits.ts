/**
 * Every bound of the engine, with its unit in its name and its reason beside it.
 * Invariant: the relations between bounds hold (`checkLimits`, called when this file loads and again
 * by `config.ts` for what an operator changed); a stage takes its bounds from here and has none of its own.
 */

import { apiLimits, apiRelations } from './apilimits.ts';
import { clientLimits } from './clientlimits.ts';
import { deskLimits, deskRelations } from './desklimits.ts';
import { fleetLimits, fleetRelations } from './fleetlimits.ts';
import type { Relation } from './relation.ts';
import { replayLimits, replayRelations } from './replaylimits.ts';

export const limits = {
  // Wire: what one frame may hold.
  /** One WebSocket message. uWebSockets.js closes a larger one with 1006. */
  frameBytesMax: 64 * 1024,
  /** At about 24 bytes a fix, 1,000 fixes fill less than half of a frame. */
  fixesPerFrameMax: 1_000,
  /** JSON text of one fix's attributes, in UTF-8 bytes. */
  attributesBytesMax: 1_024,
  attributesKeysMax: 32,
  attributesDepthMax: 3,
  vehicleIdBytesMax: 64,
  tenantBytesMax: 32,
  topicBytesMax: 160,

  // Connections.
  connectionsMax: 18_000,
  /** Of one user on the subscriber plane: many tabs and a few wall screens. Devices have one each. */
  userConnectionsMax: 100,
  /** Of one address: as many as there may be, because carriers put a whole fleet behind one. */
  addressConnectionsMax: 18_000,
  /** Frames of one device that are not acknowledged yet. */
  framesInFlightMax: 64,
  /** Devices that are acked in one turn when a batch is stored: each is a write of some 10 us, and others wait meanwhile. */
  storedAcksPerTurnMax: 256,
  /** Bytes that wait in one device's socket; acks are small, so a full one means a dead reader. */
  deviceBackpressureBytesMax: 64 * 1024,
  /** Above it a subscriber's positions conflate; a stalled one costs this and the kernel's buffer. */
  subscriberHighWaterBytes: 64 * 1024,
  /** Below it a lagging subscriber gets the newest of what it missed. */
  subscriberLowWaterBytes: 16 * 1024,
  /** Bytes that wait in one subscriber's socket before messages are dropped and it is closed with 3008. */
  subscriberBackpressureBytesMax: 1024 * 1024,
  /** How long a client that is closed for not reading may take to read what waits, and its close code. */
  closeDeadlineMs: 30_000,
  /** The longest interval between two frames that a subscription may ask for. */
  subscriptionIntervalMaxMs: 3_600_000,
  /** Seconds without a byte after which a connection is closed; uWebSockets.js pings before that. */
  idleTimeoutS: 120,
  topicsPerConnectionMax: 100,
  /** Requests of one subscriber: a dashboard that opens asks for many topics at once, then for few. */
  requestsPerSecondMax: 50,
  requestsBurstMax: 200,
  /** The token in the upgrade request; a JWT with a few hundred vehicle ids fits. */
  tokenBytesMax: 8 * 1024,
  /** A token's vehicle ids and prefixes. */
  tokenVehiclesMax: 1_000,
  clockToleranceS: 5,
  /** How long a live connection outlives its token: the client has this to bring a new one. */
  tokenGraceS: 30,
  /** Tokens revoked before their end, in memory: 200 bytes each, 20 MB. */
  revocationsMax: 100_000,
  /** How often connections that have begun or ended are written to the `sessions` table. */
  sessionsFlushIntervalMs: 5_000,
  /** Such rows that wait while the database is away; where connectionsMax is more, that many. */
  sessionsPendingMax: 50_000,
  /** Rows of `sessions` written by one statement: little enough to leave the database free. */
  sessionsPageRowsMax: 1_000,

  // Fixes.
  /** A fix further ahead of the engine's clock than this is kept, flagged, and takes part in nothing. */
  futureToleranceMs: 60_000,
  /** A fix further ahead than this is refused: its chunk would never be dropped or compressed. */
  futureAcceptedMs: 366 * 86_400_000,
  /** 2000-01-01T00:00:00Z: no fleet's data is older, and 1970 or 1980 is a receiver without a clock. */
  oldestAcceptedMs: 946_684_800_000,
  /** What follows from a live fix that is older than this is marked late. */
  liveAgeMaxMs: 60_000,
  /** Vehicles whose last known position is held in memory. */
  vehiclesMax: 200_000,

  // Journal.
  segmentBytesMax: 64 * 1024 * 1024,
  /** Payload of one record; a frame's rows always fit, however many there are. */
  recordBytesMax: 4 * 1024 * 1024,
  /** Rows of several frames share a record up to this payload: about what one message of COPY carries. */
  recordGatherBytesMax: 64 * 1024,
  /** Uncommitted bytes on disk; beyond it nothing more is accepted. */
  journalBytesMax: 2 * 1024 * 1024 * 1024,
  /** Appended, but not yet written: what memory holds while the disk is busy. */
  journalPendingBytesMax: 64 * 1024 * 1024,
  /** The newest durable bytes kept in memory, so that the store need not read what was just written. */
  journalTailBytesMax: 32 * 1024 * 1024,

  // Store.
  batchRowsMax: 50_000,
  batchBytesMax: 8 * 1024 * 1024,
  /** How long the oldest row may wait for its batch to fill. */
  batchAgeMaxMs: 100,
  batchesInFlightMax: 2,
  /** A flush that takes longer has its connections thrown away and is tried again. */
  flushDeadlineMs: 30_000,
  /** The first and the longest pause between attempts while the database is away. */
  retryDelayMinMs: 100,
  retryDelayMaxMs: 5_000,
  deadLetterReasonBytesMax: 1_024,
  /** How often vehicles that moved are written to the `vehicles` table. */
  vehiclesFlushIntervalMs: 5_000,
  databaseConnectTimeoutMs: 10_000,
  /** Connections for queries; those for batches (`batchesInFlightMax`) come on top. */
  databaseConnectionsMax: 4,
  /** How long one node waits for another that is migrating the same database. */
  migrationDeadlineMs: 60_000,
  /** Rows of `vehicles` read or written by one statement. */
  vehiclesPageRowsMax: 5_000,
  /** Rows of `geofences` read by one statement, each up to 40 KB. */
  geofencesPageRowsMax: 500,
  /** How often retention, compression and aggregates are looked after. */
  maintenanceIntervalMs: 10 * 60_000,
  /** Chunks compressed in one round; the rest waits for the next. */
  maintenanceChunksMax: 24,
  /** Rows that retention looks at in one statement: little enough to leave the database free. */
  retentionPageRowsMax: 1_000,
  /** Of one table in one round; the rest waits for the next, which makes 28 million a day. */
  retentionRoundRowsMax: 200_000,
  /** Rows of `maintenance_runs`, one for each table that something was dropped of in a round. */
  maintenanceRunsMax: 1_000,

  // Embedded database.
  /** Queries wait behind a running COPY: 5,000 rows take 30 to 60 ms. */
  embeddedCopyRowsMax: 5_000,
  /** In place of `flushDeadlineMs`: a COPY waits behind maintenance, and what hangs is the whole thread. */
  embeddedFlushDeadlineMs: 300_000,
  /** The first start makes a database; on a slow disk that takes long. */
  embeddedStartDeadlineMs: 120_000,
  /** WAL written since the last checkpoint, which is what a start after a crash replays. */
  embeddedWalBytesMax: 64 * 1024 * 1024,
  embeddedCheckpointIntervalMs: 5_000,
  /** A table that has lost so many rows is vacuumed, which nothing else does there: it stops all for some ms. */
  embeddedVacuumRowsMin: 10_000,

  // Live.
  /** Positions of one topic are gathered this long into one frame, at most. */
  tickMs: 20,
  /** The same at least: where few listen, four times the frames are little work, and a fix is there in a quarter of the time. */
  tickMinMs: 5,
  /** Frames to sockets for which a tick is one ms longer, up to `tickMs`: at some 5 us a send, a tenth of a core. */
  tickSendsPerMs: 20,
  /** uWebSockets.js does not batch messages of 16 KiB or more. */
  publishBytesMax: 15 * 1024,
  /** Grid cells of one area: each is a native topic that its connection joins. */
  areaCellsMax: 64,
  /** Vehicles that a moved area may add at once; where there are more it begins anew, as its client reads. */
  areaMoveVehiclesMax: 1_000,
  /** Vehicles that have left an area while its client did not read; beyond it the client is closed with 3008. */
  areaLeftVehiclesMax: 10_000,
  /** A connected vehicle without a fix for this long is idle: three reports of a slow one are missing. */
  presenceIdleAfterMs: 60_000,
  /** How often connected vehicles are looked at for those that have become idle. */
  presenceSweepIntervalMs: 5_000,
  /** How often the summary of a fleet is made, which looks at each of its vehicles. */
  summaryIntervalMs: 5_000,
  figuresIntervalMs: 1_000,
  /** From this speed on a vehicle moves; below it a receiver's noise looks the same. */
  movingSpeedCms: 100,
  /** What devices are asked to report: when somebody watches, when nobody does, when the battery is low. */
  reportWatchedMs: 1_000,
  reportUnwatchedMs: 10_000,
  reportLowBatteryMs: 60_000,
  reportUnwatchedM: 50,
  reportLowBatteryM: 200,
  lowBatteryPercent: 20,

  // Event topics.
  /** One event, as MessagePack and as JSON; as a frame it fits under `publishBytesMax`. */
  eventBytesMax: 8 * 1024,
  /** An id or a subject: both are in an index, whose rows PostgreSQL keeps under 2,704 bytes. */
  eventIdBytesMax: 256,
  /** Events that wait for the journal: many times what one of its groups brings. */
  eventsInFlightMax: 10_000,
  /** The newest events of one topic in memory, for recovery and against repeats. */
  channelEventsMax: 1_000,
  channelBytesMax: 512 * 1024,
  /** Subjects of one topic whose newest event is held because they are open; the newest of them. */
  channelOpenMax: 1_000,
  /** Event topics whose last offset is in memory; that of any other is read from the database. */
  channelsMax: 50_000,
  /** The events of all topics in memory. */
  channelsBytesMax: 64 * 1024 * 1024,
  /** Callers that wait for topics to be read from the database. */
  channelsWaitingMax: 10_000,
  /** Events that one subscriber gets by recovery; one who missed more gets a snapshot. */
  recoveryEventsMax: 1_000,
  /** The bytes of these, or of what is open: one answer, which a socket has room for beside one event. */
  recoveryBytesMax: 256 * 1024,
  /** Subscribers whose missed events are being read from the database. */
  recoveriesMax: 1_000,
  /** Events, or topics, read or written by one statement. */
  eventsPageRowsMax: 1_000,
  /** A topic that the database has not told by then is refused; whoever asked asks again. */
  eventsReadDeadlineMs: 10_000,
  /** What was stored this long before a start is still known as a repeat after it, up to so many events. */
  eventsRecentMs: 10 * 60_000,
  eventsRecentMax: 10_000,

  // Stopping.
  shutdownDeadlineMs: 10_000,
  /** Devices are told to come back after a random part of this. */
  reconnectSpreadMs: 5_000,
  /** What a device is told to wait when the journal is nearly full. */
  slowDownRetryAfterMs: 2_000,

  ...fleetLimits,
  ...deskLimits,
  ...apiLimits,
  ...replayLimits,
  ...clientLimits,
} as const;

/** Bounds as numbers, so that configuration may replace the values. */
export type Limits = { readonly [Name in keyof typeof limits]: number };

/** The share of `journalBytesMax` above which devices are told to slow down and `/readyz` answers 503. */
export const journalHighWater = 0.9;

/** The most bytes that one fix takes as a COPY tuple: its fixed columns, its key and its attributes. */
export function rowBytesMax(bounds: Limits): number {
  const fixedColumnsBytes = 2 + 12 * 4 + 8 * 4 + 4 * 4 + 2 + 4 + 1;
  return (
    fixedColumnsBytes +
    bounds.tenantBytesMax +
    1 +
    bounds.vehicleIdBytesMax +
    bounds.attributesBytesMax
  );
}

/** Throws a sentence for the first relation that does not hold. */
export function checkLimits(bounds: Limits): void {
  for (const { holds, sentence } of [
    ...storeRelations(bounds),
    ...liveRelations(bounds),
    ...fleetRelations(bounds),
    ...apiRelations(bounds),
    ...replayRelations(bounds),
    ...deskRelations(bounds),
  ]) {
    if (!holds) throw new RangeError(`limits: ${sentence}`);
  }
}

function storeRelations(bounds: Limits): readonly Relation[] {
  return [
    {
      holds: bounds.fixesPerFrameMax * rowBytesMax(bounds) <= bounds.recordBytesMax,
      sentence: 'recordBytesMax must hold the rows of one frame (fixesPerFrameMax)',
    },
    {
      holds: bounds.recordGatherBytesMax <= bounds.recordBytesMax,
      sentence: 'recordBytesMax must hold the rows that share a record (recordGatherBytesMax)',
    },
    {
      holds: bounds.recordBytesMax < bounds.segmentBytesMax,
      sentence: 'segmentBytesMax must be larger than recordBytesMax',
    },
    {
      holds: bounds.segmentBytesMax * 2 <= bounds.journalBytesMax,
      sentence: 'journalBytesMax must hold at least two segments (segmentBytesMax)',
    },
    {
      holds: bounds.recordBytesMax <= bounds.batchBytesMax,
      sentence: 'batchBytesMax must hold one record (recordBytesMax)',
    },
    {
      holds: bounds.recordBytesMax <= bounds.journalPendingBytesMax * (1 - journalHighWater),
      sentence:
        'journalPendingBytesMax must hold one record (recordBytesMax) above the high-water mark',
    },
    {
      holds: bounds.recordBytesMax <= bounds.journalBytesMax * (1 - journalHighWater),
      sentence: 'journalBytesMax must hold one record (recordBytesMax) above the high-water mark',
    },
    {
      holds: bounds.batchBytesMax * bounds.batchesInFlightMax <= bounds.journalTailBytesMax,
      sentence:
        'journalTailBytesMax must hold the batches in flight (batchBytesMax x batchesInFlightMax)',
    },
    {
      holds: bounds.futureToleranceMs < bounds.futureAcceptedMs,
      sentence: 'futureAcceptedMs must be larger than futureToleranceMs',
    },
    {
      holds: bounds.retryDelayMinMs <= bounds.retryDelayMaxMs,
      sentence: 'retryDelayMaxMs must not be smaller than retryDelayMinMs',
    },
    {
      holds: bounds.sessionsPageRowsMax <= bounds.sessionsPendingMax,
      sentence: 'sessionsPendingMax must hold the rows of one statement (sessionsPageRowsMax)',
    },
    {
      holds: bounds.retentionPageRowsMax <= bounds.retentionRoundRowsMax,
      sentence: 'retentionRoundRowsMax must hold the rows of one statement (retentionPageRowsMax)',
    },
  ];
}

function liveRelations(bounds: Limits): readonly Relation[] {
  return [
    {
      holds: bounds.publishBytesMax < 16 * 1024,
      sentence: 'publishBytesMax must stay under 16 KiB, where batching ends',
    },
    {
      holds:
        bounds.subscriberLowWaterBytes < bounds.subscriberHighWaterBytes &&
        bounds.subscriberHighWaterBytes * 2 <= bounds.subscriberBackpressureBytesMax,
      sentence:
        'subscriberLowWaterBytes < subscriberHighWaterBytes <= half of subscriberBackpressureBytesMax',
    },
    {
      holds: bounds.eventBytesMax < bounds.publishBytesMax,
      sentence: 'publishBytesMax must hold one event (eventBytesMax)',
    },
    {
      holds:
        bounds.eventBytesMax * 2 <= bounds.channelBytesMax &&
        bounds.channelBytesMax * 2 <= bounds.channelsBytesMax,
      sentence:
        'channelsBytesMax must hold one topic and what is open in it (twice channelBytesMax), and that ' +
        'two events (eventBytesMax)',
    },
    {
      holds:
        bounds.recoveryBytesMax + bounds.eventBytesMax <= bounds.subscriberBackpressureBytesMax,
      sentence:
        'subscriberBackpressureBytesMax must hold one recovery (recoveryBytesMax) and one event',
    },
    {
      holds: bounds.eventBytesMax <= bounds.recoveryBytesMax,
      sentence: 'recoveryBytesMax must hold one event (eventBytesMax)',
    },
    {
      holds: bounds.topicsPerConnectionMax <= bounds.requestsBurstMax,
      sentence:
        'requestsBurstMax must let a client subscribe to all its topics (topicsPerConnectionMax)',
    },
    {
      holds: bounds.areaCellsMax >= 8,
      sentence: 'areaCellsMax must hold the world, which takes 8 cells',
    },
    {
      holds: bounds.presenceSweepIntervalMs <= bounds.presenceIdleAfterMs,
      sentence: 'presenceSweepIntervalMs must not be longer than presenceIdleAfterMs',
    },
    {
      holds:
        bounds.reportWatchedMs <= bounds.reportUnwatchedMs &&
        bounds.reportUnwatchedMs <= bounds.reportLowBatteryMs,
      sentence: 'reportWatchedMs <= reportUnwatchedMs <= reportLowBatteryMs',
    },
    {
      holds: bounds.tickMs > 0 && bounds.tickMinMs > 0 && bounds.batchAgeMaxMs > 0,
      sentence: 'tickMs, tickMinMs and batchAgeMaxMs must be positive',
    },
    {
      holds: bounds.tickSendsPerMs > 0,
      sentence: 'tickSendsPerMs must be positive',
    },
  ];
}

checkLimits(limits);
