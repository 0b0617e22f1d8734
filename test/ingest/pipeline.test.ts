/** The pipeline on a real journal: when acks come, and what happens when the journal is full. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createCourier } from '../../src/fleet/courier.ts';
import type { Identity } from '../../src/identity.ts';
import type { Connection, Device } from '../../src/ingest/device.ts';
import { createPipeline, type Pipeline } from '../../src/ingest/pipeline.ts';
import { createReplay } from '../../src/ingest/replay.ts';
import { openJournal, type Journal } from '../../src/journal/journal.ts';
import { checkLimits, limits, type Limits } from '../../src/limits.ts';
import { createPresence, type Presence } from '../../src/live/presence.ts';
import { createVehicles, emptyFix, type Vehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { rowFormat } from '../../src/store/row.ts';
import { parseMessagePack, toMessagePack } from '../../src/wire/messagepack.ts';
import { frameTypes } from '../../src/wire/types.ts';

/** A journal of a few hundred rows. */
const bounds: Limits = {
  ...limits,
  fixesPerFrameMax: 10,
  framesInFlightMax: 10_000,
  recordBytesMax: 16 * 1024,
  recordGatherBytesMax: 4 * 1024,
  segmentBytesMax: 32 * 1024,
  journalBytesMax: 192 * 1024,
  vehiclesMax: 3,
};
checkLimits(bounds);

let dir: string;
let journal: Journal;
let pipeline: Pipeline;
let vehicles: Vehicles;
let metrics: Metrics;
let presence: Presence;
let moved: string[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-pipeline-'));
  await open();
});

afterEach(async () => {
  presence.stop();
  await journal.close();
  await rm(dir, { recursive: true });
});

