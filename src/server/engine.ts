/**
 * The engine: its stages made, joined, started in order and stopped in the other order.
 * Invariant: nothing is accepted before what the last run left is read; nothing is dropped on the way out:
 * what the database does not take in time stays in the journal for the next start.
 * Bound: a stop ends within `shutdownDeadlineMs`, whatever hangs.
 */
import { every, systemClock, type Clock, type Timer } from '../clock.ts';
import type { Config } from '../config.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import { createDrain, type Drain } from '../ingest/drain.ts';
import { createPipeline, type Pipeline } from '../ingest/pipeline.ts';
import { createAudiences, type Audiences } from '../live/audience.ts';
import { createPublisher, type Publisher } from '../live/publisher.ts';
import { createWriteBehind, type WriteBehind } from '../live/writebehind.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { saveVehicles } from '../store/vehicles.ts';
import { createWriter, type Writer } from '../store/writer.ts';
import { createAttach } from './attach.ts';
import { createVerifier } from './auth.ts';
import { createExposition } from './exposition.ts';
import { openGateway, type Gateway } from './gateway.ts';
import { createLog } from './log.ts';
import { createRoutes } from './routes.ts';
import { loadSecret, requireLoopback } from './secret.ts';
import { openStorage, type Context, type Storage } from './storage.ts';

export interface Engine {
  /** `http://HOST:PORT` */
  readonly url: string;
  readonly metrics: Metrics;
  /** Resolves with the cause when the engine cannot go on and has to be stopped. */
  readonly failed: Promise<FleetwireError>;
  /** Stops gracefully, within `shutdownDeadlineMs`; the same promise however often it is called. */
  stop(): Promise<void>;
}

/** Starts everything; resolves when connections are accepted. Throws coded errors. */
export async function startEngine(config: Config, clock: Clock = systemClock): Promise<Engine> {
  requireLoopback(config);
  const metrics = createMetrics();
  const log = createLog(config.logLevel);
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<FleetwireError>((resolve) => {
    fail = (error) => resolve(asFailure(error));
  });
  const context: Context = { config, clock, metrics, log, fail };
  const secret = config.jwksUrl === null ? await loadSecret(config) : new Uint8Array();

  // The journal tells about durable groups from its first append on, long after this is assigned.
  let onDurable: (position: number) => void = () => undefined;
  const storage = await openStorage(context, (position) => onDurable(position));
  const stages = createStages(context, storage);
  try {
    onDurable = (position) => {
      stages.pipeline.onDurable(position);
      stages.drain.wake();
    };
    const gateway = await listen(context, storage, stages, secret);
    stages.drain.wake();
    const stop = createStop(context, storage, stages, gateway);
    return { url: `http://${config.host}:${gateway.port}`, metrics, failed, stop };
  } catch (error) {
    stages.writeBehind.stop();
    await storage.close();
    throw error;
  }
}

interface Stages {
  readonly pipeline: Pipeline;
  readonly drain: Drain;
  readonly writer: Writer;
  readonly publisher: Publisher;
  readonly audiences: Audiences;
  readonly writeBehind: WriteBehind;
  /** The gateway comes last, but the publisher needs it. */
  gateway: Gateway | null;
}

function createStages(context: Context, storage: Storage): Stages {
  const { config, clock, metrics, log, fail } = context;
  const { bounds } = config;
  const { journal, database, vehicles } = storage;
  const audiences = createAudiences();
  const publisher = createPublisher({
    publish: (inner, frame) => stages.gateway?.publish(inner, frame),
    audiences,
    clock,
    metrics,
    bounds,
  });
  const pipeline = createPipeline({
    journal,
    vehicles,
    onLive: publisher.add,
    ackFirst: config.ack,
    clock,
    metrics,
    bounds,
  });
  const writer = createWriter({ database, clock, metrics, bounds, random: Math.random });
  const drain = createDrain({
    journal,
    writer,
    clock,
    bounds,
    onStored: pipeline.onStored,
    onFailure: fail,
  });
  const writeBehind = createWriteBehind({
    vehicles,
    save: (moved) =>
      saveVehicles(
        database.sql,
        moved.map(({ key, last, receivedAtMs }) => ({ key, fix: last, receivedAtMs })),
      ),
    stored: () => drain.stored,
    onSaved: (position) => journal.commit(position),
    onError: (error) => log.warn({ cause: messageOf(error) }, 'vehicles not written, trying again'),
    intervalMs: bounds.vehiclesFlushIntervalMs,
    clock,
    metrics,
  });
  const stages: Stages = {
    pipeline,
    drain,
    writer,
    publisher,
    audiences,
    writeBehind,
    gateway: null,
  };
  return stages;
}

