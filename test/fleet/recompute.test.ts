/** Fixes in any order, crashes, a database that is away: what is stored in the end is that of the fixes in order. */
import fc from 'fast-check';
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
  isFullOnce,
  journey,
  nowMs,
  sendAll,
  small,
  worldOf,
} from './foldorder.ts';
import { createWorld, type World } from './foldworld.ts';
import { eventsOf, fixAt, startMs, tripsOf, vehicle } from './journeys.ts';
import { life } from './vehiclelife.ts';

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

/** What happens between two frames. */
type Step = 'nothing' | 'flush' | 'recompute' | 'crash' | 'outage' | 'full' | 'drain' | 'lapse';

const step = fc.constantFrom<Step>(
  ...([
    'nothing',
    'nothing',
    'flush',
    'recompute',
    'drain',
    'crash',
    'outage',
    'full',
    'lapse',
  ] as const),
);

async function happen(world: World, what: Step): Promise<void> {
  const { disk } = world;
  if (what === 'flush') await world.flush();
  if (what === 'recompute') await world.recompute();
  if (what === 'drain') disk.drain();
  if (what === 'lapse') world.clock.advance(2 * limits.tripLapseMs);
  if (what === 'crash') world.crash();
  if (what === 'outage') {
    disk.isAway = true;
    await world.flush();
    await world.recompute();
    disk.isAway = false;
  }
  if (what === 'full') disk.isFull = isFullOnce(3);
}

describe('any life of a vehicle', () => {
  const anyBounds = fc.constantFrom(limits, small, {
    ...small,
    filterDriftM: 20,
    filterDuplicateMs: 20_000,
    harvestPendingMax: 3,
    tripNewsPendingMax: 1,
  });

  it('comes to the same in any order, with crashes, outages and frames in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        life,
        anyBounds,
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 }),
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.nat(200), { maxLength: 4 }),
        async (fixes, bounds, cuts, steps, size, crashes) => {
          let asked = 0;
          const world = worldOf(bounds);
          const frames = shuffled(framesOf(fixes, size), cuts);
          // Some come while the database is asked.
          const meanwhile = frames.filter((_, index) => index % 4 === 3);
          world.onAsk = () => {
            asked += 1;
            const frame = meanwhile.shift();
            if (frame !== undefined) world.send(frame);
            if (crashes.includes(asked)) world.crash();
          };
          for (const [index, frame] of frames.entries()) {
            if (index % 4 !== 3) world.send(frame);
            await happen(world, steps[index % steps.length] ?? 'nothing');
          }
          world.onAsk = () => undefined;
          for (const frame of meanwhile) world.send(frame);
          world.disk.isFull = () => false;
          await world.settle();
          expectInOrder(world, fixes, bounds);
          // And nothing else comes after another start.
          world.crash();
          await world.settle();
          expectInOrder(world, fixes, bounds);
          world.stop();
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Each frame changes places with another that the numbers say; some frames are turned around. */
function shuffled(frames: readonly Fix[][], cuts: readonly number[]): Fix[][] {
  const mixed = frames.map((frame, index) => (index % 3 === 2 ? frame.toReversed() : frame));
  for (const [index, cut] of cuts.entries()) {
    const [one, other] = [index % mixed.length, cut % mixed.length];
    [mixed[one], mixed[other]] = [mixed[other]!, mixed[one]!];
  }
  return mixed;
}
