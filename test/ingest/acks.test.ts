/** When a device is acked: what is journaled, and what is stored. */
import { describe, expect, it, vi } from 'vitest';
import { usePipeline } from './pipelineworld.ts';

const now = Date.now();
const world = usePipeline();

describe('acks', () => {
  it('come after the group is durable, one for all of a turn, and once more when stored', async () => {
    const { device, peer } = world.connect('veh-1');
    world.send(device, [1, 1, now, [[0, 1, 1]]]);
    world.send(device, [1, 2, now, [[1, 1, 1]]]);
    expect(peer.sent).toEqual([]);
    await world.journal.flush();
    expect(peer.sent).toEqual([[17, 2, 1]]);
    world.pipeline.onStored(world.journal.durable);
    expect(peer.sent).toEqual([
      [17, 2, 1],
      [17, 2, 2],
    ]);
    expect(world.metrics.counters.framesJournaled).toBe(2);
    expect(world.metrics.counters.framesStored).toBe(2);
  });

  it('of level 1 are left out where devices are acked when stored', async () => {
    await world.open('stored');
    const { device, peer } = world.connect('veh-1');
    world.send(device, [1, 1, now, [[0, 1, 1]]]);
    await world.journal.flush();
    expect(peer.sent).toEqual([]);
    world.pipeline.onStored(world.journal.durable);
    expect(peer.sent).toEqual([[17, 1, 2]]);
  });

  it('of a repeat wait for the fix that it repeats', async () => {
    const one = world.connect('veh-1');
    const other = world.connect('veh-1');
    world.send(one.device, [1, 1, now, [[0, 1, 1]]]);
    world.send(other.device, [1, 1, now, [[0, 1, 1]]]);
    expect(other.peer.sent).toEqual([]);
    expect(world.metrics.counters.fixesRepeated).toBe(1);
    await world.journal.flush();
    expect(other.peer.sent).toEqual([[17, 1, 1]]);
    // Everything is durable now, so there is nothing to wait for.
    world.send(other.device, [1, 2, now, [[0, 1, 1]]]);
    expect(other.peer.sent.at(-1)).toEqual([17, 2, 1]);
  });

  it('of what is stored come for some devices at once, and for the others in the turns that follow', async () => {
    const peers = Array.from({ length: 5 }, (_, index) => {
      const { device, peer } = world.connect('veh-1');
      world.send(device, [1, 1, now + index, [[0, 1, 1]]]);
      return peer;
    });
    await world.journal.flush();
    const stored = (): number[] =>
      peers.map(({ sent }) => sent.filter((message) => (message as number[])[2] === 2).length);
    world.pipeline.onStored(world.journal.durable);
    expect(stored()).toEqual([1, 1, 0, 0, 0]);
    await vi.waitFor(() => expect(stored()).toEqual([1, 1, 1, 1, 1]));
    expect(world.metrics.counters.framesStored).toBe(5);
  });

  it('of a batch come also where the next one is stored before all of them are told', async () => {
    const sent = [1, 2, 3].map((seq) => {
      const one = world.connect('veh-1');
      world.send(one.device, [1, 1, now + seq, [[0, 1, 1]]]);
      return one;
    });
    await world.journal.flush();
    const first = world.journal.durable;
    for (const [index, { device }] of sent.entries()) {
      world.send(device, [1, 2, now + 10 + index, [[0, 1, 1]]]);
    }
    await world.journal.flush();
    world.pipeline.onStored(first);
    world.pipeline.onStored(world.journal.durable);
    await vi.waitFor(() =>
      expect(sent.map(({ peer }) => peer.sent.at(-1))).toEqual(sent.map(() => [17, 2, 2])),
    );
  });

  it('come for an empty frame', () => {
    const { device, peer } = world.connect('veh-1');
    world.send(device, [1, 1, now, []]);
    expect(peer.sent).toEqual([
      [17, 1, 1],
      [17, 1, 2],
    ]);
  });
});

describe('acks when all is stored already', () => {
  it('of level 2 come for frames with nothing new in them', async () => {
    await world.open('stored');
    const { device, peer } = world.connect('veh-1');
    world.send(device, [1, 1, now, [[0, 1, 1]]]);
    await world.journal.flush();
    world.pipeline.onStored(world.journal.durable);
    world.send(device, [1, 2, now, [[0, 1, 1]]]);
    world.send(device, [1, 3, now, [['x', 1, 1]]]);
    expect(peer.sent.filter((message) => (message as number[])[0] === 17)).toEqual([
      [17, 1, 2],
      [17, 2, 2],
      [17, 3, 2],
    ]);
  });
});
