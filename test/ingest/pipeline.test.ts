/** The pipeline on a real journal: lanes, and what happens when the journal is full. */
import { describe, expect, it } from 'vitest';
import { emptyFix } from '../../src/live/vehicles.ts';
import { pipelineBounds, usePipeline } from './pipelineworld.ts';

const now = Date.now();
const world = usePipeline();

describe('lanes', () => {
  it('a fix that only the table knows is stored when it is sent again', async () => {
    world.vehicles.restore('veh-1', { ...emptyFix(now), latE7: 1, lonE7: 1 }, now, 'table');
    const { device } = world.connect('veh-1');
    world.send(device, [1, 1, now, [[0, 1, 1]]]);
    expect(world.metrics.counters).toMatchObject({ fixesRepeated: 0, fixesBackfill: 1 });
    await world.journal.flush();
    expect((await world.journal.read(0, 1e6)).map(({ kind, rows }) => [kind, rows])).toEqual([
      [2, 1],
    ]);
  });

  it('a vehicle is tracked from its first live fix on, not before', () => {
    const gateway = world.connect('gate', { vehicles: ['*'] });
    for (let seq = 1; seq <= 10; seq++) world.send(gateway.device, [1, seq, now, [], `v${seq}`]);
    expect(world.vehicles.size).toBe(0);
    const one = world.connect('veh-1');
    const other = world.connect('veh-1');
    world.send(one.device, [1, 1, now, []]);
    world.send(other.device, [1, 1, now, [[0, 1, 1]]]);
    world.send(one.device, [1, 2, now, [[1, 1, 1]]]);
    expect(world.vehicles.size).toBe(1);
    expect(world.vehicles.find('default', 'veh-1')?.last.timeMs).toBe(now + 1);
  });

  it('a refreshed token changes which vehicles a gateway speaks for', () => {
    const { device, peer } = world.connect('gate', { vehicles: ['a'] });
    Object.assign(peer, { identity: { ...peer.identity, vehicles: ['b'] } });
    world.send(device, [1, 1, now, [[0, 1, 1]], 'a']);
    world.send(device, [1, 2, now, [[0, 1, 1]], 'b']);
    expect(world.metrics.refused.vehicleNotAllowed).toBe(1);
    expect(world.moved).toEqual(['b']);
  });

  it('late data is stored and does not move the vehicle', async () => {
    const { device } = world.connect('veh-1');
    world.send(device, [
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
    expect(world.vehicles.find('default', 'veh-1')?.last).toMatchObject({
      timeMs: now + 1,
      latE7: 4,
    });
    expect(world.moved).toEqual(['veh-1', 'veh-1']);
    expect(world.metrics.counters).toMatchObject({
      fixesAccepted: 4,
      fixesLive: 2,
      fixesBackfill: 2,
      fixesFuture: 1,
    });
    await world.journal.flush();
    const records = await world.journal.read(0, 1e6);
    expect(records.map(({ kind, rows }) => [kind, rows])).toEqual([
      [5, 2],
      [2, 2],
    ]);
  });

  it('what the journal holds is known again after a restart', async () => {
    const { device } = world.connect('veh-1', { tenant: 'acme' });
    world.send(device, [1, 1, now, [[0, 1, 2, 3, 4, 5, 6, 7, { a: 'é' }]]]);
    const before = { ...world.vehicles.find('acme', 'veh-1')?.last };
    await world.open();
    expect(world.vehicles.find('acme', 'veh-1')?.last).toEqual(before);
    expect(world.metrics.counters.journalRecordsReplayed).toBe(1);
  });

  it('a vehicle too many is stored and not live', async () => {
    const gateway = world.connect('gate', { vehicles: ['*'] });
    for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
      world.send(gateway.device, [1, index + 1, now, [[0, 1, 1]], id]);
    }
    expect(world.moved).toEqual(['a', 'b', 'c']);
    expect(world.metrics.counters.fixesUntracked).toBe(1);
    await world.journal.flush();
    const records = await world.journal.read(0, 1e6);
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
    const { device, peer } = world.connect('veh-1');
    let seq = 0;
    while (peer.closed === null) {
      seq += 1;
      world.send(device, frame(seq));
      await world.journal.flush();
    }
    expect(peer.closed).toBe('tooManyRequests');
    expect(world.journal.isFull).toBe(true);
    expect(peer.sent).toContainEqual([19, pipelineBounds.slowDownRetryAfterMs]);
    expect(peer.sent.at(-1)).toEqual([17, seq - 1, 1]);
    expect(world.metrics.counters.framesShed).toBe(1);
    expect(world.journal.bytesUncommitted).toBeLessThanOrEqual(pipelineBounds.journalBytesMax);

    world.journal.commit(world.journal.durable);
    expect(world.journal.isNearlyFull).toBe(false);
    const again = world.connect('veh-1');
    world.send(again.device, [1, 1, now + 1e6, [[0, 1, 1]]]);
    await world.journal.flush();
    expect(again.peer.sent).toEqual([[17, 1, 1]]);
  });

  it('tells a device to slow down once in a while, not for every frame', async () => {
    const { device, peer } = world.connect('veh-1');
    for (let seq = 1; peer.closed === null; seq++) {
      world.send(device, frame(seq));
      await world.journal.flush();
    }
    const slowDowns = peer.sent.filter((message) => (message as number[])[0] === 19);
    expect(slowDowns).toHaveLength(1);
  });
});
