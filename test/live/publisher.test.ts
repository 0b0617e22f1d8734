/** Ticks: what is gathered, for whom, and in which form. Time is a manual clock, sockets are a list. */
import { beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { createAudiences, type Audiences } from '../../src/live/audience.ts';
import { createPublisher, type Publisher } from '../../src/live/publisher.ts';
import { createVehicles, emptyFix, type Vehicles } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack } from '../../src/wire/messagepack.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';

interface Published {
  readonly inner: string;
  readonly frame: unknown;
  readonly bytes: number;
}

let clock: ManualClock;
let audiences: Audiences;
let vehicles: Vehicles;
let metrics: Metrics;
let publisher: Publisher;
let published: Published[];

beforeEach(() => {
  clock = createManualClock();
  audiences = createAudiences();
  vehicles = createVehicles(10_000);
  metrics = createMetrics();
  published = [];
  publisher = createPublisher({
    publish(inner, frame) {
      const parsed = typeof frame === 'string' ? parseJson(frame) : parseMessagePack(frame);
      published.push({
        inner,
        frame: 'value' in parsed ? parsed.value : parsed,
        bytes: frame.length,
      });
    },
    audiences,
    clock,
    metrics,
    bounds: limits,
  });
});

function move(id: string, timeMs: number, tenant = 'default'): void {
  const vehicle = vehicles.open(tenant, id);
  vehicles.move(vehicle, { ...emptyFix(timeMs), latE7: timeMs }, timeMs);
  publisher.add(vehicle);
}

const position = (id: string, timeMs: number, count: number): unknown[] => [
  ...[id, timeMs, timeMs, 0],
  ...[null, null, null, null, null, null],
  ...[0, count],
];

describe('publisher', () => {
  it('does nothing for topics that nobody listens to', () => {
    move('a', 1);
    expect(clock.timers).toBe(0);
    clock.advance(1_000);
    expect(published).toEqual([]);
  });

  it('carries every fix on the vehicle topic and the newest with its count on fleet', () => {
    audiences.join('default', { kind: 'vehicle', vehicleId: 'a' }, 'messagepack');
    audiences.join('default', { kind: 'fleet' }, 'json');
    move('a', 1);
    move('b', 2);
    move('a', 3);
    expect(published).toEqual([]);
    clock.advance(limits.tickMs);
    expect(published.map(({ inner, frame }) => [inner, frame])).toEqual([
      ['default/vehicle:a', [52, 'vehicle:a', [position('a', 1, 1), position('a', 3, 1)]]],
      ['default/fleet#json', [52, 'fleet', [position('a', 3, 2), position('b', 2, 1)]]],
    ]);
    expect(metrics.counters).toMatchObject({ positionsPublished: 4, positionsCoalesced: 1 });
    expect(clock.timers).toBe(0);
  });

  it('keeps tenants apart', () => {
    audiences.join('acme', { kind: 'fleet' }, 'messagepack');
    move('a', 1);
    move('a', 2, 'acme');
    clock.advance(limits.tickMs);
    expect(published).toHaveLength(1);
    expect(published[0]).toMatchObject({
      inner: 'acme/fleet',
      frame: [52, 'fleet', [position('a', 2, 1)]],
    });
  });

  it('cuts frames below publishBytesMax', () => {
    audiences.join('default', { kind: 'fleet' }, 'messagepack');
    for (let index = 0; index < 2_000; index++) move(`vehicle-${index}`, 1_700_000_000_000 + index);
    clock.advance(limits.tickMs);
    expect(published.length).toBeGreaterThan(2);
    expect(Math.max(...published.map(({ bytes }) => bytes))).toBeLessThan(16 * 1024);
    const seen = published.flatMap(({ frame }) => (frame as [number, string, unknown[][]])[2]);
    expect(seen.map(([id]) => id)).toEqual(
      Array.from({ length: 2_000 }, (_, index) => `vehicle-${index}`),
    );
  });

  it('starts the counts of the next tick afresh, also when the last listener has left', () => {
    audiences.join('default', { kind: 'fleet' }, 'messagepack');
    move('a', 1);
    audiences.leave('default', { kind: 'fleet' }, 'messagepack');
    clock.advance(limits.tickMs);
    expect(published).toEqual([]);
    audiences.join('default', { kind: 'fleet' }, 'messagepack');
    move('a', 2);
    clock.advance(limits.tickMs);
    expect(published[0]?.frame).toEqual([52, 'fleet', [position('a', 2, 1)]]);
  });
});
