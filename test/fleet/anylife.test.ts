/** Any order, crashes, a database that is away: what is stored in the end is that of fixes and statuses in order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import type { Fix, PlainMap } from '../../src/wire/types.ts';
import {
  expectInOrder,
  framesOf,
  isFullOnce,
  isPlaced,
  say,
  small,
  worldOf,
  type Told,
} from './foldorder.ts';
import type { World } from './foldworld.ts';
import { life } from './vehiclelife.ts';

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

/** A status somewhere in a life, by the share of it in thousandths. */
const anyStatus = fc.record({
  share: fc.nat(1_050),
  offsetMs: fc.integer({ min: -2_000, max: 2_000 }),
  attributes: fc.constantFrom<PlainMap>(
    { ignition: true },
    { ignition: false },
    { power: true, batteryLevel: 50 },
    { power: 0, batteryLevel: 5 },
    { tamper: true },
    { tamper: false, ignition: false },
    { door: 1 },
  ),
});

/** One of a time at most. */
function statusesIn(
  fixes: readonly Fix[],
  some: readonly (typeof anyStatus extends fc.Arbitrary<infer One> ? One : never)[],
): readonly Told[] {
  const [first, last] = [fixes[0], fixes.at(-1)];
  if (first === undefined || last === undefined) return [];
  const byTime = new Map<number, Told>();
  for (const { share, offsetMs, attributes } of some) {
    const atMs = first.timeMs + Math.round(((last.timeMs - first.timeMs) * share) / 1_000);
    // Some at the very time of a fix.
    const timeMs = offsetMs % 3 === 0 ? atMs + offsetMs : nearest(fixes, atMs);
    byTime.set(timeMs, { timeMs, attributes });
  }
  return [...byTime.values()];
}

function nearest(fixes: readonly Fix[], timeMs: number): number {
  return (fixes.find((fix) => fix.timeMs >= timeMs) ?? fixes.at(-1)!).timeMs;
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
        fc.array(anyStatus, { maxLength: 12 }),
        async (fixes, bounds, cuts, steps, size, crashes, some) => {
          let asked = 0;
          const world = worldOf(bounds);
          const told = statusesIn(fixes, some);
          const [first, ...frames] = placeBetween(
            shuffled(framesOf(fixes, size), cuts),
            told,
            cuts,
          );
          // Of one that came before the vehicle was anywhere nothing follows.
          const nowhere: Told[] = [];
          const send = (frame: Frame): void => {
            if (Array.isArray(frame)) world.send(frame);
            else if (isPlaced(world)) say(world, frame);
            else nowhere.push(frame);
          };
          if (first !== undefined) send(first);
          // Some come while the database is asked.
          const meanwhile = frames.filter((_, index) => index % 4 === 3);
          world.onAsk = () => {
            asked += 1;
            const frame = meanwhile.shift();
            if (frame !== undefined) send(frame);
            if (crashes.includes(asked)) world.crash();
          };
          for (const [index, frame] of frames.entries()) {
            if (index % 4 !== 3) send(frame);
            await happen(world, steps[index % steps.length] ?? 'nothing');
          }
          world.onAsk = () => undefined;
          for (const frame of meanwhile) send(frame);
          world.disk.isFull = () => false;
          // It may be that only late fixes say where it is.
          if (nowhere.length > 0) await world.settle();
          for (const status of nowhere) say(world, status);
          await world.settle();
          expectInOrder(world, fixes, bounds, told);
          // And nothing else comes after another start.
          world.crash();
          await world.settle();
          expectInOrder(world, fixes, bounds, told);
          expect(world.disk.statuses.size).toBe(told.length);
          world.stop();
        },
      ),
      { numRuns: 200 },
    );
  });
});

type Frame = Fix[] | Told;

/** The statuses somewhere behind the first frame. */
function placeBetween(
  frames: readonly Fix[][],
  statuses: readonly Told[],
  cuts: readonly number[],
): Frame[] {
  const all: Frame[] = [...frames];
  for (const [index, status] of statuses.entries()) {
    const cut = (cuts[index % cuts.length] ?? 0) * (index + 1);
    all.splice(1 + (cut % all.length), 0, status);
  }
  return all;
}

/** Each frame changes places with another that the numbers say; some frames are turned around. */
function shuffled(frames: readonly Fix[][], cuts: readonly number[]): Fix[][] {
  const mixed = frames.map((frame, index) => (index % 3 === 2 ? frame.toReversed() : frame));
  for (const [index, cut] of cuts.entries()) {
    const [one, other] = [index % mixed.length, cut % mixed.length];
    [mixed[one], mixed[other]] = [mixed[other]!, mixed[one]!];
  }
  return mixed;
}
