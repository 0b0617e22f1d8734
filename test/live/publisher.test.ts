/** Ticks: what is gathered, for whom, and in which form. */
import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import type { PositionTopic } from '../../src/live/topics.ts';
import { createStage, positionOf, type Stage } from './stage.ts';

const fleet: PositionTopic = { kind: 'fleet' };
const vehicleA: PositionTopic = { kind: 'vehicle', vehicleId: 'a' };
let stage: Stage;

beforeEach(() => {
  stage = createStage();
});

describe('publisher', () => {
  it('does nothing for topics that nobody listens to', () => {
    stage.move('a', 1);
    expect(stage.clock.timers).toBe(0);
  });

  it('carries every fix on the vehicle topic and the newest with its count on fleet', () => {
    const one = stage.listen(vehicleA, 'messagepack');
    const all = stage.listen(fleet, 'json');
    stage.move('a', 1);
    stage.move('b', 2);
    stage.move('a', 3);
    expect([one.received, all.received]).toEqual([[], []]);
    stage.clock.advance(limits.tickMs);
    expect(one.received).toEqual([
      [52, 'vehicle:a', [positionOf('a', 1, 1), positionOf('a', 3, 1)]],
    ]);
    expect(all.received).toEqual([[52, 'fleet', [positionOf('a', 3, 2), positionOf('b', 2, 1)]]]);
    expect(stage.metrics.counters).toMatchObject({ positionsPublished: 4, positionsCoalesced: 1 });
    expect(stage.clock.timers).toBe(0);
  });

  it('gathers the longer the more sockets the last tick was sent to, within its bounds', () => {
    const tickMs = 8;
    const busy = createStage({ ...limits, tickMs, tickMinMs: 2, tickSendsPerMs: 1 });
    const listeners = Array.from({ length: 5 }, () => busy.listen(fleet, 'messagepack'));
    const waits = (): number => {
      const before = listeners[0]?.received.length ?? 0;
      busy.move('a', busy.clock.nowMs());
      for (let ms = 1; ms <= tickMs; ms++) {
        busy.clock.advance(1);
        if ((listeners[0]?.received.length ?? 0) > before) return ms;
      }
      return Infinity;
    };
    expect([waits(), waits(), waits()]).toEqual([2, 5, 5]);
    listeners.push(...Array.from({ length: 20 }, () => busy.listen(fleet, 'json')));
    expect([waits(), waits()]).toEqual([5, tickMs]);
    for (const one of listeners.splice(1)) one.leave();
    expect([waits(), waits()]).toEqual([tickMs, 2]);
  });

  it('keeps tenants apart', () => {
    const acme = stage.listen(fleet, 'messagepack', { tenant: 'acme' });
    stage.move('a', 1);
    stage.move('a', 2, { tenant: 'acme' });
    stage.clock.advance(limits.tickMs);
    expect(acme.received).toEqual([[52, 'fleet', [positionOf('a', 2, 1)]]]);
  });

  it('cuts frames below publishBytesMax', () => {
    const all = stage.listen(fleet, 'messagepack');
    for (let index = 0; index < 2_000; index++) stage.move(`v-${index}`, 1_700_000_000_000 + index);
    stage.clock.advance(limits.tickMs);
    expect(all.received.length).toBeGreaterThan(2);
    expect(all.longest).toBeLessThan(16 * 1024);
    const seen = all.received.flatMap((frame) => frame[2] as unknown[][]);
    expect(seen.map(([id]) => id)).toEqual(Array.from({ length: 2_000 }, (_, i) => `v-${i}`));
  });

  it('starts the counts of the next tick afresh, also when the last listener has left', () => {
    const gone = stage.listen(fleet, 'messagepack');
    stage.move('a', 1);
    gone.leave();
    stage.clock.advance(limits.tickMs);
    const all = stage.listen(fleet, 'messagepack');
    expect(all.snapshot).toEqual([positionOf('a', 1, 1)]);
    stage.move('a', 2);
    stage.clock.advance(limits.tickMs);
    expect(all.received).toEqual([[52, 'fleet', [positionOf('a', 2, 1)]]]);
    expect(gone.received).toEqual([]);
  });
});