async function open(ackFirst: 'journaled' | 'stored' = 'journaled'): Promise<void> {
  metrics = createMetrics();
  vehicles = createVehicles(bounds.vehiclesMax);
  moved = [];
  presence?.stop();
  presence = createPresence({
    watchersOf: () => 0,
    onChange: () => undefined,
    clock: systemClock,
    bounds,
  });
  const opened = await openJournal(
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
  ({ journal } = opened);
  pipeline = createPipeline({
    ...{ journal, vehicles, presence, metrics, bounds },
    courier: createCourier(),
    hearing: { hear: () => undefined },
    folds: { take: () => 0, late: () => undefined },
    onLive: (vehicle) => moved.push(vehicle.key),
    ackFirst,
    clock: systemClock,
  });
}

interface Peer extends Connection {
  readonly sent: unknown[];
  closed: string | null;
}

function createPeer(identity: Identity): Peer {
  const sent: unknown[] = [];
  return {
    identity,
    sent,
    closed: null,
    send(bytes) {
      const parsed = parseMessagePack(Uint8Array.from(bytes));
      const frame = 'value' in parsed ? (parsed.value as unknown[]) : [];
      if (frame[0] !== frameTypes.settings) sent.push(frame);
    },
    close(name) {
      this.closed = name;
    },
    refresh: () => undefined,
  };
}

function connect(subject: string, claims: Partial<Identity> = {}): { device: Device; peer: Peer } {
  const identity: Identity = {
    subject,
    tenant: 'default',
    role: 'device',
    vehicles: null,
    issuer: 'fleetwire',
    tokenId: null,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    ...claims,
  };
  const peer = createPeer(identity);
  return { device: pipeline.open(peer), peer };
}

const send = (device: Device, frame: readonly unknown[]): void =>
  pipeline.receive(device, Uint8Array.from(toMessagePack(frame)));
const now = Date.now();

describe('acks', () => {
  it('come after the group is durable, one for all of a turn, and once more when stored', async () => {
    const { device, peer } = connect('veh-1');
    send(device, [1, 1, now, [[0, 1, 1]]]);
    send(device, [1, 2, now, [[1, 1, 1]]]);
    expect(peer.sent).toEqual([]);
    await journal.flush();
    expect(peer.sent).toEqual([[17, 2, 1]]);
    pipeline.onStored(journal.durable);
    expect(peer.sent).toEqual([
      [17, 2, 1],
      [17, 2, 2],
    ]);
    expect(metrics.counters.framesJournaled).toBe(2);
    expect(metrics.counters.framesStored).toBe(2);
  });

  it('of level 1 are left out where devices are acked when stored', async () => {
    await journal.close();
    await open('stored');
    const { device, peer } = connect('veh-1');
    send(device, [1, 1, now, [[0, 1, 1]]]);
    await journal.flush();
    expect(peer.sent).toEqual([]);
    pipeline.onStored(journal.durable);
    expect(peer.sent).toEqual([[17, 1, 2]]);
  });

  it('of a repeat wait for the fix that it repeats', async () => {
    const one = connect('veh-1');
    const other = connect('veh-1');
    send(one.device, [1, 1, now, [[0, 1, 1]]]);
    send(other.device, [1, 1, now, [[0, 1, 1]]]);
    expect(other.peer.sent).toEqual([]);
    expect(metrics.counters.fixesRepeated).toBe(1);
    await journal.flush();
    expect(other.peer.sent).toEqual([[17, 1, 1]]);
    // Everything is durable now, so there is nothing to wait for.
    send(other.device, [1, 2, now, [[0, 1, 1]]]);
    expect(other.peer.sent.at(-1)).toEqual([17, 2, 1]);
  });

  it('come for an empty frame', () => {
    const { device, peer } = connect('veh-1');
    send(device, [1, 1, now, []]);
    expect(peer.sent).toEqual([
      [17, 1, 1],
      [17, 1, 2],
    ]);
  });
});

describe('acks when all is stored already', () => {
  it('of level 2 come for frames with nothing new in them', async () => {
    await journal.close();
    await open('stored');
    const { device, peer } = connect('veh-1');
    send(device, [1, 1, now, [[0, 1, 1]]]);
    await journal.flush();
    pipeline.onStored(journal.durable);
    send(device, [1, 2, now, [[0, 1, 1]]]);
    send(device, [1, 3, now, [['x', 1, 1]]]);
    expect(peer.sent.filter((message) => (message as number[])[0] === 17)).toEqual([
      [17, 1, 2],
      [17, 2, 2],
      [17, 3, 2],
    ]);
  });
});

describe('lanes', () => {
  it('a fix that only the table knows is stored when it is sent again', async () => {
    vehicles.restore('veh-1', { ...emptyFix(now), latE7: 1, lonE7: 1 }, now, 'table');
    const { device } = connect('veh-1');
    send(device, [1, 1, now, [[0, 1, 1]]]);
    expect(metrics.counters).toMatchObject({ fixesRepeated: 0, fixesBackfill: 1 });
    await journal.flush();
    expect((await journal.read(0, 1e6)).map(({ kind, rows }) => [kind, rows])).toEqual([[2, 1]]);
  });

  it('a vehicle is tracked from its first live fix on, not before', () => {
    const gateway = connect('gate', { vehicles: ['*'] });
    for (let seq = 1; seq <= 10; seq++) send(gateway.device, [1, seq, now, [], `v${seq}`]);
    expect(vehicles.size).toBe(0);
    const one = connect('veh-1');
    const other = connect('veh-1');
    send(one.device, [1, 1, now, []]);
    send(other.device, [1, 1, now, [[0, 1, 1]]]);
    send(one.device, [1, 2, now, [[1, 1, 1]]]);
    expect(vehicles.size).toBe(1);
    expect(vehicles.find('default', 'veh-1')?.last.timeMs).toBe(now + 1);
  });

  it('a refreshed token changes which vehicles a gateway speaks for', () => {
    const { device, peer } = connect('gate', { vehicles: ['a'] });
    Object.assign(peer, { identity: { ...peer.identity, vehicles: ['b'] } });
    send(device, [1, 1, now, [[0, 1, 1]], 'a']);
    send(device, [1, 2, now, [[0, 1, 1]], 'b']);
    expect(metrics.refused.vehicleNotAllowed).toBe(1);
    expect(moved).toEqual(['b']);
  });

  it('late data is stored and does not move the vehicle', async () => {
    const { device } = connect('veh-1');
    send(device, [
      1,
      1,
      now,
      [
        [0, 1, 1],
        [-5_000, 2, 2],
        [3_600_000, 3, 3],
        [1, 4, 4],
      ],
    ]);
    expect(vehicles.find('default', 'veh-1')?.last).toMatchObject({ timeMs: now + 1, latE7: 4 });
    expect(moved).toEqual(['veh-1', 'veh-1']);
    expect(metrics.counters).toMatchObject({
      fixesAccepted: 4,
      fixesLive: 2,
      fixesBackfill: 2,
      fixesFuture: 1,
    });
    await journal.flush();
    const records = await journal.read(0, 1e6);
    expect(records.map(({ kind, rows }) => [kind, rows])).toEqual([
      [5, 2],
      [2, 2],
    ]);
  });

  it('what the journal holds is known again after a restart', async () => {
    const { device } = connect('veh-1', { tenant: 'acme' });
    send(device, [1, 1, now, [[0, 1, 2, 3, 4, 5, 6, 7, { a: 'é' }]]]);
    const before = { ...vehicles.find('acme', 'veh-1')?.last };
    await journal.close();
    await open();
    expect(vehicles.find('acme', 'veh-1')?.last).toEqual(before);
    expect(metrics.counters.journalRecordsReplayed).toBe(1);
  });

  it('a vehicle too many is stored and not live', async () => {
    const gateway = connect('gate', { vehicles: ['*'] });
    for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
      send(gateway.device, [1, index + 1, now, [[0, 1, 1]], id]);
    }
    expect(moved).toEqual(['a', 'b', 'c']);
    expect(metrics.counters.fixesUntracked).toBe(1);
    await journal.flush();
    const records = await journal.read(0, 1e6);
    expect(records.map(({ kind }) => kind)).toEqual([1, 2]);
  });
});

