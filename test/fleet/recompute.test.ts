/** Fixes and statuses that come late: what is stored in the end is that of all in order. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { fixFlags, type Fix } from '../../src/wire/types.ts';
import {
  byStart,
  dayMs,
  expectInOrder,
  fences,
  framesOf,
  inOrder,
  journey,
  nowMs,
  say,
  sendAll,
  small,
  worldOf,
  type Told,
} from './foldorder.ts';
import { createWorld, type World } from './foldworld.ts';
import { eventsOf, fixAt, startMs, tripsOf, vehicle } from './journeys.ts';

describe('fixes in the order of their time', () => {
  it('are told as they come, and nothing is folded again', async () => {
    const world = worldOf();
    await sendAll(world, framesOf(journey, 50));
    expectInOrder(world, journey);
    expect(world.metrics.counters.vehiclesRecomputed).toBe(0);
    expect(world.disk.trips.size).toBe(2);
    expect(world.told.length).toBe(world.disk.events.size);
    world.stop();
  });

  it('that are filtered move nothing, and are stored with why', async () => {
    const world = worldOf();
    const spike = fixAt(1_001, 90_000);
    const nowhere = { ...fixAt(1_002, 0), latE7: 0, lonE7: 0 };
    world.send([...journey.slice(0, 200), spike, nowhere]);
    world.disk.drain();
    expect(world.disk.rows.get(spike.timeMs)?.flags).toBe(fixFlags.jump | fixFlags.late);
    expect(world.disk.rows.get(nowhere.timeMs)?.flags).toBe(fixFlags.zeroIsland | fixFlags.late);
    const { last } = world.vehicles.find('default', vehicle)!;
    expect(last.timeMs).toBe(journey[199]!.timeMs);
    expect(world.metrics.counters).toMatchObject({
      fixesFilteredJump: 1,
      fixesFilteredZeroIsland: 1,
      fixesLive: 200,
      fixesBackfill: 2,
    });
    expect(world.lateness.size).toBe(0);
    world.stop();
  });

  it('that are sent again are folded again by nobody', async () => {
    const world = worldOf();
    await sendAll(world, framesOf(journey, 50));
    world.send(journey.slice(100, 200));
    await world.settle();
    expect(world.metrics.counters.vehiclesRecomputed).toBe(0);
    expectInOrder(world, journey);
    world.stop();
  });
});

describe('fixes that come late', () => {
  it.each([
    ['backwards', journey.toReversed()],
    ['the second half first', [...journey.slice(400), ...journey.slice(0, 400)]],
    ['all but the drive, and then that', [...journey.filter(isStill), ...journey.filter(isDrive)]],
  ])('%s, come to the same', async (_name, fixes) => {
    const world = worldOf();
    for (const frame of framesOf(fixes, 40)) {
      world.send(frame);
      await world.recompute();
    }
    await world.settle();
    expectInOrder(world, journey);
    expect(world.metrics.counters.vehiclesRecomputed).toBeGreaterThan(0);
    world.stop();
  });

  it('move the vehicle where they are newer than it was known to be', async () => {
    const world = worldOf();
    const before = journey.slice(0, 240);
    await sendAll(world, framesOf(before, 50));
    // The silence has lapsed, and what comes from inside of it is late.
    world.send(journey.slice(240, 300));
    const known = world.vehicles.find('default', vehicle)!;
    expect(known.last.timeMs).toBe(before.at(-1)!.timeMs);
    await world.settle();
    expect(known.last.timeMs).toBe(journey[299]!.timeMs);
    expectInOrder(world, journey.slice(0, 300));
    world.stop();
  });

  it('move it also where a crash has taken back what they were late for', async () => {
    const world = worldOf();
    for (const frame of framesOf(journey.slice(0, 240), 50)) world.send(frame);
    world.disk.drain();
    await world.flush();
    world.clock.advance(2 * limits.tripLapseMs);
    world.send(journey.slice(240, 300));
    world.crash();
    await world.settle();
    expect(world.vehicles.find('default', vehicle)!.last.timeMs).toBe(journey[299]!.timeMs);
    expectInOrder(world, journey.slice(0, 300));
    world.stop();
  });

  it('move it also where the last of several rounds finds nothing', async () => {
    const bounds = { ...limits, recomputePageRowsMax: 5, recomputeRowsMax: 10 };
    for (let count = 1; count <= bounds.recomputeRowsMax; count++) {
      const world = worldOf(bounds);
      await sendAll(world, framesOf(journey.slice(0, 240), 50));
      world.send(journey.slice(240, 240 + count));
      await world.settle();
      expectInOrder(world, journey.slice(0, 240 + count));
      world.stop();
    }
  });

  it('are looked for behind the fold only, where it is certain that it is folded again', async () => {
    const world = worldOf();
    await sendAll(world, framesOf(journey, 50));
    world.lateness.mark(vehicle, 0, true);
    await world.settle();
    expect(world.metrics.counters.vehiclesRecomputed).toBe(1);
    expect(world.disk.lateLooksMs.at(-1)).toBeGreaterThanOrEqual(journey.at(-1)!.timeMs);
    expectInOrder(world, journey);
    world.stop();
  });

  it('are folded in rounds where they are many', async () => {
    const world = worldOf(small);
    await sendAll(world, framesOf(journey.toReversed(), 50));
    expectInOrder(world, journey, small);
    expect(world.metrics.counters.vehiclesRecomputed).toBeGreaterThan(5);
    world.stop();
  });
});

describe('where old fixes are gone', () => {
  const half = journey.findIndex(({ timeMs }) => timeMs >= startMs + 2_000_000);
  const later = structuredClone(journey.slice(half));
  for (const fix of later) fix.timeMs += dayMs;

  /** A world that has told the first half of the journey, of which no fix is left. */
  async function worldWithout(): Promise<World> {
    const keptSinceMs = () => startMs + 20 * 3_600_000;
    const world = createWorld({ vehicle, fences, nowMs, bounds: limits, keptSinceMs });
    await sendAll(world, framesOf(journey.slice(0, half), 50));
    world.disk.forget(keptSinceMs());
    return world;
  }
  const tripsIn = ({ disk }: World) =>
    [...disk.trips.values()].map(({ toldMs: _toldMs, ...trip }) => trip).toSorted(byStart);

  it('what they have told stays, and a late fix from there is stored and no more', async () => {
    const world = await worldWithout();
    const [events, trips] = [[...world.disk.events], tripsIn(world)];
    expect(trips).toHaveLength(1);
    world.send([fixAt(700, 99)]);
    await world.settle();
    expect([...world.disk.events]).toEqual(events);
    expect(tripsIn(world)).toEqual(trips);
    expect(world.disk.rows.size).toBe(1);
    expect(world.disk.dirtySinceMs).toBe(null);
    world.stop();
  });

  it('what comes late after them is folded from where the vehicle stood', async () => {
    const world = await worldWithout();
    await sendAll(world, framesOf(later.toReversed(), 40));
    const { outputs } = inOrder([...journey.slice(0, half), ...later]);
    expect(tripsIn(world)).toEqual(tripsOf(outputs));
    const ids = eventsOf(outputs).map(({ timeMs, kind, subject }) => {
      return `${timeMs} ${kind} ${subject}`;
    });
    expect([...world.disk.events.keys()].toSorted()).toEqual(ids.toSorted());
    expect(world.metrics.counters.vehiclesRecomputed).toBeGreaterThan(0);
    world.stop();
  });
});

