/**
 * The folds with all that stands around them: the real pipeline in front, the real recomputation behind, and in place
 * of journal and database, what these would hold. It can crash, and the database can fail.
 * Invariant: what survives a crash is what is in `disk`, and nothing else.
 */
import { createCourier } from '../../src/fleet/courier.ts';
import type { FenceIndex } from '../../src/fleet/fenceindex.ts';
import { createFolds, type Folds } from '../../src/fleet/folds.ts';
import { createFoldSaver } from '../../src/fleet/foldsaver.ts';
import { createHarvest } from '../../src/fleet/harvest.ts';
import { createLateness, type Lateness } from '../../src/fleet/lateness.ts';
import type { VehicleEvent } from '../../src/fleet/output.ts';
import { createRecompute, type Recompute } from '../../src/fleet/recompute.ts';
import { createStatuses, type Statuses } from '../../src/fleet/statuses.ts';
import { createTripNews, tripEventOf } from '../../src/fleet/tripnews.ts';
import { createPipeline } from '../../src/ingest/pipeline.ts';
import { createReplay } from '../../src/ingest/replay.ts';
import type { Limits } from '../../src/limits.ts';
import type { Announcer } from '../../src/live/announcer.ts';
import { createVehicles, type Vehicles } from '../../src/live/vehicles.ts';
import { createWriteBehind, type WriteBehind } from '../../src/live/writebehind.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { createGate } from '../../src/store/gate.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { fixFlags, type Fix, type PlainMap } from '../../src/wire/types.ts';
import { identityOf } from '../support/identities.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';
import { createDisk, type Disk } from './folddisk.ts';

export interface World {
  readonly disk: Disk;
  readonly clock: ManualClock;
  readonly metrics: Metrics;
  /** What listeners of vehicles were told. */
  readonly told: readonly VehicleEvent[];
  /** A frame of the vehicle; its fixes in any order. */
  send(fixes: readonly Fix[]): void;
  /** Attributes without a position, as JSON. */
  tell(timeMs: number, attributes: string): void;
  /** A write-behind of what has changed. */
  flush(): Promise<void>;
  /** Folds again what is due. */
  recompute(): Promise<void>;
  /** Until nothing is late any more, and every silence has lapsed. */
  settle(): Promise<void>;
  /** The memory is gone; the next engine reads the disk. */
  crash(): void;
  /** Called before each answer of the database. */
  onAsk: () => void;
  /** The database has done what it was asked, and the answer is lost. */
  isLost: () => boolean;
  readonly lateness: Lateness;
  readonly vehicles: Vehicles;
  stop(): void;
}

export interface WorldOptions {
  readonly vehicle: string;
  readonly fences: FenceIndex;
  readonly nowMs: number;
  readonly bounds: Limits;
  /** Fixes before are not all there any more. */
  readonly keptSinceMs?: () => number;
}

/** One life of the engine's memory. */
interface Life {
  readonly vehicles: Vehicles;
  readonly lateness: Lateness;
  readonly folds: Folds;
  readonly recompute: Recompute;
  readonly writeBehind: WriteBehind;
  readonly statuses: Statuses;
  send(fixes: readonly Fix[]): void;
  stop(): void;
}

