/**
 * The figures of the engine's state: as gauges of `/metrics`, and as what `system` tells every second.
 * Invariant: reading changes nothing; every figure is read when it is asked for.
 * Bound: a fixed set of names.
 */
import type { Metrics } from '../metrics.ts';
import type { PlainMap } from '../wire/types.ts';
import type { GaugeSource } from './exposition.ts';
import type { Gateway } from './gateway.ts';
import type { Stages } from './stages.ts';
import type { Storage } from './storage.ts';

export function gaugesOf(storage: Storage, stages: Stages): readonly GaugeSource[] {
  const { journal, vehicles, channels } = storage;
  return [
    {
      name: 'fleetwire_connections',
      help: 'Open WebSocket connections',
      read: () => stages.gateway?.peers.size ?? 0,
    },
    {
      name: 'fleetwire_sockets_waiting_bytes',
      help: 'Bytes that clients have not read yet, of all connections',
      read: () => waitingBytes(stages.gateway),
    },
    {
      name: 'fleetwire_topics',
      help: 'Native topics of positions listened to',
      read: () => stages.plane.audiences.topics,
    },
    { name: 'fleetwire_vehicles', help: 'Vehicles known', read: () => vehicles.size },
    {
      name: 'fleetwire_vehicles_connected',
      help: 'Vehicles whose device is connected',
      read: () => stages.plane.presence.size,
    },
    {
      name: 'fleetwire_vehicles_late',
      help: 'Vehicles that have to be folded again, because fixes of them came late',
      read: () => storage.folding.lateness.size,
    },
    {
      name: 'fleetwire_vehicles_underway',
      help: 'Vehicles with a trip or an overspeed that has not ended',
      read: () => storage.folding.folds.underway,
    },
    {
      name: 'fleetwire_replays',
      help: 'Replays of stored tracks that are open',
      read: () => stages.plane.replayPlaces.taken,
    },
    {
      name: 'fleetwire_channels',
      help: 'Event topics in memory',
      read: () => channels.size,
    },
    {
      name: 'fleetwire_channels_bytes',
      help: 'Bytes of the events in memory',
      read: () => channels.bytes,
    },
    {
      name: 'fleetwire_journal_uncommitted_bytes',
      help: 'Bytes of the journal that are not committed to the database',
      read: () => journal.bytesUncommitted,
    },
    {
      name: 'fleetwire_journal_unstored_bytes',
      help: 'Bytes appended to the journal whose rows are not in the database yet',
      read: () => journal.end - stages.drain.stored,
    },
    {
      name: 'fleetwire_database_available',
      help: '1 while batches are accepted by the database',
      read: () => Number(stages.writer.isAvailable),
    },
  ];
}

/** What `system` carries: the state, and the counters that its rates are made of. */
export function figuresOf({ counters }: Metrics, storage: Storage, stages: Stages): PlainMap {
  const figures: Record<string, number> = {};
  for (const { name, read } of gaugesOf(storage, stages)) {
    figures[camelCase(name.replace('fleetwire_', ''))] = read();
  }
  const { fixesAccepted, rowsStored, framesPublished, positionsPublished, eventsAppended } =
    counters;
  const { heapUsed: heapBytes, rss: residentBytes } = process.memoryUsage();
  return {
    ...figures,
    fixesAccepted,
    rowsStored,
    framesPublished,
    positionsPublished,
    eventsAppended,
    heapBytes,
    residentBytes,
  };
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function waitingBytes(gateway: Gateway | null): number {
  let bytes = 0;
  for (const peer of gateway?.peers ?? []) bytes += peer.bufferedBytes();
  return bytes;
}
