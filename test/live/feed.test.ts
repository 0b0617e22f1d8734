/** Clients that do not read, or want less: positions conflate, nothing else is lost, and they are told. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import type { PositionTopic } from '../../src/live/topics.ts';
import { emptyFix } from '../../src/live/vehicles.ts';
import { createStage, positionOf, type Listener, type Stage } from './stage.ts';

const fleet: PositionTopic = { kind: 'fleet' };
/** A few positions fill the socket, a frame holds a few. */
const tight = {
  ...limits,
  publishBytesMax: 120,
  subscriberHighWaterBytes: 200,
  subscriberLowWaterBytes: 50,
};

const positionsIn = (listener: Listener): unknown[][] =>
  listener.received.filter(([type]) => type === 52).flatMap((frame) => frame[2] as unknown[][]);
const skippedIn = (listener: Listener): number =>
  listener.received
    .filter(([type]) => type === 53)
    .reduce((sum, frame) => sum + (frame[2] as { skipped: number }).skipped, 0);

describe('a client that does not read', () => {
  let stage: Stage;

  beforeEach(() => {
    stage = createStage(tight);
  });

  it('gets the newest of each vehicle when it reads again, and is told what it did not get', () => {
    const slow = stage.listen(fleet, 'messagepack');
    const fast = stage.listen(fleet, 'messagepack');
    slow.isStalled = true;
    for (let timeMs = 1; timeMs <= 100; timeMs++) {
      stage.move(timeMs % 2 === 0 ? 'even' : 'odd', timeMs);
      stage.clock.advance(tight.tickMs);
    }
    expect(positionsIn(fast)).toHaveLength(100);
    const before = positionsIn(slow).length;
    expect(before).toBeLessThan(20);
    expect(slow.feed.isDirect).toBe(false);

    slow.isStalled = false;
    slow.drain();
    expect(positionsIn(slow).slice(before)).toEqual([
      positionOf('odd', 99, 1),
      positionOf('even', 100, 1),
    ]);
    expect(slow.received.at(-1)).toEqual([
      53,
      'fleet',
      { skipped: 98 - before, durationMs: expect.any(Number) as number },
    ]);
    expect(slow.feed.isDirect).toBe(true);
    expect(stage.metrics.counters).toMatchObject({
      feedsLagging: 1,
      positionsConflated: 98 - before,
    });
  });

  it('costs a bounded number of bytes, however long it stalls', () => {
    const slow = stage.listen(fleet, 'messagepack');
    slow.isStalled = true;
    for (let timeMs = 1; timeMs <= 1_000; timeMs++) {
      for (const id of ['a', 'b', 'c', 'd', 'e']) stage.move(id, timeMs);
      stage.clock.advance(tight.tickMs);
    }
    expect(positionsIn(slow).length * 20).toBeLessThan(tight.subscriberHighWaterBytes * 2);
  });
});

describe('a snapshot', () => {
  it('has what was known before this run', () => {
    const stage = createStage();
    stage.vehicles.restore('a', { ...emptyFix(5), latE7: 5 }, 5, 'table');
    expect(stage.listen(fleet, 'json').snapshot).toEqual([positionOf('a', 5, 1)]);
    const topic: PositionTopic = { kind: 'vehicle', vehicleId: 'a' };
    expect(stage.listen(topic, 'json').snapshot).toEqual([positionOf('a', 5, 1)]);
  });
});

describe('a large snapshot', () => {
  it('comes in parts as the client reads, and live positions follow it', () => {
    const stage = createStage({ ...tight, subscriberHighWaterBytes: 2_000 });
    const ids = Array.from({ length: 500 }, (_, index) => `v-${String(index).padStart(3, '0')}`);
    for (const [index, id] of ids.entries()) stage.move(id, index + 1);
    const listener = stage.listen(fleet, 'messagepack');
    listener.isStalled = true;
    expect(listener.snapshot).toHaveLength(100);
    for (let reads = 0; reads < 100 && !listener.feed.isDirect; reads++) listener.drain();
    expect(listener.feed.isDirect).toBe(true);
    const seen = [...listener.snapshot, ...positionsIn(listener)].map(([id]) => id);
    expect(seen).toEqual(ids);
    expect(skippedIn(listener)).toBe(0);
  });
});

describe('minIntervalMs', () => {
  it('sends the newest of each vehicle at most that often', () => {
    const stage = createStage();
    const paced = stage.listen(fleet, 'json', { minIntervalMs: 1_000 });
    const direct = stage.listen(fleet, 'json');
    for (let timeMs = 1; timeMs <= 100; timeMs++) {
      stage.move('a', timeMs);
      stage.clock.advance(100);
    }
    expect(positionsIn(direct)).toHaveLength(100);
    expect(positionsIn(paced).length).toBeGreaterThanOrEqual(9);
    expect(positionsIn(paced).length).toBeLessThanOrEqual(11);
    stage.clock.advance(2_000);
    expect(positionsIn(paced).at(-1)).toEqual(positionOf('a', 100, 1));
    expect(positionsIn(paced).length + skippedIn(paced)).toBe(100);
    expect(stage.clock.timers).toBe(0);
    paced.leave();
    direct.leave();
  });
});

describe('minIntervalMs of a vehicle', () => {
  it('is not spent on rounds in which it has not moved', () => {
    const stage = createStage();
    stage.move('a', 1);
    const paced = stage.listen({ kind: 'vehicle', vehicleId: 'a' }, 'json', {
      minIntervalMs: 1_000,
    });
    // Others make the ticks.
    const direct = stage.listen(fleet, 'json');
    for (let timeMs = 2; timeMs <= 30; timeMs++) {
      stage.move('b', timeMs);
      stage.clock.advance(100);
    }
    stage.move('a', 31);
    stage.clock.advance(limits.tickMs);
    expect(positionsIn(paced)).toEqual([positionOf('a', 31, 1)]);
    paced.leave();
    direct.leave();
  });
});

describe('any client, whenever it stalls and reads', () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('move' as const), id: fc.nat({ max: 7 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('tick' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
  );

  it('ends with the newest of each vehicle, in order, nothing twice, and every gap told', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.constantFrom(0, 0, 70),
        fc.nat({ max: 30 }),
        (steps, minIntervalMs, movesBefore) => {
          const stage = createStage(tight);
          let timeMs = 0;
          const newest = new Map<string, number>();
          const move = (id: string): void => {
            timeMs += 1;
            newest.set(id, timeMs);
            stage.move(id, timeMs);
          };
          for (let index = 0; index < movesBefore; index++) move(`v${index % 5}`);
          const witness = stage.listen(fleet, 'messagepack');
          const listener = stage.listen(fleet, 'messagepack', { minIntervalMs });
          for (const { kind, ...rest } of steps) {
            if (kind === 'move') move(`v${(rest as { id: number }).id}`);
            if (kind === 'tick') stage.clock.advance(tight.tickMs);
            if (kind === 'stall') listener.isStalled = true;
            if (kind === 'read') {
              listener.isStalled = false;
              listener.drain();
            }
          }
          listener.isStalled = false;
          stage.clock.advance(tight.tickMs);
          listener.drain();
          stage.clock.advance(200);

          const seen = [...listener.snapshot, ...positionsIn(listener)];
          const last = new Map<string, number>();
          for (const [id, time] of seen as [string, number][]) {
            expect(time).toBeGreaterThan(last.get(id) ?? 0);
            last.set(id, time);
          }
          expect(last).toEqual(newest);
          const published = positionsIn(witness).length;
          expect(positionsIn(listener).length + skippedIn(listener)).toBe(published);
        },
      ),
      { numRuns: 500 },
    );
  });
});
