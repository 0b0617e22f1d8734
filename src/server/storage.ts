/**
 * What the engine keeps: the lock on its data directory, the database, the journal, the last known positions,
 * the event topics, and what the desk has open.
 * Invariant: opened in this order and closed in the other; the caches show what the database and the journal
 * together know before anything is accepted, so that no offset of an event topic is given twice.
 * Bound: one engine a data directory, held by the lock.
 */
import { mkdir } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import { createReplay } from '../ingest/replay.ts';
import { openJournal, type Journal, type Recovery } from '../journal/journal.ts';
import { lockDirectory } from '../journal/lock.ts';
import { createChannels, type Channels } from '../live/channels.ts';
import { decodeEvent, eventRecordKind } from '../live/event.ts';
import { createVehicles, type Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import { agesOf, daysToMs } from '../retention.ts';
import { openDatabase, type Database } from '../store/database.ts';
import { loadEpoch, renewEpoch } from '../store/epoch.ts';
import { createEventReader, type EventReader } from '../store/eventreader.ts';
import { lastOffsets, recentEvents } from '../store/events.ts';
import { createReader, type Reader } from '../store/reader.ts';
import { rowFormat } from '../store/row.ts';
import { openFolds, type FoldMemory } from './folding.ts';
import type { Log } from './log.ts';
import { openMemory, type Memory } from './memory.ts';

export interface Storage {
  readonly database: Database;
  readonly journal: Journal;
  readonly vehicles: Vehicles;
  readonly channels: Channels;
  readonly eventReader: EventReader;
  /** For people who ask for what is stored. */
  readonly reader: Reader;
  readonly memory: Memory;
  readonly folding: FoldMemory;
  /** Names the life of the offsets of event topics, over restarts. */
  readonly epoch: string;
  close(): Promise<void>;
}

/** What every part of the engine is given. */
export interface Context {
  readonly config: Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly fail: (error: unknown) => void;
}

export async function openStorage(
  context: Context,
  onDurable: (position: number) => void,
): Promise<Storage> {
  const { config, metrics, fail } = context;
  await makeDataDir(config.dataDir);
  const lock = await lockDirectory(config.dataDir);
  const closers: (() => Promise<void>)[] = [() => lock.release()];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const database = await openTimescale(context);
    closers.push(() => database.close());
    const vehicles = createVehicles(config.bounds.vehiclesMax);
    const folding = await openFolds(context, database, vehicles);
    closers.push(async () => folding.folds.stop());
    // What was just read from the table need not be written to it.
    vehicles.takeDirty();
    const eventReader = createEventReader({
      database,
      clock: context.clock,
      bounds: config.bounds,
    });
    const reader = createReader({ database, ...context, bounds: config.bounds });
    // So that nothing new keeps the database from closing.
    closers.push(async () => reader.stop());
    const memory = await openMemory(context, database);
    const channels = await restoreRecent(context, database, eventReader, memory);
    const replay = createReplay({ vehicles, folds: folding.folds });
    const { journal, recovery } = await openJournal(
      {
        dir: config.journalDir,
        rowFormat,
        bounds: config.bounds,
        metrics,
        onDurable,
        onFailure: fail,
      },
      (record) => {
        replay.take(record);
        if (record.kind !== eventRecordKind) return;
        const event = decodeEvent(record.payload);
        channels.restore(event, false);
        memory.dockets.restore(event.topic, event.data);
        if (event.topic.includes('/trip:')) folding.lastIds.set(event.topic, event.id);
      },
    );
    closers.push(() => journal.close());
    replay.end();
    report(context.log, database, recovery);
    const isAll = await lastOffsets(
      database.sql,
      channels.restoreOffset,
      config.bounds.channelsMax,
    );
    if (isAll) channels.allRestored();
    const epoch = await openEpoch(database, recovery);
    const live = { vehicles, channels, memory, folding };
    return { database, journal, eventReader, reader, ...live, epoch, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The event topics with what was stored last: what comes again after a restart is known as a repeat. */
async function restoreRecent(
  { config, metrics, log }: Context,
  database: Database,
  eventReader: EventReader,
  memory: Memory,
): Promise<Channels> {
  const { bounds } = config;
  const channels = createChannels({
    read: eventReader.last,
    readOpen: eventReader.open,
    onError: (error) => log.warn({ cause: messageOf(error) }, 'an event topic could not be read'),
    metrics,
    bounds,
  });
  const recent = await recentEvents(database.sql, bounds.eventsRecentMs, bounds.eventsRecentMax);
  for (const event of recent) {
    channels.restore(event, true);
    memory.dockets.recall(event.topic, event.data);
  }
  return channels;
}

// What was damaged may have been events, whose offsets are then given again.
function openEpoch({ sql }: Database, recovery: Recovery): Promise<string> {
  return recovery.bytesDamaged > 0 ? renewEpoch(sql) : loadEpoch(sql);
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new FleetwireError(
      'CONFIG_INVALID',
      `cannot make the data directory (${messageOf(error)}): change FLEETWIRE_DATA_DIR`,
    );
  }
}

function openTimescale({ config, clock, metrics, log }: Context): Promise<Database> {
  return openDatabase({
    url: config.databaseUrl,
    dataDir: config.databaseDir,
    bounds: config.bounds,
    metrics,
    clock,
    random: Math.random,
    onNotice: (text) => log.info(text),
    chunkIntervalMs: daysToMs(config.chunkDays),
    retention: agesOf(config),
    compressAfterMs: daysToMs(config.compressAfterDays),
  });
}

function report(log: Log, database: Database, recovery: Recovery): void {
  log.info({ kind: database.kind, edition: database.edition }, 'database open');
  if (recovery.bytesDamaged > 0) {
    log.error(recovery, 'the journal was damaged: the damaged bytes are kept beside it');
  } else {
    log.info(recovery, 'journal open');
  }
}
