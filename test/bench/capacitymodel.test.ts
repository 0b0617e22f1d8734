/** The capacity model: it finds again what a world of lines is made of, and grows with the fleet. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrationOf } from '../../bench/calibration.ts';
import type { LoadSample } from '../../bench/capacityload.ts';
import {
  at,
  errorOf,
  lineOf,
  predict,
  usableShare,
  usageOf,
  type Calibration,
  type CapacityPlan,
  type Resources,
} from '../../bench/capacitymodel.ts';

const cost = (max: number) => fc.double({ min: max / 1_000, max, noNaN: true });
const lines = (base: number, perFix: number) =>
  fc.record({ base: cost(base), perFix: cost(perFix) });

const calibrations: fc.Arbitrary<Calibration> = fc.record({
  loop: lines(0.05, 2e-5),
  engine: lines(0.1, 4e-5),
  database: fc.option(lines(0.1, 4e-5)),
  subscriberLoop: lines(1e-4, 1e-7),
  subscriberBytes: lines(1_000, 30),
  inBytesPerFix: cost(60),
  outBytesPerFix: cost(20),
  memory: fc.record({
    baseBytes: cost(2e8),
    perVehicleBytes: cost(5_000),
    perSubscriberBytes: cost(20_000),
  }),
  journalBytesPerFix: cost(200),
  rowBytes: cost(300),
  compressedRowBytes: cost(40),
});

const plans: fc.Arbitrary<CapacityPlan> = fc.record({
  vehicles: fc.integer({ min: 1, max: 1_000_000 }),
  intervalS: fc.double({ min: 0.5, max: 600, noNaN: true }),
  subscribers: fc.integer({ min: 0, max: 10_000 }),
  retentionDays: fc.integer({ min: 1, max: 3_650 }),
  rawDays: fc.integer({ min: 0, max: 3_650 }),
});

const resources: Resources = {
  cores: 2,
  memoryBytes: 8e9,
  networkBytesPerS: 125e6,
  diskBytes: 500e9,
};

/** What a fleet takes where every cost is as the calibration says. */
function sampleOf(world: Calibration, fixesPerS: number, subscribers: number): LoadSample {
  const showing = subscribers * at(world.subscriberLoop, fixesPerS);
  return {
    fixesPerS,
    loopCores: at(world.loop, fixesPerS) + showing,
    engineCores: at(world.engine, fixesPerS) + showing,
    databaseCores: world.database === null ? null : at(world.database, fixesPerS),
    subscriberBytesPerS: subscribers * at(world.subscriberBytes, fixesPerS),
    inBytesPerFix: world.inBytesPerFix,
    outBytesPerFix: world.outBytesPerFix,
    journalBytesPerFix: world.journalBytesPerFix,
    memoryBytes: world.memory.baseBytes,
  };
}

