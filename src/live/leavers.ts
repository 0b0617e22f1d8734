/**
 * Vehicles that have left an area and whose client has not been told yet.
 * Invariant: whoever is inside again when the client is told is not named; each is named once.
 * Bound: as many as the caller allows; a frame of `left` names at most `idsPerFrame`.
 */
import type { Vehicle } from './vehicles.ts';

export interface Leavers {
  /** False where there are too many. */
  add(vehicle: Vehicle): boolean;
  /** The ids of those that are not inside, in lists that fit a frame; there are none afterwards. */
  take(isInside: (vehicle: Vehicle) => boolean): string[][];
}

/** Ids have 64 bytes at most, so these stay under 16 KiB. */
const idsPerFrame = 200;

export function createLeavers(vehiclesMax: number): Leavers {
  // Most feeds have no area, and most areas nobody who leaves.
  let left: Set<Vehicle> | null = null;

  return {
    add(vehicle) {
      left ??= new Set();
      left.add(vehicle);
      return left.size <= vehiclesMax;
    },
    take(isInside) {
      if (left === null) return [];
      const ids = [...left].filter((vehicle) => !isInside(vehicle)).map(({ id }) => id);
      left = null;
      const lists: string[][] = [];
      for (let start = 0; start < ids.length; start += idsPerFrame) {
        lists.push(ids.slice(start, start + idsPerFrame));
      }
      return lists;
    },
  };
}
