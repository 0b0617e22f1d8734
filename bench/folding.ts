/**
 * The process of one run of the suite of the fold: it makes the fleet, folds its fixes, and tells its parent what that
 * took. A process of its own for each run, so that the compiler and the heap begin as new and the collector is at hand
 * (`--expose-gc`). There is no engine: what is measured is the fold alone, not what brings it its fixes.
 * Invariant: only `advance` is between the two readings of the processor's time; fixes are made before them, what was
 * told is looked at after. Two runs of the same task tell the same and end in the same states.
 * Bound: `fixesPerBatch` fixes between two readings: some 2,000 times as long as a reading takes.
 */
import { createHash, type Hash } from 'node:crypto';
import { createRandom } from '../src/cli/random.ts';
import { advance, runningTrip, type DeriveContext } from '../src/fleet/derive.ts';
import type { Near } from '../src/fleet/fencecells.ts';
import type { TenantFences } from '../src/fleet/fenceindex.ts';
import type { Place } from '../src/fleet/fenceshape.ts';
import type { Output } from '../src/fleet/output.ts';
import { createPlaces, createVehicleState, type VehicleState } from '../src/fleet/state.ts';
import { encodeState } from '../src/fleet/statecodec.ts';
import { limits } from '../src/limits.ts';
import { emptyFix } from '../src/live/vehicles.ts';
import type { Fix } from '../src/wire/types.ts';
import { createPlannedFences } from './fenceplan.ts';
import type { Cost, FoldReport, FoldTask, Memory, Told, Weight } from './foldtask.ts';
import { createTraffic, type Traffic } from './traffic.ts';

/** So many fixes of each vehicle. */
interface Leg {
  readonly rounds: number;
  readonly isDriving: boolean;
}

const fixesPerBatch = 1_000;
const seed = 20_260_105;
/** Devices differ: some report so often that pedals are seen, some so seldom that corners are cut. */
const mixedIntervalsS = [2, 5, 10, 30];
/** For the memory all are the same, so that all have stood as long, and stopped once on their trip. */
const evenIntervalsS = [10];
const standing: readonly Leg[] = [{ rounds: 16, isDriving: false }];
const driving: readonly Leg[] = [{ rounds: 15, isDriving: true }];
const stopping: readonly Leg[] = [
  { rounds: 18, isDriving: false },
  { rounds: 15, isDriving: true },
];
/** Vehicles that are folded, and dropped, before memory is measured. */
const smallFleet = 2_000;

interface Fleet {
  readonly traffic: Traffic;
  readonly fences: TenantFences;
  forget(): void;
  readonly states: VehicleState[];
  /** Every vehicle takes a fix, in an order that is new each time. The cost of a fix of each batch, us. */
  round(isDriving: (vehicle: number) => boolean): readonly number[];
  outputs(): number;
  told(): Told;
}

