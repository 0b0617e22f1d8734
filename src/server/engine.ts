/**
 * The engine: its stages made, joined, started in order and stopped in the other order.
 * Invariant: nothing is accepted before what the last run left is read; nothing is dropped on the way out:
 * what the database does not take in time stays in the journal for the next start.
 * Bound: a stop ends within `shutdownDeadlineMs`, whatever hangs.
 */
import { randomUUID } from 'node:crypto';
import { systemClock, type Clock, type Timer } from '../clock.ts';
import type { Config } from '../config.ts';
import { FleetwireError, messageOf } from '../errors.ts';
import { createFleetCalls } from '../fleet/calls.ts';
import { createCalls } from '../live/calls.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { createAttach } from './attach.ts';
import { createVerifier } from './auth.ts';
import { sweepExpired } from './expiry.ts';
import { openGateway, type Gateway } from './gateway.ts';
import { createLog } from './log.ts';
import { openRegistry, type Registry } from './registry.ts';
import { loadSecret, requireLoopback } from './secret.ts';
import { createServing } from './serving.ts';
import { createStages, type Stages } from './stages.ts';
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
    onDurable = stages.onDurable;
    const peers = () => stages.gateway?.peers ?? [];
    const registry = await openRegistry(context, storage.database, peers);
    const gateway = await listen(context, storage, stages, registry, secret);
    stages.drain.wake();
    const stop = createStop(context, storage, stages, registry, gateway);
    return { url: `http://${config.host}:${gateway.port}`, metrics, failed, stop };
  } catch (error) {
    stages.stop();
    await storage.close();
    throw error;
  }
}

async function listen(
  context: Context,
  storage: Storage,
  stages: Stages,
  { recorder, revocations }: Registry,
  secret: Uint8Array,
): Promise<Gateway> {
  const { config, clock, metrics } = context;
  const verify = createVerifier(config, secret);
  const { isRevoked } = revocations;
  const { plane } = stages;
  const call = createCalls({
    plane,
    eventEpoch: storage.epoch,
    revoke: revocations.call,
    fleet: createFleetCalls({
      desk: stages.desk,
      newId: randomUUID,
      clock,
      bounds: config.bounds,
    }),
  });
  const { fences } = storage.folding;
  const serve = createServing({ context, storage, stages, fences, call, verify, isRevoked });
  const gateway = await openGateway({
    host: config.host,
    port: config.port,
    origins: config.origins,
    trustedProxies: config.trustedProxies,
    compression: config.compression,
    verify,
    isRevoked,
    serve,
    attach: createAttach({ stages, config, clock, metrics, call }),
    recorder,
    clock,
    metrics,
    bounds: config.bounds,
  });
  stages.gateway = gateway;
  return gateway;
}

function createStop(
  context: Context,
  storage: Storage,
  stages: Stages,
  { recorder }: Registry,
  gateway: Gateway,
): () => Promise<void> {
  const { config, clock, log } = context;
  const sweep = sweepExpired({ peers: gateway.peers, clock, bounds: config.bounds });
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
      stages.plane.publisher.stop();
    }
    const recorded = Promise.all([recorder.flush(), storage.memory.users.flush()]);
    await stages.drain.settled();
    stages.writeBehind.stop();
    await stages.writeBehind.flush();
    await recorded;
  }

  async function release(): Promise<void> {
    stages.stop();
    recorder.stop();
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
    if (recorder.pending > 0) log.warn({ sessions: recorder.pending }, 'sessions not written');
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