function isDrive({ timeMs }: Fix): boolean {
  return timeMs > startMs + 600_000 && timeMs < startMs + 1_200_000;
}

function isStill(fix: Fix): boolean {
  return !isDrive(fix);
}

describe('statuses', () => {
  const told: readonly Told[] = [
    { timeMs: startMs + 590_000, attributes: { ignition: false, power: true } },
    { timeMs: startMs + 599_000, attributes: { ignition: true } },
    { timeMs: startMs + 900_000, attributes: { power: false } },
    { timeMs: startMs + 1_205_000, attributes: { ignition: false } },
    { timeMs: startMs + 1_300_000, attributes: { tamper: true, power: 12 } },
    { timeMs: startMs + 3_000_000, attributes: { power: 0 } },
  ];
  it('in order are told as they come, and nothing is folded again', async () => {
    const world = worldOf();
    const waiting = [...told];
    for (const fix of journey) {
      while (waiting[0] !== undefined && waiting[0].timeMs <= fix.timeMs) {
        say(world, waiting.shift()!);
      }
      world.send([fix]);
    }
    await world.settle();
    expectInOrder(world, journey, limits, told);
    expect(world.metrics.counters.vehiclesRecomputed).toBe(0);
    expect(world.disk.statuses.size).toBe(told.length);
    world.stop();
  });

  it.each([
    ['before all fixes but the first', journey.slice(0, 1), told, journey.slice(1)],
    ['behind all fixes', journey, told, []],
    ['backwards, and twice', journey, [...told.toReversed(), ...told], []],
  ])('%s, come to the same', async (_name, first, said, rest) => {
    const world = worldOf();
    for (const frame of framesOf(first, 50)) world.send(frame);
    for (const one of said) {
      say(world, one);
      await world.flush();
    }
    world.crash();
    for (const frame of framesOf(rest, 50)) world.send(frame);
    await world.settle();
    expectInOrder(world, journey, limits, told);
    world.stop();
  });

  it('from before the first fix tell nothing in the end, where later fixes came first', async () => {
    const world = worldOf();
    world.send(journey.slice(1, 2));
    const early = { timeMs: startMs - 1_000, attributes: { batteryLevel: 5 } };
    say(world, early);
    await world.flush();
    expect(world.disk.events.size).toBeGreaterThan(0);
    await sendAll(world, [[journey[0]!], journey.slice(2)]);
    expectInOrder(world, journey, limits, [early]);
    world.stop();
  });

  it('that are behind a fix are told at once, and where they happened in the end', async () => {
    const world = worldOf();
    for (const frame of framesOf(journey.slice(0, 240), 50)) world.send(frame);
    say(world, told[0]!);
    say(world, told[2]!);
    expect(world.told.map(({ kind }) => kind)).toContain('powerCut');
    await world.settle();
    expectInOrder(world, journey.slice(0, 240), limits, [told[0]!, told[2]!]);
    world.stop();
  });
});
