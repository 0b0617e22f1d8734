/**
 * A track as a road to drive on: where something is that travels it back and forth, at any moment.
 * Invariant: at the moments of the track's points it is exactly there; between them it moves straight
 * and evenly; it never jumps, because at an end it turns round.
 * Bound: a lookup is O(log points).
 */
import type { TrackPoint } from './gpx.ts';

export interface RoutePosition {
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** m/s */
  readonly speed: number;
  /** Degrees clockwise from true north, 0 to 360. */
  readonly course: number;
  /** Metres, where the track has it. */
  readonly altitude: number | null;
}

export interface Route {
  /** How long the track takes one way, ms. */
  readonly durationMs: number;
  readonly lengthM: number;
  /** Where it is `elapsedMs` after it left the first point. */
  at(elapsedMs: number): RoutePosition;
}

/** Mean Earth radius, IUGG. */
const earthRadiusM = 6_371_008.8;
const radians = Math.PI / 180;

/** `points` in the order of time; repeated moments are left out. Throws when fewer than two are left. */
export function createRoute(points: readonly TrackPoint[]): Route {
  const path: TrackPoint[] = [];
  for (const point of points) {
    const last = path.at(-1);
    if (last === undefined || point.timeMs > last.timeMs) path.push(point);
  }
  const first = path[0];
  const last = path.at(-1);
  if (first === undefined || last === undefined || path.length < 2) {
    throw new RangeError('a route needs two points at different times');
  }
  const durationMs = last.timeMs - first.timeMs;
  return { durationMs, lengthM: lengthOf(path), at };

  function at(elapsedMs: number): RoutePosition {
    const phaseMs = elapsedMs % (2 * durationMs);
    const isBack = phaseMs > durationMs;
    const routeMs = isBack ? 2 * durationMs - phaseMs : phaseMs;
    return between(path, segmentAt(path, (first?.timeMs ?? 0) + routeMs), routeMs, isBack);
  }
}

/** Distance in metres on the sphere. */
export function distanceM(from: TrackPoint, to: TrackPoint): number {
  const halfLatitude = ((to.latitude - from.latitude) * radians) / 2;
  const halfLongitude = ((to.longitude - from.longitude) * radians) / 2;
  const chord =
    Math.sin(halfLatitude) ** 2 +
    Math.cos(from.latitude * radians) *
      Math.cos(to.latitude * radians) *
      Math.sin(halfLongitude) ** 2;
  return 2 * earthRadiusM * Math.asin(Math.min(1, Math.sqrt(chord)));
}

/** The course from one point to another, degrees clockwise from true north. */
export function courseBetween(from: TrackPoint, to: TrackPoint): number {
  const east = (to.longitude - from.longitude) * Math.cos(from.latitude * radians);
  const north = to.latitude - from.latitude;
  return (Math.atan2(east, north) / radians + 360) % 360;
}

function lengthOf(path: readonly TrackPoint[]): number {
  let lengthM = 0;
  for (let index = 1; index < path.length; index++) {
    lengthM += distanceM(path[index - 1] as TrackPoint, path[index] as TrackPoint);
  }
  return lengthM;
}

/** The index of the last point at or before `timeMs` that has one behind it. */
function segmentAt(path: readonly TrackPoint[], timeMs: number): number {
  let low = 0;
  let high = path.length - 2;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((path[middle] as TrackPoint).timeMs <= timeMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

function between(
  path: readonly TrackPoint[],
  index: number,
  routeMs: number,
  isBack: boolean,
): RoutePosition {
  const from = path[index] as TrackPoint;
  const to = path[index + 1] as TrackPoint;
  const segmentMs = to.timeMs - from.timeMs;
  const share = ((path[0] as TrackPoint).timeMs + routeMs - from.timeMs) / segmentMs;
  const mix = (start: number, end: number): number => start + (end - start) * share;
  return {
    latitude: mix(from.latitude, to.latitude),
    longitude: mix(from.longitude, to.longitude),
    speed: distanceM(from, to) / (segmentMs / 1_000),
    course: isBack ? courseBetween(to, from) : courseBetween(from, to),
    altitude:
      from.altitude === null || to.altitude === null ? null : mix(from.altitude, to.altitude),
  };
}