function createFleet(task: FoldTask): Fleet {
  const { vehicles, hasAttributes } = task;
  const intervalsS = task.measures === 'cost' ? mixedIntervalsS : evenIntervalsS;
  const traffic = createTraffic({ vehicles, seed, intervalsS });
  const random = createRandom(seed + 1);
  const home = (): Place => traffic.placeOf(Math.floor(random() * vehicles));
  const { fences: count, regionsPercent } = task;
  const { fences, forget } = createPlannedFences({ count, regionsPercent, seed: seed + 2, home });
  const order = Uint32Array.from({ length: vehicles }, (_, vehicle) => vehicle);
  const batch = Array.from({ length: fixesPerBatch }, () => emptyFix(0));
  const states: VehicleState[] = [];
  const waiting: Output[] = [];
  const hash = createHash('sha256');
  const counts = { outputs: 0, fencesEntered: 0, tripsStarted: 0, filtered: 0, fencesLeftOut: 0 };
  const context: DeriveContext = {
    bounds: limits,
    fences,
    onFencesLeftOut: (count) => void (counts.fencesLeftOut += count),
  };
  const emit = (output: Output): void => void waiting.push(output);

  /** Returns us a fix. */
  function fold(from: number, count: number): number {
    const before = process.cpuUsage();
    for (let index = 0; index < count; index++) {
      const state = states[order[from + index] as number] as VehicleState;
      if (advance(state, batch[index] as Fix, context, emit) !== 0) counts.filtered += 1;
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  }

  function look(): void {
    counts.outputs += waiting.length;
    for (const output of waiting) {
      hash.update(JSON.stringify(output));
      if (output.kind === 'tripStarted') counts.tripsStarted += 1;
      if (output.kind !== 'vehicleEvent') continue;
      if (output.event.kind === 'geofenceEntered') counts.fencesEntered += 1;
    }
    waiting.length = 0;
  }

  return {
    traffic,
    fences,
    forget,
    states,
    round(isDriving) {
      shuffle(order, random);
      const costs: number[] = [];
      for (let from = 0; from < vehicles; from += fixesPerBatch) {
        const count = Math.min(fixesPerBatch, vehicles - from);
        for (let index = 0; index < count; index++) {
          const vehicle = order[from + index] as number;
          const fix = batch[index] as Fix;
          const isOn = isDriving(vehicle);
          traffic.move(vehicle, isOn, fix);
          if (hasAttributes) giveAttributes(fix, isOn, traffic.batteryPercent(vehicle));
        }
        costs.push(fold(from, count));
        look();
      }
      return costs;
    },
    outputs: () => counts.outputs,
    told: () => ({ ...counts, digest: digestOf(hash, states) }),
  };
}

function measureCost(task: FoldTask): Cost {
  const fleet = createFleet(task);
  const { fences, states } = fleet;
  addStates(fleet, namesOf(task));
  const { isDue } = fleet.traffic;
  for (let round = 0; round < task.warmupRounds; round++) fleet.round(isDue);
  heapBytes();
  const outputsBefore = fleet.outputs();
  const costs: number[] = [];
  for (let round = 0; round < task.rounds; round++) costs.push(...fleet.round(isDue));
  costs.sort((one, other) => one - other);
  const at = (share: number): number => costs[Math.floor(share * (costs.length - 1))] ?? NaN;
  const near = ({ acceptedLatE7, acceptedLonE7 }: VehicleState): readonly Near[] =>
    fences.at(acceptedLatE7, acceptedLonE7);
  return {
    told: fleet.told(),
    medianUs: at(0.5),
    p90Us: at(0.9),
    outputsPerFix: (fleet.outputs() - outputsBefore) / (task.vehicles * task.rounds),
    fencesNear: meanOf(states, (state) => near(state).length),
    edgesNear: meanOf(states, (state) =>
      near(state).reduce((sum, { fence: { shape } }) => sum + shape.edges.length / 4, 0),
    ),
    fencesIn: meanOf(states, (state) => state.fences.length),
    onTripShare: onTripShareOf(states),
  };
}

function measureMemory(task: FoldTask): Memory {
  compile(task);
  const fleet = createFleet(task);
  const { states } = fleet;
  // The engine has the id of a vehicle with and without a state.
  const names = namesOf(task);
  const beforeBytes = heapBytes();
  const look = (isAsMeant: (state: VehicleState) => boolean): Weight => {
    // What the index knows of the map has a bound of its own, and is of no vehicle.
    fleet.forget();
    return {
      bytes: (heapBytes() - beforeBytes) / names.length,
      share: meanOf(states, (state) => (isAsMeant(state) ? 1 : 0)),
    };
  };
  addStates(fleet, names);
  run(fleet, standing);
  const stands = look(({ journey }) => journey === null);
  run(fleet, driving);
  const drives = look(({ journey }) => journey?.isStarted === true);
  run(fleet, stopping);
  const hasStopped = look(({ journey }) => journey?.isStarted === true && journey.stopsCount > 0);
  return { told: fleet.told(), stands, drives, hasStopped };
}

/** What is compiled with the first fixes is no memory of a vehicle. In a function, for the fleet is to be gone. */
function compile(task: FoldTask): void {
  const small = { ...task, vehicles: smallFleet };
  const fleet = createFleet(small);
  addStates(fleet, namesOf(small));
  for (const legs of [standing, driving, stopping]) run(fleet, legs);
}

function addStates({ states }: Fleet, names: readonly string[]): void {
  const nextPlace = createPlaces();
  for (const name of names) states.push(createVehicleState(name, nextPlace()));
}

function run(fleet: Fleet, legs: readonly Leg[]): void {
  for (const { rounds, isDriving } of legs) {
    for (let round = 0; round < rounds; round++) fleet.round(() => isDriving);
  }
}

/** What is alive. */
function heapBytes(): number {
  if (gc === undefined) throw new Error('folding: it needs --expose-gc');
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function onTripShareOf(states: readonly VehicleState[]): number {
  return meanOf(states, (state) => (runningTrip(state, limits) === null ? 0 : 1));
}

function meanOf(states: readonly VehicleState[], valueOf: (state: VehicleState) => number): number {
  return states.reduce((sum, state) => sum + valueOf(state), 0) / states.length;
}

function digestOf(hash: Hash, states: readonly VehicleState[]): string {
  for (const state of states) hash.update(encodeState(state));
  return hash.digest('hex');
}

function namesOf({ vehicles }: FoldTask): readonly string[] {
  return Array.from({ length: vehicles }, (_, vehicle) => `bench-${vehicle}`);
}

/** Fisher and Yates. */
function shuffle(order: Uint32Array, random: () => number): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const moved = order[last] as number;
    order[last] = order[other] as number;
    order[other] = moved;
  }
}

/** As the decoder hands them on: the text, and the map that it is of. */
function giveAttributes(fix: Fix, ignition: boolean, batteryLevel: number): void {
  const map = { ignition, batteryLevel };
  fix.attributes = JSON.stringify(map);
  fix.attributesMap = map;
}

const task = JSON.parse(process.argv[2] ?? '') as FoldTask;
const result = task.measures === 'cost' ? measureCost(task) : measureMemory(task);
const { user, system } = process.cpuUsage();
const report: FoldReport<Cost | Memory> = { result, cpuMs: (user + system) / 1_000 };
process.send?.(report);
process.disconnect();