export function createWorld(options: WorldOptions): World {
  const { bounds, vehicle } = options;
  const clock = createManualClock(options.nowMs);
  const metrics = createMetrics();
  const told: VehicleEvent[] = [];
  const disk = createDisk(vehicle, bounds.recomputePageRowsMax);
  let life = begin();

  function begin(): Life {
    let isDead = false;
    async function ask<Answer>(answer: () => Answer): Promise<Answer> {
      await Promise.resolve();
      if (!isDead) world.onAsk();
      // What a dead engine has asked changes nothing any more.
      if (isDead || disk.isAway) throw new Error('the database is away');
      const given = answer();
      if (world.isLost()) throw new Error('the answer is lost');
      return given;
    }

    const vehicles = createVehicles(bounds.vehiclesMax);
    const lateness = createLateness({ monotonicMs: clock.monotonicMs, bounds });
    const onDropped = (key: string, sinceMs: number): void => lateness.mark(key, sinceMs, true);
    const harvest = createHarvest({ onDropped, metrics, bounds });
    const common = { clock, metrics, bounds };
    const folds = createFolds({ vehicles, fences: options.fences, harvest, lateness, ...common });
    if (disk.known !== null) {
      const { key, fix, receivedAtMs, state = null } = disk.known;
      const one = vehicles.restore(key, fix, receivedAtMs, 'table');
      if (one !== null) folds.restore(one, state);
      vehicles.takeDirty();
    }
    if (disk.dirtySinceMs !== null) lateness.restore({ key: vehicle, sinceMs: disk.dirtySinceMs });
    const replay = createReplay({ vehicles, folds });
    for (const record of disk.uncommitted()) replay.take(record);
    replay.end();
    const news = createTripNews({
      announcer: announcerOf(disk),
      lastIds: new Map(disk.lastIds),
      onDropped,
      ...common,
    });
    folds.listen({
      onTrip: (one, kind, trip, isLapse) =>
        news.tell(one, tripEventOf(kind, trip, isLapse ? `:${disk.newId()}` : '')),
      onEvent: (_one, event) => told.push(event),
    });
    const gate = createGate();
    const store = disk.storeOf(ask);
    const recompute = createRecompute({
      ...{ folds, lateness, harvest, news, vehicles, gate, store },
      fences: { of: (tenant) => Promise.resolve(options.fences.of(tenant)) },
      keptSinceMs: () => options.keptSinceMs?.() ?? 0,
      hiding: { past: () => Promise.resolve({ hides: () => false, goOn: () => undefined }) },
      meters: { measureAgain: () => Promise.resolve() },
      stored: () => ask(disk.drain),
      onMoved: () => undefined,
      onError: (_key, error) => {
        const isExpected = /could not be told|answer is lost/.test(String(error));
        if (!disk.isAway && !isDead && !isExpected) throw error;
      },
      newId: disk.newId,
      ...common,
    });
    const writeBehind = createWriteBehind({
      vehicles,
      gate,
      save: createFoldSaver({
        ...{ folds, harvest, lateness, news, store },
        flushed: () => Promise.resolve(),
        metrics,
        bounds,
      }),
      stored: () => disk.stored,
      onSaved: disk.commit,
      onError: () => undefined,
      intervalMs: 1e9,
      clock,
      metrics,
    });
    const send = pipelineOf(vehicles, folds);
    const statuses = createStatuses({ journal: disk.journal, vehicles, folds, ...common });
    return {
      ...{ vehicles, lateness, folds, statuses, recompute, writeBehind, send },
      stop() {
        isDead = true;
        recompute.stop();
        writeBehind.stop();
        folds.stop();
        news.stop();
      },
    };
  }

  function pipelineOf(vehicles: Vehicles, folds: Folds): Life['send'] {
    const pipeline = createPipeline({
      journal: disk.journal,
      vehicles,
      folds,
      presence: { connected: () => {}, disconnected: () => {}, heard: () => {} },
      courier: createCourier(),
      hearing: { hear: () => undefined },
      onLive: () => undefined,
      ackFirst: 'journaled',
      clock,
      metrics,
      bounds,
    });
    const device = pipeline.open({
      identity: identityOf({ subject: vehicle, role: 'device' }),
      send: () => undefined,
      close: (name, reason) => {
        throw new Error(`closed with ${name}: ${reason}`);
      },
      refresh: () => undefined,
    });
    let seq = 0;
    return (fixes) => {
      seq += 1;
      pipeline.receive(device, toMessagePack([1, seq, 0, fixes.map(wireOf)]));
    };
  }

  /** Lets time pass for what is tried again; what a dead engine waits for never comes. */
  async function finished(work: Promise<void>): Promise<void> {
    const { stop } = life;
    let isDone = false;
    const done = work.finally(() => (isDone = true));
    while (!isDone && life.stop === stop) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      if (!isDone) clock.advance(bounds.deskRetryMs);
    }
    if (isDone) await done;
  }

  const world: World = {
    disk,
    clock,
    metrics,
    told,
    onAsk: () => undefined,
    isLost: () => false,
    get lateness() {
      return life.lateness;
    },
    get vehicles() {
      return life.vehicles;
    },
    send: (fixes) => life.send(fixes),
    tell: (timeMs, attributes) => {
      life.statuses.take('default', vehicle, timeMs, attributes);
    },
    flush: () => finished(life.writeBehind.flush()),
    async recompute() {
      clock.advance(bounds.recomputeDelayMs);
      await finished(life.recompute.run());
    },
    async settle() {
      disk.drain();
      for (let round = 0; life.lateness.size > 0; round++) {
        if (round > 100) throw new Error('there is no end of what is late');
        await world.recompute();
      }
      clock.advance(2 * bounds.tripLapseMs);
      await finished(life.recompute.run());
      if (life.lateness.size > 0) return world.settle();
      await world.flush();
    },
    crash() {
      life.stop();
      life = begin();
    },
    stop: () => life.stop(),
  };
  return world;
}

function wireOf(fix: Fix): readonly unknown[] {
  const { timeMs, latE7, lonE7, speedCms, courseCdeg, altitudeDm, accuracyDm, satellites } = fix;
  const attributes = fix.attributes === null ? null : (JSON.parse(fix.attributes) as PlainMap);
  return [
    timeMs,
    latE7,
    lonE7,
    speedCms,
    courseCdeg,
    altitudeDm,
    accuracyDm,
    satellites,
    attributes,
  ];
}

/** Durable at once; sometimes full. */
function announcerOf(disk: Disk): Pick<Announcer, 'announce'> {
  return {
    announce(_tenant, topic, event, done) {
      if (disk.isFull()) return done({ refused: 'journalFull' });
      done({ offset: 1, isRepeat: !disk.announce(topic, event) });
    },
  };
}

/** Flags for which a fix was filtered. */
export const filterFlags =
  fixFlags.zeroIsland |
  fixFlags.duplicate |
  fixFlags.jump |
  fixFlags.inaccurate |
  fixFlags.drift |
  fixFlags.frequent;