describe('a journal that fills', () => {
  const frame = (seq: number) => [
    1,
    seq,
    now + seq * 10,
    Array.from({ length: 10 }, (_, index) => [index, 1, 1]),
  ];

  it('says slow-down, then closes; acks nothing that it did not keep; and takes more once cut', async () => {
    const { device, peer } = connect('veh-1');
    let seq = 0;
    while (peer.closed === null) {
      seq += 1;
      send(device, frame(seq));
      await journal.flush();
    }
    expect(peer.closed).toBe('tooManyRequests');
    expect(journal.isFull).toBe(true);
    expect(peer.sent).toContainEqual([19, bounds.slowDownRetryAfterMs]);
    expect(peer.sent.at(-1)).toEqual([17, seq - 1, 1]);
    expect(metrics.counters.framesShed).toBe(1);
    expect(journal.bytesUncommitted).toBeLessThanOrEqual(bounds.journalBytesMax);

    journal.commit(journal.durable);
    expect(journal.isNearlyFull).toBe(false);
    const again = connect('veh-1');
    send(again.device, [1, 1, now + 1e6, [[0, 1, 1]]]);
    await journal.flush();
    expect(again.peer.sent).toEqual([[17, 1, 1]]);
  });

  it('tells a device to slow down once in a while, not for every frame', async () => {
    const { device, peer } = connect('veh-1');
    for (let seq = 1; peer.closed === null; seq++) {
      send(device, frame(seq));
      await journal.flush();
    }
    const slowDowns = peer.sent.filter((message) => (message as number[])[0] === 19);
    expect(slowDowns).toHaveLength(1);
  });
});
