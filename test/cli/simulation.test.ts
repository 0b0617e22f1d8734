import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/cli/random.ts';
import { createRoute } from '../../src/cli/route.ts';
import { createSimulation, type SimulationOptions } from '../../src/cli/simulation.ts';
import { createManualClock } from '../support/clock.ts';

const route = createRoute([
  { timeMs: 0, latitude: 52, longitude: -8, altitude: null },
  { timeMs: 60_000, latitude: 52.01, longitude: -8, altitude: null },
]);

/** What the schedule makes in `seconds`; nobody answers, and it must not matter. */
async function fixesOf(seconds: number, options: Partial<SimulationOptions> = {}) {
  const clock = createManualClock();
  const made: [vehicle: string, timeMs: number][] = [];
  const simulation = createSimulation({
    url: 'ws://127.0.0.1:9',
    route,
    vehicles: 3,
    intervalMs: 1_000,
    jitter: 0.5,
    dropouts: 0,
    prefix: 'sim',
    seed: 1,
    clock,
    tokenOf: () => () => new Promise(() => undefined),
    gatewayToken: null,
    onSend: (vehicle, timeMs) => made.push([vehicle, timeMs - clock.nowMs()]),
    ...options,
  });
  clock.advance(seconds * 1_000);
  const { stats } = simulation;
  simulation.stop();
  clock.advance(10_000);
  await simulation.close();
  return { made, stats, timers: clock.timers };
}

describe('simulation', () => {
  it('makes every fix when it is due, whether anybody answers or not', async () => {
    const { made, stats, timers } = await fixesOf(60);
    expect(made.length).toBeGreaterThanOrEqual(3 * 58);
    expect(made.length).toBeLessThanOrEqual(3 * 61);
    expect(made.every(([, aheadMs]) => Math.abs(aheadMs) <= 1)).toBe(true);
    expect(new Set(made.map(([vehicle]) => vehicle))).toEqual(new Set(['sim-1', 'sim-2', 'sim-3']));
    expect(stats).toMatchObject({ sent: 0, backlog: made.length, connected: 0 });
    expect(timers).toBe(0);
  });

  it('drives the same way for the same seed and another way for another', async () => {
    const first = await fixesOf(10);
    expect((await fixesOf(10)).made).toEqual(first.made);
    expect((await fixesOf(10, { seed: 2 })).made).not.toEqual(first.made);
  });

  it('speaks for all vehicles over one connection with the token of a gateway', async () => {
    const { stats } = await fixesOf(5, { gatewayToken: 'jwt', url: 'ws://127.0.0.1:9' });
    expect(stats.backlog).toBeGreaterThan(9);
  });
});

describe('createRandom', () => {
  it('yields the same numbers for a seed, within 0 and 1 and evenly', () => {
    const draw = (seed: number) => {
      const random = createRandom(seed);
      return Array.from({ length: 10_000 }, random);
    };
    const numbers = draw(7);
    expect(draw(7)).toEqual(numbers);
    expect(draw(8)).not.toEqual(numbers);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const tenths = new Array<number>(10).fill(0);
    for (const number of numbers) tenths[Math.floor(number * 10)]! += 1;
    expect(Math.min(...tenths)).toBeGreaterThan(850);
    expect(Math.max(...tenths)).toBeLessThan(1_150);
  });
});
