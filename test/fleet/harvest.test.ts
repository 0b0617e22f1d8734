import { beforeEach, describe, expect, it } from 'vitest';
import { createHarvest, type Harvest } from '../../src/fleet/harvest.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import type { StoredVehicleEvent } from '../../src/store/vehicleevents.ts';

let metrics: Metrics;
let dropped: { readonly key: string; readonly sinceMs: number }[];
let harvest: Harvest;

beforeEach(() => {
  metrics = createMetrics();
  dropped = [];
  harvest = createHarvest({
    onDropped: (key, sinceMs) => dropped.push({ key, sinceMs }),
    metrics,
    bounds: { ...limits, harvestPendingMax: 4 },
  });
});

function event(key: string, timeMs: number, toldMs = timeMs): StoredVehicleEvent {
  const place = { latE7: 0, lonE7: 0, isLate: false, data: {} };
  return { key, timeMs, kind: 'tamper', subject: '', ...place, toldMs };
}

const state = (key: string, timeMs: number) => ({ key, timeMs, state: Uint8Array.of(1) });

describe('a harvest', () => {
  it('is taken once, and put back before what came since', () => {
    harvest.addEvent(event('a', 1));
    harvest.addState(state('a', 2));
    const crop = harvest.take();
    expect(crop).toEqual({ events: [event('a', 1)], states: [state('a', 2)] });
    expect(harvest.size).toBe(0);
    harvest.addEvent(event('a', 3));
    harvest.putBack(crop);
    expect(harvest.take().events).toEqual([event('a', 1), event('a', 3)]);
  });

  it('is taken of one vehicle', () => {
    harvest.addEvent(event('a', 1));
    harvest.addEvent(event('b', 2));
    harvest.addState(state('b', 3));
    expect(harvest.takeOf('b')).toEqual({ events: [event('b', 2)], states: [state('b', 3)] });
    expect(harvest.take()).toEqual({ events: [event('a', 1)], states: [] });
  });

  it('forgets what fixes of a vehicle have told up to a time', () => {
    harvest.addEvent(event('a', 1));
    harvest.addEvent(event('a', 1, 6));
    harvest.addEvent(event('b', 1));
    harvest.forget('a', 5);
    expect(harvest.take().events).toEqual([event('a', 1, 6), event('b', 1)]);
    harvest.addState(state('a', 5));
    harvest.addState(state('a', 6));
    harvest.forget('a', 5);
    expect(harvest.take().states).toEqual([state('a', 6)]);
  });

  it('that is full drops what comes, counts it, and has the vehicle of an event folded again', () => {
    for (let timeMs = 0; timeMs < 4; timeMs++) harvest.addEvent(event('a', timeMs));
    harvest.addEvent(event('b', 7, 9));
    harvest.addEvent(event('c', 8));
    harvest.addState(state('d', 9));
    expect(harvest.size).toBe(4);
    expect(dropped).toEqual([
      { key: 'b', sinceMs: 9 },
      { key: 'c', sinceMs: 8 },
    ]);
    expect(metrics.counters.vehicleEventsDropped).toBe(3);
  });
});