/** How often connections are looked at for tokens that have expired. */
const expirySweepMs = 1_000;

async function listen(
  context: Context,
  storage: Storage,
  stages: Stages,
  secret: Uint8Array,
): Promise<Gateway> {
  const { config, clock, metrics } = context;
  const { journal, vehicles } = storage;
  const exposition = createExposition(metrics, [
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
    { name: 'fleetwire_topics', help: 'Topics listened to', read: () => stages.audiences.topics },
    { name: 'fleetwire_vehicles', help: 'Vehicles known', read: () => vehicles.size },
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
  ]);
  const unready = (): string | null => {
    if (stages.gateway?.isAccepting !== true) return 'the engine is starting or stopping';
    return journal.isNearlyFull ? 'the journal is nearly full' : null;
  };
  const gateway = await openGateway({
    host: config.host,
    port: config.port,
    origins: config.origins,
    verify: createVerifier(config, secret),
    routes: createRoutes({ unready, exposition, metrics }),
    attach: createAttach({ ...stages, config, clock, metrics, vehicles }),
    metrics,
    bounds: config.bounds,
  });
  stages.gateway = gateway;
  return gateway;
}

function waitingBytes(gateway: Gateway | null): number {
  let bytes = 0;
  for (const peer of gateway?.peers ?? []) bytes += peer.bufferedBytes();
  return bytes;
}

/** Closes connections whose token has expired; runs until cancelled. */
function sweepExpired({ config, clock }: Context, gateway: Gateway): Timer {
  const toleranceMs = config.bounds.clockToleranceS * 1_000;
  return every(clock, expirySweepMs, () => {
    const expiredBeforeMs = clock.nowMs() - toleranceMs;
    for (const peer of gateway.peers) {
      if (peer.identity.expiresAtMs < expiredBeforeMs) {
        peer.close('tokenExpired', 'the token has expired: reconnect with a new one');
      }
    }
  });
}

function createStop(
  context: Context,
  storage: Storage,
  stages: Stages,
  gateway: Gateway,
): () => Promise<void> {
  const { config, clock, log } = context;
  const sweep = sweepExpired(context, gateway);
  let stopping: Promise<void> | null = null;

  async function finish(deadline: Promise<'late'>): Promise<void> {
    gateway.stopAccepting();
    try {
      // Acks for what was received go out before the sockets close.
      await Promise.race([storage.journal.flush(), deadline]);
    } finally {
      for (const peer of gateway.peers) {
        const comeBackMs = Math.floor(Math.random() * config.bounds.reconnectSpreadMs);
        peer.close('shutdown', String(comeBackMs));
      }
      stages.publisher.stop();
    }
    await stages.drain.settled();
    stages.writeBehind.stop();
    await stages.writeBehind.flush();
  }

  async function release(): Promise<void> {
    stages.writeBehind.stop();
    stages.drain.stop();
    gateway.close();
    await stages.writer.close();
    await storage.close();
  }

  async function stop(): Promise<void> {
    const { shutdownDeadlineMs } = config.bounds;
    const late = deadlineAfter(clock, shutdownDeadlineMs);
    sweep.cancel();
    const finished = finish(late.promise).catch((error: unknown) => error);
    const outcome = await Promise.race([finished, late.promise]);
    if (outcome !== undefined) {
      const cause = outcome === 'late' ? `not within ${shutdownDeadlineMs} ms` : messageOf(outcome);
      log.warn({ cause }, 'not all is in the database; the journal keeps it for the next start');
    }
    await Promise.race([release(), late.promise]);
    late.timer.cancel();
  }

  return () => (stopping ??= stop());
}

function deadlineAfter(
  clock: Clock,
  deadlineMs: number,
): { readonly promise: Promise<'late'>; readonly timer: Timer } {
  let pass: (late: 'late') => void = () => undefined;
  const promise = new Promise<'late'>((resolve) => {
    pass = resolve;
  });
  return { promise, timer: clock.after(deadlineMs, () => pass('late')) };
}

function asFailure(error: unknown): FleetwireError {
  if (error instanceof FleetwireError) return error;
  return new FleetwireError('JOURNAL_IO', messageOf(error), { cause: error });
}
