/** What a save of vehicles marks for another folding, beside vehicles without a state. */
import { describe, expect, it } from 'vitest';
import { createFoldSaver, type FoldStore } from '../../src/fleet/foldsaver.ts';
import { createLateness } from '../../src/fleet/lateness.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { DirtyVehicle } from '../../src/store/vehiclestates.ts';

const bus = { key: 'acme/bus', sinceMs: 5 };

/** Saves while `bus` has told something that the journal comes to hold, or that was refused for now. */
async function saveWhile(news: 'comes' | 'is refused'): Promise<readonly DirtyVehicle[]> {
  let isPending = true;
  const saved: DirtyVehicle[] = [];
  const order: string[] = [];
  const store: FoldStore = {
    saveEvents: () => Promise.resolve(),
    saveStates: () => Promise.resolve(),
    saveVehicles: () => Promise.resolve(),
    saveDirty: async (dirty) => {
      order.push('dirty');
      saved.push(...dirty);
    },
  };
  const save = createFoldSaver({
    folds: { stateOf: () => null },
    harvest: { take: () => ({ events: [], states: [] }), putBack: () => undefined },
    lateness: createLateness({ monotonicMs: () => 0, bounds: limits }),
    news: { pending: () => (isPending ? [bus] : []), isPending: () => isPending },
    flushed: async () => {
      order.push('flushed');
      isPending = news === 'is refused';
    },
    store,
    metrics: createMetrics(),
    bounds: limits,
  });
  await save([]);
  expect(order[0]).toBe('flushed');
  return saved;
}

describe('a save while a trip has told something that is not durable', () => {
  it('folds nothing again where the journal comes to hold it', async () => {
    expect(await saveWhile('comes')).toEqual([]);
  });

  it('marks the vehicle where it was refused for now', async () => {
    expect(await saveWhile('is refused')).toEqual([bus]);
  });
});
