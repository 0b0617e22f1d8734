/** Frames beside positions through the pipeline on a real journal: when they are acked, refused, sent again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createCourier, type Courier } from '../../src/fleet/courier.ts';
import type { Heard, HeardFrame } from '../../src/fleet/hearing.ts';
import type { Device } from '../../src/ingest/device.ts';
import { createPipeline, recordKinds, type Pipeline } from '../../src/ingest/pipeline.ts';
import { openJournal, type Journal } from '../../src/journal/journal.ts';
import { limits } from '../../src/limits.ts';
import { createVehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { rowFormat } from '../../src/store/row.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import { frameTypes } from '../../src/wire/types.ts';
import { identityOf } from '../support/identities.ts';
import { createPeer, type Peer } from './peer.ts';

const bounds = { ...limits, framesInFlightMax: 100 };
const now = Date.now();

let dir: string;
let journal: Journal;
let pipeline: Pipeline;
let metrics: Metrics;
let courier: Courier;
/** Frames beside positions, which the test settles. */
let heard: { readonly frame: HeardFrame; readonly done: Heard }[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fleetwire-heard-'));
  metrics = createMetrics();
  courier = createCourier();
  heard = [];
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
    () => undefined,
  );
  ({ journal } = opened);
  pipeline = createPipeline({
    journal,
    vehicles: createVehicles(bounds.vehiclesMax),
    presence: { connected: () => undefined, disconnected: () => undefined, heard: () => undefined },
    courier,
    hearing: { hear: (_speaker, frame, done) => heard.push({ frame, done }) },
    folds: { take: () => 0, late: () => undefined },
    onLive: () => undefined,
    ackFirst: 'journaled',
    clock: systemClock,
    metrics,
    bounds,
  });
});

afterEach(async () => {
  await journal.close();
  await rm(dir, { recursive: true });
});

function connect(subject: string): { device: Device; peer: Peer } {
  const peer = createPeer(identityOf({ subject, role: 'device' }));
  return { device: pipeline.open(peer), peer };
}

const send = (device: Device, frame: readonly unknown[]): void =>
  pipeline.receive(device, Uint8Array.from(toMessagePack(frame)));

describe('a frame that is no positions', () => {
  const raise = (seq: number): unknown[] => [3, seq, 'e-1', 'sos', now, 0, 0];

  it('is acked once it is settled, and those behind it not before', async () => {
    const { device, peer } = connect('veh-1');
    send(device, [1, 1, now, [[0, 1, 1]]]);
    send(device, raise(2));
    send(device, [1, 3, now, [[1, 1, 1]]]);
    await journal.flush();
    expect(peer.sent).toEqual([[17, 1, 1]]);
    heard[0]?.done(null);
    expect(peer.sent.at(-1)).toEqual([17, 3, 1]);
    pipeline.onStored(journal.durable);
    expect(peer.sent.at(-1)).toEqual([17, 3, 2]);
  });

  it('is acked at both levels where nothing is left to store', () => {
    const { device, peer } = connect('veh-1');
    send(device, raise(1));
    heard[0]?.done(null);
    expect(peer.sent).toEqual([
      [17, 1, 1],
      [17, 1, 2],
    ]);
  });

  it('that is in the journal itself is acked when that holds it', async () => {
    const { device, peer } = connect('veh-1');
    send(device, [frameTypes.status, 1, now, { power: true }]);
    const position = journal.append(recordKinds.status, 0, Buffer.of(1));
    heard[0]?.done(null, position);
    expect(peer.sent).toEqual([]);
    await journal.flush();
    expect(peer.sent).toEqual([[17, 1, 1]]);
    pipeline.onStored(position - 1);
    expect(peer.sent).toHaveLength(1);
    pipeline.onStored(position);
    expect(peer.sent.at(-1)).toEqual([17, 1, 2]);
  });

  it('is refused for good by itself, and acked', () => {
    const { device, peer } = connect('veh-1');
    send(device, raise(1));
    heard[0]?.done('unknownKind');
    expect(peer.sent[0]).toEqual([18, 1, 642, expect.any(String)]);
    expect(peer.sent[1]).toEqual([17, 1, 1]);
    expect(metrics.refused.unknownKind).toBe(1);
  });

  it.each([
    ['topicUnavailable', 'insufficientState'],
    ['journalFull', 'tooManyRequests'],
  ] as const)(
    'that is refused with %s closes, and nothing is acked any more',
    async (refused, close) => {
      const { device, peer } = connect('veh-1');
      send(device, raise(1));
      send(device, [1, 2, now, [[0, 1, 1]]]);
      heard[0]?.done(refused);
      await journal.flush();
      expect(peer.closed).toBe(close);
      expect(peer.sent.filter((frame) => (frame as number[])[0] === 17)).toEqual([]);
      expect(metrics.refused[refused]).toBe(1);
    },
  );

  it('counts as in flight until then', () => {
    const { device, peer } = connect('veh-1');
    for (let seq = 1; seq <= bounds.framesInFlightMax; seq++) send(device, raise(seq));
    expect(peer.closed).toBeNull();
    send(device, raise(bounds.framesInFlightMax + 1));
    expect(peer.closed).toBe('tooManyRequests');
  });
});

describe('a device', () => {
  it('is told by its line from its connect until it is gone', () => {
    const { device, peer } = connect('veh-1');
    const told = { commandId: 'c-1', name: 'reboot', arguments: null };
    expect(courier.tell('default', 'veh-1', told)).toBe(true);
    expect(peer.sent).toEqual([[frameTypes.command, 'c-1', 'reboot', null]]);
    device.speaksFor('veh-2');
    courier.tellAll('default', 'veh-2', told);
    expect(peer.sent.at(-1)).toEqual([frameTypes.command, 'c-1', 'reboot', null, 'veh-2']);
    expect([...device.spokenFor]).toEqual(['veh-1', 'veh-2']);
    expect(courier.tell('acme', 'veh-1', told)).toBe(false);
    device.gone('over');
    for (const vehicle of ['veh-1', 'veh-2']) {
      expect(courier.tell('default', vehicle, told)).toBe(false);
    }
  });
});
