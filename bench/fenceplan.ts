/**
 * The geofences of the suite of the fold: what a dispatcher draws, spread over the country as its towns are.
 * Invariant: the mix is stated here and is the same in each run. Half of the sites have a vehicle's home in them; each
 * fence is read from its GeoJSON by the code that reads stored ones, and a refused one ends the run.
 * Bound: `count` fences.
 */
import { createRandom } from '../src/cli/random.ts';
import { fenceOf } from '../src/fleet/fence.ts';
import { createFenceIndex, type TenantFences } from '../src/fleet/fenceindex.ts';
import type { Place } from '../src/fleet/fenceshape.ts';
import { limits } from '../src/limits.ts';
import { createPlaces, placeAt } from './traffic.ts';

export interface FencePlan {
  readonly count: number;
  /** Of `count`, that are as large as a county. */
  readonly regionsPercent: number;
  readonly seed: number;
  /** Where some vehicle begins. */
  home(): Place;
}

interface Draft {
  readonly geojson: object;
  readonly speedMaxCms: number | null;
  readonly dwellMs: number | null;
}

type Draw = (place: Place, random: () => number) => Draft;

/** How many of a hundred of those that are no regions. */
const mix: readonly { readonly percent: number; readonly draw: Draw }[] = [
  { percent: 60, draw: drawSite },
  { percent: 25, draw: drawYard },
  { percent: 10, draw: drawZone },
  { percent: 5, draw: drawRoad },
];
const tenant = 'acme';

export interface PlannedFences {
  readonly fences: TenantFences;
  /** The index forgets what it has found out about the map, as after any change of a fence. */
  forget(): void;
}

export function createPlannedFences(plan: FencePlan): PlannedFences {
  const { count, home } = plan;
  const regions = Math.round((count * plan.regionsPercent) / 100);
  const random = createRandom(plan.seed);
  const nextPlace = createPlaces(random);
  const index = createFenceIndex(limits);
  for (let number = 0; number < count; number++) {
    const draw = number < regions ? drawRegion : drawOf((number * 100) / count);
    const isAtHome = draw === drawSite && number % 2 === 0;
    const { geojson, speedMaxCms, dwellMs } = draw(isAtHome ? home() : nextPlace(), random);
    const fence = fenceOf(
      {
        tenant,
        id: `fence-${number}`,
        name: `the fence ${number}`,
        geojson: JSON.stringify(geojson),
        speedMaxCms,
        dwellMs,
        notify: [],
        attributes: null,
        validFromMs: 0,
        validToMs: null,
        createdAtMs: 0,
        createdBy: 'bench',
        updatedAtMs: 0,
        updatedBy: 'bench',
      },
      limits,
    );
    const refused = 'refused' in fence ? fence.refused : index.put(fence);
    if (refused !== null) throw new Error(`fence ${number} is refused: ${refused}`);
  }
  return {
    fences: index.of(tenant),
    forget() {
      const fence = index.newest(tenant, 'fence-0');
      if (fence !== null) index.put(fence);
    },
  };
}

function drawOf(percent: number): Draw {
  let end = 0;
  for (const { percent: share, draw } of mix) {
    end += share;
    if (percent < end) return draw;
  }
  return drawSite;
}

/** A customer or a stop: a circle. */
function drawSite(place: Place, random: () => number): Draft {
  const radiusM = Math.round(50 + random() * 250);
  return {
    geojson: feature('Point', position(place), { radiusM }),
    speedMaxCms: null,
    dwellMs: random() < 0.5 ? 120_000 : null,
  };
}

/** A depot or a works: a polygon of few corners. */
function drawYard(place: Place, random: () => number): Draft {
  const ring = star(place, 5 + Math.floor(random() * 8), 100 + random() * 500, random);
  return { geojson: feature('Polygon', [ring]), speedMaxCms: 800, dwellMs: 300_000 };
}

/** A part of a town with a speed limit. */
function drawZone(place: Place, random: () => number): Draft {
  const ring = star(place, 20 + Math.floor(random() * 41), 1_000 + random() * 3_000, random);
  return { geojson: feature('Polygon', [ring]), speedMaxCms: 1_400, dwellMs: null };
}

/** A route: a corridor of 20 to 80 pieces. */
function drawRoad(place: Place, random: () => number): Draft {
  const line = [position(place)];
  let heading = random() * 2 * Math.PI;
  let at = place;
  const pieces = 20 + Math.floor(random() * 61);
  for (let piece = 0; piece < pieces; piece++) {
    heading += (random() - 0.5) * 0.8;
    const lengthM = 200 + random() * 600;
    at = away(at, lengthM * Math.cos(heading), lengthM * Math.sin(heading));
    line.push(position(at));
  }
  const widthM = Math.round(40 + random() * 160);
  return { geojson: feature('LineString', line, { widthM }), speedMaxCms: 2_800, dwellMs: null };
}

/** A county, whose border has many corners. */
function drawRegion(place: Place, random: () => number): Draft {
  const ring = star(place, 80 + Math.floor(random() * 121), 12_000 + random() * 15_000, random);
  return { geojson: feature('Polygon', [ring]), speedMaxCms: null, dwellMs: null };
}

/** A ring around `centre` that does not cross itself: its corners are met one after the other. */
function star(
  centre: Place,
  corners: number,
  radiusM: number,
  random: () => number,
): readonly (readonly number[])[] {
  const ring = Array.from({ length: corners }, (_, corner) => {
    const angle = (corner * 2 * Math.PI) / corners;
    const cornerM = radiusM * (0.7 + random() * 0.3);
    return position(away(centre, cornerM * Math.cos(angle), cornerM * Math.sin(angle)));
  });
  return [...ring, ...ring.slice(0, 1)];
}

function away({ latE7, lonE7 }: Place, northM: number, eastM: number): Place {
  return placeAt(latE7 / 1e7, lonE7 / 1e7, northM, eastM);
}

/** As GeoJSON has it. */
const position = ({ latE7, lonE7 }: Place): readonly number[] => [lonE7 / 1e7, latE7 / 1e7];

function feature(type: string, coordinates: unknown, properties: object = {}): object {
  return { type: 'Feature', geometry: { type, coordinates }, properties };
}
