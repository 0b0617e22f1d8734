/**
 * A track with fewer fixes that is nowhere further from the whole one than a tolerance (Douglas and Peucker).
 * Invariant: the first and the last fix stay, and no fix that is left out lies further from the line between
 * its neighbours that stay than the tolerance, on a map that is flat around them.
 * Bound: a window of fixes is simplified by itself and its last fix stays, so that memory is one window.
 */

export interface Place {
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
}

export interface Simplifier<Fix extends Place> {
  /** Those of the next window that stay. */
  next(window: readonly Fix[]): readonly Fix[];
}

const metresPerDegree = 111_195.08;

export function createSimplifier<Fix extends Place>(toleranceM: number): Simplifier<Fix> {
  /** The last fix of the window before, which the next one begins with. */
  let anchor: Fix | null = null;

  return {
    next(window) {
      const last = window.at(-1);
      if (last === undefined) return [];
      const fixes = anchor === null ? window : [anchor, ...window];
      const kept = keptOf(fixes, toleranceM);
      const first = anchor === null ? 0 : 1;
      anchor = last;
      return fixes.filter((_, index) => index >= first && kept[index] === 1);
    },
  };
}

interface Span {
  readonly from: number;
  readonly to: number;
}

function keptOf(fixes: readonly Place[], toleranceM: number): Uint8Array {
  const kept = new Uint8Array(fixes.length);
  kept[0] = 1;
  kept[fixes.length - 1] = 1;
  const spans: Span[] = [{ from: 0, to: fixes.length - 1 }];
  for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
    const { from, to } = span;
    const farthest = farthestOf(fixes, from, to);
    if (farthest === null || farthest.distanceM <= toleranceM) continue;
    kept[farthest.index] = 1;
    spans.push({ from, to: farthest.index }, { from: farthest.index, to });
  }
  return kept;
}

interface Farthest {
  readonly index: number;
  readonly distanceM: number;
}

/** Of those between the two; null where there is none. */
function farthestOf(fixes: readonly Place[], from: number, to: number): Farthest | null {
  const start = fixes[from];
  const end = fixes[to];
  if (start === undefined || end === undefined) return null;
  let farthest: Farthest | null = null;
  for (let index = from + 1; index < to; index++) {
    const distanceM = distanceToLineM(fixes[index] as Place, start, end);
    if (farthest === null || distanceM > farthest.distanceM) farthest = { index, distanceM };
  }
  return farthest;
}

/** From a place to the line between two others, which ends there. */
export function distanceToLineM(place: Place, start: Place, end: Place): number {
  const scale = Math.cos((start.latitude * Math.PI) / 180);
  const x = (one: Place): number => wrapped(one.longitude - start.longitude) * scale;
  const y = (one: Place): number => one.latitude - start.latitude;
  const [endX, endY, placeX, placeY] = [x(end), y(end), x(place), y(place)];
  const length2 = endX ** 2 + endY ** 2;
  const share = length2 === 0 ? 0 : (placeX * endX + placeY * endY) / length2;
  const along = Math.min(1, Math.max(0, share));
  return Math.hypot(placeX - along * endX, placeY - along * endY) * metresPerDegree;
}

/** The short way around the earth. */
function wrapped(degrees: number): number {
  if (degrees > 180) return degrees - 360;
  return degrees < -180 ? degrees + 360 : degrees;
}
