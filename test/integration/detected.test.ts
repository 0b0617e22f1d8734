/**
 * Trips that the real engine detects in positions: every event of theirs is told live and over HTTP, late fixes change
 * and remove them, and a kill changes nothing of it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TripState } from '../../src/fleet/output.ts';
import type { Fix } from '../../src/wire/types.ts';
import {
  drive,
  fixAt,
  fold,
  kindsOf,
  stand,
  startMs,
  tripsOf,
  vehicle as bus,
} from '../fleet/journeys.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { openTestDesk, type Person, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

interface Event {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const vera: ApiUser = { sub: 'vera', role: 'viewer' };
const patience = { timeout: 60_000, interval: 500 };

let test: EngineTest;
let api: Api;
let desk: TestDesk;
let viewer: Person;

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  desk = openTestDesk(test.engine);
  viewer = await desk.person(vera);
});

afterAll(async () => {
  await desk.close();
  await test.cleanup();
});

/** Three hours ago, to the second. */
const shiftMs = Math.floor(Date.now() / 1_000) * 1_000 - 3 * 3_600_000 - startMs;
const shifted = (fixes: readonly Fix[]): Fix[] =>
  fixes.map((fix) => ({ ...fix, timeMs: fix.timeMs + shiftMs }));

/** It stands, drives, stops for three minutes, drives on, and is parked. */
const journey = shifted([
  ...stand(0, 60, 0),
  ...drive(60, 360, 0, 3_000),
  ...stand(365, 545, 3_000),
  ...drive(545, 845, 3_000, 6_000),
  ...stand(850, 1_300, 6_000),
]);
/** From where it made a detour. */
const detour = shifted([fixAt(202, 1_420, 90), fixAt(207, 1_470, 90)]);
/** It had come from further away, and had not stood at all. */
const before = shifted(drive(-240, -5, -2_400, -50));

const byTime = (...parts: readonly (readonly Fix[])[]): Fix[] =>
  parts.flat().toSorted((one, other) => one.timeMs - other.timeMs);

/** The one trip that the fixes in their order are. */
function tripOf(fixes: readonly Fix[]): TripState {
  const trips = tripsOf(fold(fixes).outputs);
  expect(trips).toHaveLength(1);
  return trips[0]!;
}

async function send(fixes: readonly Fix[]): Promise<void> {
  const device = await desk.device(bus);
  const baseMs = fixes[0]!.timeMs;
  const rows = fixes.map(({ timeMs, latE7, lonE7 }) => [timeMs - baseMs, latE7, lonE7]);
  await device.acked(device.send(1, baseMs, rows));
}

/** The trips as HTTP shows them. */
const trips = (): Promise<TripState[]> =>
  api.all(vera, `/v1/trips?vehicle=${bus}&limit=5`, 'trips');

/** The events of the trip as HTTP shows them. */
async function eventsOf(id: string): Promise<readonly Event[]> {
  const { events } = await api.get(vera, `/v1/events?topic=trip:${id}`);
  return events as readonly Event[];
}

const namesOf = async (id: string): Promise<readonly string[]> =>
  (await eventsOf(id)).map(({ event }) => event);

describe('a trip that follows from positions', () => {
  const first = tripOf(journey);
  const topic = `trip:${first.id}`;
  // What ends it is a stop at first.
  const lifecycle = ['started', 'stopped', 'resumed', 'stopped', 'ended'];

  it('is told from its start to its end', async () => {
    expect(kindsOf(fold(journey).outputs)).toEqual(lifecycle.map((name) => `trip${upper(name)}`));
    await viewer.follow(topic);
    await send(journey);
    for (const event of lifecycle) {
      const told = await viewer.told();
      expect(told).toMatchObject({ topic, event, data: { id: first.id, vehicle: bus } });
      if (event === 'ended') expect(told.data).toMatchObject(first);
    }
    await expect.poll(() => namesOf(first.id), patience).toEqual(lifecycle);
    expect(await trips()).toMatchObject([first]);
    expect(await test.engine.counter('fleetwire_trips_detected_total')).toBe(1);
  });

  it('is another way where late fixes say so', async () => {
    const changed = tripOf(byTime(journey, detour));
    expect(changed.id).toBe(first.id);
    expect(changed.distanceM).toBeGreaterThan(first.distanceM);
    await send(detour);
    const told = await viewer.told();
    expect(told).toMatchObject({ topic, event: 'recomputed', data: changed });
    await expect.poll(() => namesOf(first.id), patience).toEqual([...lifecycle, 'recomputed']);
    await expect.poll(trips, patience).toMatchObject([changed]);
  });

  it('is none where late fixes say that another had begun before', async () => {
    const whole = tripOf(byTime(journey, detour, before));
    expect(whole.id).not.toBe(first.id);
    const other = `trip:${whole.id}`;
    await viewer.follow(other);
    await send(before);
    const told = [await viewer.told(), await viewer.told()];
    const removed = { id: first.id, vehicle: bus, state: 'removed' };
    expect(told.toSorted((one) => (one.topic === topic ? -1 : 1))).toMatchObject([
      { topic, event: 'removed', data: removed },
      { topic: other, event: 'recomputed', data: whole },
    ]);
    await expect
      .poll(() => namesOf(first.id), patience)
      .toEqual([...lifecycle, 'recomputed', 'removed']);
    await expect.poll(() => namesOf(whole.id), patience).toEqual(['recomputed']);
    await expect.poll(trips, patience).toMatchObject([whole]);
    expect(await trips()).toHaveLength(1);
    expect(await test.engine.counter('fleetwire_trips_removed_total')).toBe(1);
  });

  it('is the same after a kill, and when its device sends everything again', async () => {
    const fixes = byTime(journey, detour, before);
    const whole = tripOf(fixes);
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    await send(fixes);
    const late = (): Promise<number> => test.engine.counter('fleetwire_vehicles_late');
    for (let times = 0; times < 2; times++) await expect.poll(late, patience).toBe(0);
    expect(await trips()).toMatchObject([whole]);
    expect(await trips()).toHaveLength(1);
    expect(await namesOf(first.id)).toEqual([...lifecycle, 'recomputed', 'removed']);
    expect(await namesOf(whole.id)).toEqual(['recomputed']);
  });
});

function upper(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
