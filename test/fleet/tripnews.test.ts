import { beforeEach, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { createTripNews, type TripEvent, type TripNews } from '../../src/fleet/tripnews.ts';
import { limits } from '../../src/limits.ts';
import type { Done } from '../../src/live/announcer.ts';
import { createVehicles, type Vehicle } from '../../src/live/vehicles.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { createManualClock, type ManualClock } from '../support/clock.ts';

const bounds = { ...limits, tripNewsPendingMax: 3 };
let clock: ManualClock;
let metrics: Metrics;
let news: TripNews;
let announced: { readonly topic: string; readonly id: string; readonly done: Done }[];
let dropped: string[];
let bus: Vehicle;
let outcomes: boolean[];

beforeEach(() => {
  clock = createManualClock();
  metrics = createMetrics();
  announced = [];
  dropped = [];
  outcomes = [];
  bus = createVehicles(1).open('acme', 'bus-1');
  news = createTripNews({
    lastIds: new Map(),
    announcer: {
      announce(tenant, topic, { id }, done) {
        announced.push({ topic: `${tenant}/${topic}`, id, done });
      },
    },
    onDropped: (key, sinceMs) => dropped.push(`${key}@${sinceMs}`),
    clock,
    metrics,
    bounds,
  });
});

const event = (trip: string, id: string): TripEvent => {
  return { trip, id, event: 'started', timeMs: 5, data: {}, sinceMs: 3 };
};
const tell = (trip: string, id: string): void =>
  news.tell(bus, event(trip, id), (isDurable) => outcomes.push(isDurable));
const ids = (): string[] => announced.map(({ topic, id }) => `${topic} ${id}`);
const answer = (index: number, refused?: RefusalName): void =>
  announced[index]!.done(refused === undefined ? { offset: 1, isRepeat: false } : { refused });

describe('news of a trip', () => {
  it('go one after the other, those of another trip beside them', () => {
    tell('t1', 'a');
    tell('t1', 'b');
    tell('t2', 'c');
    expect(ids()).toEqual(['acme/trip:t1 a', 'acme/trip:t2 c']);
    expect(news.isPending(bus.key)).toBe(true);
    expect([...news.pending()]).toEqual(
      Array.from({ length: 3 }, () => ({ key: 'acme/bus-1', sinceMs: 3 })),
    );
    answer(0);
    expect(ids()).toEqual(['acme/trip:t1 a', 'acme/trip:t2 c', 'acme/trip:t1 b']);
    answer(1);
    answer(2);
    expect(outcomes).toEqual([true, true, true]);
    expect(news.isPending(bus.key)).toBe(false);
  });

  it('that are refused for now are tried again, before those behind them', () => {
    tell('t1', 'a');
    tell('t1', 'b');
    answer(0, 'journalFull');
    expect(ids()).toHaveLength(1);
    clock.advance(bounds.deskRetryMs);
    expect(ids()).toEqual(['acme/trip:t1 a', 'acme/trip:t1 a']);
    answer(1);
    answer(2);
    expect(outcomes).toEqual([true, true]);
    expect(metrics.counters.tripNewsRetried).toBe(1);
    expect(dropped).toEqual([]);
  });

  it('that are refused for good, or too many, have their vehicle folded again', () => {
    tell('t1', 'a');
    tell('t1', 'b');
    tell('t1', 'c');
    tell('t2', 'd');
    expect(outcomes).toEqual([false]);
    answer(0, 'badEvent');
    expect(outcomes).toEqual([false, false]);
    expect(dropped).toEqual(['acme/bus-1@3', 'acme/bus-1@3']);
    expect(metrics.counters.tripNewsDropped).toBe(2);
    answer(1);
    answer(2);
    expect(ids().slice(1)).toEqual(['acme/trip:t1 b', 'acme/trip:t1 c']);
  });

  it('are not tried again after a stop', () => {
    tell('t1', 'a');
    answer(0, 'journalFull');
    news.stop();
    expect(clock.timers).toBe(0);
  });
});
