/**
 * The stages of the engine, made and joined: from devices to the database, and to subscribers.
 * Invariant: a stage knows none of the others but through what it is given here.
 * Bound: made once, at the start; `stop` ends every timer.
 */
import { randomUUID } from 'node:crypto';
import { messageOf } from '../errors.ts';
import { createDesk, type Desk } from '../fleet/desk.ts';
import { createHearing } from '../fleet/hearing.ts';
import { createStatuses } from '../fleet/statuses.ts';
import type { TripWitness } from '../fleet/trips.ts';
import { createDrain, type Drain } from '../ingest/drain.ts';
import { createPipeline, type Pipeline } from '../ingest/pipeline.ts';
import { createAnnouncer } from '../live/announcer.ts';
import { createAudiences } from '../live/audience.ts';
import { createTripStories } from '../live/tripstories.ts';
import { createPresence } from '../live/presence.ts';
import { createPublisher } from '../live/publisher.ts';
import { createRecovery } from '../live/recovery.ts';
import { createReplayPlaces } from '../live/replayplaces.ts';
import { createStates } from '../live/states.ts';
import type { Plane } from '../live/subscription.ts';
import { createTracks } from '../live/tracks.ts';
import { createWriteBehind, type WriteBehind } from '../live/writebehind.ts';
import { createWriter, type Writer } from '../store/writer.ts';
import type { Encoded } from '../wire/positions.ts';
import type { PlainMap } from '../wire/types.ts';
import { figuresOf } from './gauges.ts';
import { createFolding, type Folding } from './folding.ts';
import type { Gateway } from './gateway.ts';
import type { Context, Storage } from './storage.ts';

export interface Stages {
  readonly pipeline: Pipeline;
  readonly drain: Drain;
  readonly writer: Writer;
  readonly writeBehind: WriteBehind;
  readonly plane: Plane;
  readonly desk: Desk;
  /** The totals of a started trip that goes on; null where it is none, or they are not known now. */
  readonly tripTotals: (tenant: string, id: string) => PlainMap | null;
  /** The gateway comes last, but what is published goes through it. */
  gateway: Gateway | null;
  /** Everything before `position` is durable. */
  onDurable(position: number): void;
  stop(): void;
}

export function createStages(context: Context, storage: Storage): Stages {
  const { config, clock, metrics, log, fail } = context;
  const { bounds } = config;
  const { journal, database, vehicles } = storage;
  const { folds } = storage.folding;
  const plane = createPlane(context, storage, () => stages);
  const { presence, publisher, states } = plane;
  const desk = createFleetDesk(context, storage, plane, {
    totalsOf: (tenant, trip) => folding.trips.witness.totalsOf(tenant, trip),
    onChange: (tenant, trip, event) => folding.trips.witness.onChange(tenant, trip, event),
  });
  const pipeline = createPipeline({
    journal,
    vehicles,
    presence,
    courier: desk.courier,
    hearing: createHearing({
      desk,
      statuses: createStatuses({ journal, vehicles, folds, clock, metrics, bounds }),
      clock,
      bounds,
    }),
    folds,
    onLive(vehicle) {
      publisher.add(vehicle);
      folding.trips.meters.take(vehicle);
    },
    ackFirst: config.ack,
    clock,
    metrics,
    bounds,
  });
  const writer = createWriter({
    database,
    clock,
    metrics,
    bounds,
    random: Math.random,
    onDeadEvent: ({ topic, offset }, error) =>
      log.error(
        { topic, offset, cause: messageOf(error) },
        'an event was set aside in dead_letters',
      ),
  });
  const drain = createDrain({
    journal,
    writer,
    channels: storage.channels,
    clock,
    bounds,
    onStored(position) {
      pipeline.onStored(position);
      folding.onStored(position);
    },
    onFailure: fail,
  });
  const folding = createFolding({ context, storage, plane, desk, stored: () => drain.stored });
  const writeBehind = createBehind(context, storage, drain, folding);
  const stages: Stages = {
    pipeline,
    drain,
    writer,
    writeBehind,
    plane,
    desk,
    tripTotals: folding.trips.meters.running,
    gateway: null,
    onDurable(position) {
      plane.announcer.onDurable(position);
      pipeline.onDurable(position);
      drain.wake();
    },
    stop() {
      publisher.stop();
      presence.stop();
      states.stop();
      desk.stop();
      folding.stop();
      plane.announcer.stop();
      writeBehind.stop();
      drain.stop();
    },
  };
  return stages;
}

function createFleetDesk(
  { config, clock, metrics, log }: Context,
  { memory }: Storage,
  { announcer, recovery }: Plane,
  witness: TripWitness,
): Desk {
  return createDesk({
    ...memory,
    announcer,
    witness,
    snapshot: (tenant, topic, tell) => recovery.recover(`${tenant}/${topic}`, null, tell),
    chain: config.escalation,
    onDropped: (topic, id, refused) =>
      log.error({ topic, id, refused }, 'what was due was refused and is not tried again'),
    clock,
    metrics,
    bounds: config.bounds,
  });
}

function createPlane(
  { config, clock, metrics, log }: Context,
  storage: Storage,
  stages: () => Stages,
): Plane {
  const { bounds } = config;
  const { journal, vehicles, channels, eventReader, reader } = storage;
  const publish = (inner: string, frame: Encoded): void => stages().gateway?.publish(inner, frame);
  const audiences = createAudiences();
  const publisher = createPublisher({ publish, audiences, clock, metrics, bounds });
  const stories = createTripStories();
  const onShow = stories.tell;
  const announcer = createAnnouncer({ channels, journal, onShow, publish, metrics, bounds });
  const recovery = createRecovery({
    channels,
    epoch: storage.epoch,
    readAfter: eventReader.after,
    onError: (error) => log.warn({ cause: messageOf(error) }, 'missed events could not be read'),
    metrics,
    bounds,
  });
  const states = createStates({
    publish,
    audiences,
    vehicles,
    emergencies: (tenant, tell) => {
      recovery.recover(`${tenant}/emergency`, null, (state) => tell(state?.openTotal ?? null));
    },
    figures: () => figuresOf(metrics, storage, stages()),
    tripTotals: (tenant, id) => stages().tripTotals(tenant, id),
    clock,
    bounds,
  });
  const presence = createPresence({
    watchersOf: ({ key }) => audiences.watchersOf(key),
    onChange: states.tellPresence,
    clock,
    bounds,
  });
  return {
    publisher,
    audiences,
    vehicles,
    presence,
    states,
    recovery,
    announcer,
    tracks: createTracks({
      reader,
      vehicles,
      onError: (error) => log.warn({ cause: messageOf(error) }, 'a track could not be replayed'),
      metrics,
      bounds,
    }),
    replayPlaces: createReplayPlaces(bounds),
    stories,
    epoch: randomUUID(),
    clock,
    metrics,
    bounds,
  };
}

function createBehind(
  { config, clock, metrics, log }: Context,
  { journal, vehicles }: Storage,
  drain: Drain,
  { save, gate }: Folding,
): WriteBehind {
  return createWriteBehind({
    vehicles,
    save,
    gate,
    stored: () => drain.stored,
    onSaved: (position) => journal.commit(position),
    onError: (error) => log.warn({ cause: messageOf(error) }, 'vehicles not written, trying again'),
    intervalMs: config.bounds.vehiclesFlushIntervalMs,
    clock,
    metrics,
  });
}
