/**
 * A pipeline on a real journal of a few hundred rows, with devices whose sockets are lists of what they were sent.
 * Invariant: each test has a journal of its own, which is gone afterwards.
 * Bound: `pipelineBounds`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createCourier } from '../../src/fleet/courier.ts';
import type { Identity } from '../../src/identity.ts';
import type { Device } from '../../src/ingest/device.ts';
import { createPipeline, type Pipeline } from '../../src/ingest/pipeline.ts';
import { createReplay } from '../../src/ingest/replay.ts';
import { openJournal, type Journal } from '../../src/journal/journal.ts';
import { checkLimits, limits, type Limits } from '../../src/limits.ts';
import { createPresence } from '../../src/live/presence.ts';
import { createVehicles, type Vehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { rowFormat } from '../../src/store/row.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { frameTypes } from '../../src/wire/types.ts';
import { identityOf } from '../support/identities.ts';
import { createPeer, type Peer } from './peer.ts';

export const pipelineBounds: Limits = {
  ...limits,
  fixesPerFrameMax: 10,
  framesInFlightMax: 10_000,
  storedAcksPerTurnMax: 2,
  recordBytesMax: 16 * 1024,
  recordGatherBytesMax: 4 * 1024,
  segmentBytesMax: 32 * 1024,
  journalBytesMax: 192 * 1024,
  vehiclesMax: 3,
};
checkLimits(pipelineBounds);

interface Parts {
  readonly journal: Journal;
  readonly pipeline: Pipeline;
  readonly vehicles: Vehicles;
  readonly metrics: Metrics;
  /** Keys of vehicles, once for each live fix. */
  readonly moved: readonly string[];
  close(): Promise<void>;
}

export interface PipelineWorld extends Omit<Parts, 'close'> {
  /** Anew in the same directory, once the journal is closed. */
  open(ackFirst?: 'journaled' | 'stored'): Promise<void>;
  connect(subject: string, claims?: Partial<Identity>): { device: Device; peer: Peer };
  send(device: Device, frame: readonly unknown[]): void;
}

/** For the tests of a file; its parts are those of the test that runs. */
export function usePipeline(): PipelineWorld {
  let dir = '';
  let parts: Parts | null = null;
  const running = (): Parts => {
    if (parts === null) throw new Error('a pipeline is there during a test');
    return parts;
  };
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'fleetwire-pipeline-'));
    parts = await openParts(dir, 'journaled');
  });
  afterEach(async () => {
    await running().close();
    parts = null;
    await rm(dir, { recursive: true });
  });
  return {
    get journal() {
      return running().journal;
    },
    get pipeline() {
      return running().pipeline;
    },
    get vehicles() {
      return running().vehicles;
    },
    get metrics() {
      return running().metrics;
    },
    get moved() {
      return running().moved;
    },
    async open(ackFirst = 'journaled') {
      await running().close();
      parts = await openParts(dir, ackFirst);
    },
    connect(subject, claims = {}) {
      const identity = identityOf({ subject, role: 'device', ...claims });
      // Presence tells each what to report, which is no answer to what it has sent.
      const peer = createPeer(identity, [frameTypes.settings]);
      return { device: running().pipeline.open(peer), peer };
    },
    send: (device, frame) =>
      running().pipeline.receive(device, Uint8Array.from(toMessagePack(frame))),
  };
}

async function openParts(dir: string, ackFirst: 'journaled' | 'stored'): Promise<Parts> {
  const bounds = pipelineBounds;
  const metrics = createMetrics();
  const vehicles = createVehicles(bounds.vehiclesMax);
  const moved: string[] = [];
  const presence = createPresence({
    watchersOf: () => 0,
    onChange: () => undefined,
    clock: systemClock,
    bounds,
  });
  const { journal } = await openJournal(
    {
      dir,
      rowFormat,
      bounds,
      metrics,
      onDurable: (position) => pipeline.onDurable(position),
      onFailure: (error) => {
        throw error;
      },
    },
    createReplay({ vehicles, folds: { replay: () => undefined, replayStatus: () => undefined } })
      .take,
  );
  const pipeline = createPipeline({
    ...{ journal, vehicles, presence, metrics, bounds },
    courier: createCourier(),
    hearing: { hear: () => undefined },
    folds: { take: () => 0, late: () => undefined },
    onLive: (vehicle) => moved.push(vehicle.key),
    ackFirst,
    clock: systemClock,
  });
  return {
    ...{ journal, pipeline, vehicles, metrics, moved },
    async close() {
      presence.stop();
      await journal.close();
    },
  };
}