describe('a calibration', () => {
  it('is what the measured world is made of', () => {
    fc.assert(
      fc.property(calibrations, plans, (world, plan) => {
        const subscribers = 20;
        const fleet = (fixesPerS: number) => ({
          alone: [sampleOf(world, fixesPerS, 0), sampleOf(world, fixesPerS, 0)],
          watched: [sampleOf(world, fixesPerS, subscribers)],
        });
        const { memory, rowBytes, compressedRowBytes } = world;
        const calibration = calibrationOf({
          small: fleet(250),
          large: fleet(1_000),
          subscribers,
          memory,
          disk: { rowBytes, compressedRowBytes },
        });
        const found = usageOf(calibration, plan);
        const expected = usageOf(world, plan);
        for (const [name, value] of Object.entries(expected) as [
          keyof typeof expected,
          number | null,
        ][]) {
          if (value === null) expect(found[name]).toBeNull();
          else expect(errorOf(Number(found[name]), value)).toBeLessThan(1e-6);
        }
      }),
    );
  });

  it('goes through what the larger fleet took, also where its subscribers added less than those of the smaller', () => {
    fc.assert(
      fc.property(calibrations, (world) => {
        const subscribers = 20;
        const { memory, rowBytes, compressedRowBytes } = world;
        const fleet = (fixesPerS: number, addedCores: number) => {
          const alone = sampleOf(world, fixesPerS, 0);
          return {
            alone: [alone],
            watched: [{ ...alone, loopCores: alone.loopCores + addedCores }],
          };
        };
        const calibration = calibrationOf({
          small: fleet(250, 0.04),
          large: fleet(1_000, 0.03),
          subscribers,
          memory,
          disk: { rowBytes, compressedRowBytes },
        });
        const plan = { vehicles: 10_000, intervalS: 10, subscribers, retentionDays: 1, rawDays: 1 };
        const { loopCores } = usageOf(calibration, plan);
        expect(errorOf(loopCores, at(world.loop, 1_000) + 0.03)).toBeLessThan(1e-6);
      }),
    );
  });

  it('without subscribers says that one costs nothing', () => {
    fc.assert(
      fc.property(calibrations, (world) => {
        const alone = (fixesPerS: number) => ({
          alone: [sampleOf(world, fixesPerS, 0)],
          watched: [],
        });
        const { memory, rowBytes, compressedRowBytes } = world;
        const { subscriberLoop, subscriberBytes } = calibrationOf({
          small: alone(250),
          large: alone(1_000),
          subscribers: 0,
          memory,
          disk: { rowBytes, compressedRowBytes },
        });
        expect([subscriberLoop, subscriberBytes].map((line) => at(line, 1_000))).toEqual([0, 0]);
      }),
    );
  });
});

describe('a line', () => {
  it('goes through both measurements, and never down', () => {
    expect(lineOf({ fixesPerS: 100, value: 3 }, { fixesPerS: 200, value: 5 })).toEqual({
      base: 1,
      perFix: 0.02,
    });
    expect(lineOf({ fixesPerS: 100, value: 3 }, { fixesPerS: 200, value: 2 })).toEqual({
      base: 2,
      perFix: 0,
    });
    expect(lineOf({ fixesPerS: 100, value: 1 }, { fixesPerS: 200, value: 5 }).base).toBe(0);
  });
});

describe('a prediction', () => {
  it('takes more for a larger fleet, and never fewer nodes', () => {
    fc.assert(
      fc.property(calibrations, plans, fc.integer({ min: 1, max: 10 }), (world, plan, times) => {
        const small = predict(world, plan, resources);
        const large = predict(world, { ...plan, vehicles: plan.vehicles * times }, resources);
        expect(large.nodes).toBeGreaterThanOrEqual(small.nodes);
        expect(large.diskBytes).toBeGreaterThanOrEqual(small.diskBytes);
        expect(large.usage.loopCores).toBeGreaterThanOrEqual(small.usage.loopCores);
      }),
    );
  });

  it('names first what runs out first, and one node is enough where nothing does', () => {
    fc.assert(
      fc.property(calibrations, plans, (world, plan) => {
        const { demands, nodes } = predict(world, plan, resources);
        const shares = demands.map(({ share }) => share);
        expect(shares).toEqual(shares.toSorted((one, other) => other - one));
        if ((shares[0] ?? 0) <= usableShare) expect(nodes).toBe(1);
        else if (demands[0]?.resource === 'connections') expect(nodes).toBeGreaterThan(1);
      }),
    );
  });

  it('keeps rows raw as long as is asked for, and compressed after that', () => {
    const [world] = fc.sample(calibrations, { numRuns: 1, seed: 1 });
    if (world === undefined) throw new Error('no sample');
    const plan = { vehicles: 10, intervalS: 10, subscribers: 0, retentionDays: 100, rawDays: 30 };
    const dayRows = 86_400;
    const bytes = dayRows * (30 * world.rowBytes + 70 * world.compressedRowBytes);
    expect(errorOf(predict(world, plan, resources).diskBytes, bytes)).toBeLessThan(1e-9);
    const short = predict(world, { ...plan, retentionDays: 10 }, resources).diskBytes;
    expect(errorOf(short, dayRows * 10 * world.rowBytes)).toBeLessThan(1e-9);
  });
});
