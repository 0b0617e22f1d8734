/**
 * Vehicles that drive and stand about a country, for the suite of the fold: where each is at its next fix.
 * Invariant: a function of the seed and of the order of calls alone, so that two runs fold the same fixes. Nothing here
 * is what a filter would leave out: no jump, no bad accuracy, for a filtered fix costs next to nothing.
 * Bound: some 100 bytes a vehicle, in typed arrays, so that the memory of states can be told from it.
 */
import { createRandom } from '../src/cli/random.ts';
import type { Place } from '../src/fleet/fenceshape.ts';
import type { Fix } from '../src/wire/types.ts';

export interface TrafficOptions {
  readonly vehicles: number;
  readonly seed: number;
  /** Between two fixes of a vehicle: of the first vehicle, the second, and so on, over and over. */
  readonly intervalsS: readonly number[];
}

export interface Traffic {
  /** Where it is now. */
  placeOf(vehicle: number): Place;
  /** Whether it drives at this time by its own timetable. */
  isDue(vehicle: number): boolean;
  /** Moves it on by one interval of its device and writes the fix; one that is not to drive brakes and stands. */
  move(vehicle: number, isDriving: boolean, fix: Fix): void;
  /** Its battery is empty every other hour or so. */
  batteryPercent(vehicle: number): number;
}

/** A country of the size of Ireland, in degrees. */
const land = { south: 51.6, north: 55.2, west: -10, east: -6 } as const;
const towns = 200;
/** Most of a town is within two of it. */
const townRadiusM = 4_000;
const metresPerDegree = 111_320;
const startMs = Date.UTC(2026, 0, 5, 8);
const noiseM = 4;
const driveMinMs = 180_000;
const driveMaxMs = 1_200_000;
const standMinMs = 60_000;
const standMaxMs = 600_000;
/** m/s2. */
const pedal = { speedUp: 1.2, brake: 2, harsh: 6 } as const;
const harshShare = 0.02;

/** Places where people are: near a town, and near a large one more often. */
export function createPlaces(random: () => number): () => Place {
  const between = (min: number, max: number): number => min + random() * (max - min);
  const centres = Array.from({ length: towns }, () => ({
    latitude: between(land.south, land.north),
    longitude: between(land.west, land.east),
  }));
  return () => {
    const town = centres[Math.floor(random() ** 2 * towns)];
    if (town === undefined) throw new Error('traffic: there is no such town');
    const { latitude, longitude } = town;
    const awayM = townRadiusM * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = between(0, 2 * Math.PI);
    return placeAt(latitude, longitude, awayM * Math.cos(angle), awayM * Math.sin(angle));
  };
}

/** So many metres north and east of a place in degrees. */
export function placeAt(latitude: number, longitude: number, northM: number, eastM: number): Place {
  const scale = Math.cos((latitude * Math.PI) / 180);
  return {
    latE7: Math.round((latitude + northM / metresPerDegree) * 1e7),
    lonE7: Math.round((longitude + eastM / (metresPerDegree * scale)) * 1e7),
  };
}

export function createTraffic({ vehicles, seed, intervalsS }: TrafficOptions): Traffic {
  const random = createRandom(seed);
  const between = (min: number, max: number): number => min + random() * (max - min);
  const column = (first: () => number): Float64Array =>
    Float64Array.from({ length: vehicles }, first);
  const nextPlace = createPlaces(random);
  const latitudes = column(() => 0);
  const longitudes = column(() => 0);
  const headings = column(() => between(0, 2 * Math.PI));
  const cruises = column(() => cruiseMs(random));
  const speeds = column(() => 0);
  const times = column(() => startMs + Math.floor(random() * 30_000));
  const driveMs = column(() => between(driveMinMs, driveMaxMs));
  const standMs = column(() => between(standMinMs, standMaxMs));
  const phases = column(() => random());
  for (let vehicle = 0; vehicle < vehicles; vehicle++) {
    const { latE7, lonE7 } = nextPlace();
    latitudes[vehicle] = latE7 / 1e7;
    longitudes[vehicle] = lonE7 / 1e7;
  }

  const of = (values: Float64Array, vehicle: number): number => values[vehicle] as number;

  function steer(vehicle: number): number {
    const latitude = of(latitudes, vehicle);
    const longitude = of(longitudes, vehicle);
    let heading = of(headings, vehicle) + between(-0.15, 0.15);
    if (random() < 0.05) heading += random() < 0.5 ? Math.PI / 2 : -Math.PI / 2;
    // Back from the sea.
    if (latitude < land.south) heading = 0;
    else if (latitude > land.north) heading = Math.PI;
    else if (longitude < land.west) heading = Math.PI / 2;
    else if (longitude > land.east) heading = -Math.PI / 2;
    headings[vehicle] = heading;
    return heading;
  }

  function accelerate(vehicle: number, isDriving: boolean, seconds: number): number {
    const target = isDriving ? of(cruises, vehicle) * between(0.8, 1.1) : 0;
    const before = of(speeds, vehicle);
    const brake = random() < harshShare ? pedal.harsh : pedal.brake;
    const least = before - brake * seconds;
    const speed = Math.max(least, Math.min(before + pedal.speedUp * seconds, target));
    speeds[vehicle] = speed;
    return speed;
  }

  return {
    placeOf: (vehicle) => placeAt(of(latitudes, vehicle), of(longitudes, vehicle), 0, 0),
    isDue(vehicle) {
      const lapMs = of(driveMs, vehicle) + of(standMs, vehicle);
      const elapsedMs = of(times, vehicle) - startMs + of(phases, vehicle) * lapMs;
      return elapsedMs % lapMs < of(driveMs, vehicle);
    },
    move(vehicle, isDriving, fix) {
      const seconds = intervalsS[vehicle % intervalsS.length] as number;
      const before = of(speeds, vehicle);
      const speed = accelerate(vehicle, isDriving, seconds);
      const wayM = ((before + speed) / 2) * seconds;
      const heading = wayM > 0 ? steer(vehicle) : of(headings, vehicle);
      const latitude = of(latitudes, vehicle) + (wayM * Math.cos(heading)) / metresPerDegree;
      const scale = metresPerDegree * Math.cos((latitude * Math.PI) / 180);
      const longitude = of(longitudes, vehicle) + (wayM * Math.sin(heading)) / scale;
      latitudes[vehicle] = latitude;
      longitudes[vehicle] = longitude;
      times[vehicle] = of(times, vehicle) + seconds * 1_000;
      fix.timeMs = of(times, vehicle);
      fix.latE7 = Math.round((latitude + between(-noiseM, noiseM) / metresPerDegree) * 1e7);
      fix.lonE7 = Math.round((longitude + between(-noiseM, noiseM) / scale) * 1e7);
      fix.speedCms = Math.round(speed * 100 + random() * 20);
      fix.courseCdeg = Math.round(((heading * 18_000) / Math.PI + 72_000) % 36_000);
      fix.accuracyDm = Math.round(between(30, 120));
      fix.flags = 0;
    },
    batteryPercent: (vehicle) =>
      100 - (Math.floor(of(times, vehicle) / 60_000 + of(phases, vehicle) * 100) % 100),
  };
}

/** What it drives at: mostly town and country, one in ten on a motorway, one in a hundred too fast there. */
function cruiseMs(random: () => number): number {
  const share = random();
  if (share < 0.01) return 40 + random() * 4;
  return share < 0.1 ? 27 + random() * 7 : 6 + random() * 16;
}
