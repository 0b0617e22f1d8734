/**
 * What has to be told of a vehicle's detected trips after its past was folded again. A pure function.
 * Invariant: whoever applies what is told to the trips as they were told before has those of the fixes in their order.
 * Bound: one event a trip of the stretch that was folded.
 */
import { isDeepStrictEqual } from 'node:util';
import type { StoredTrip } from '../store/refolds.ts';
import type { PlainMap } from '../wire/types.ts';
import type { TripState } from './output.ts';

/** A trip and the time of the fix that told it: what its events have as their data. */
export interface ToldTrip extends TripState {
  readonly toldMs: number;
}

/** What the fold has told of trips. */
export interface RefoldedTrips {
  /** The last that was told of each, by id. */
  readonly told: ReadonlyMap<string, ToldTrip>;
  /** The one that is under way; null for none. */
  readonly running: ToldTrip | null;
  /** What was told by fixes behind this is not folded yet; null where all is. */
  readonly untilMs: number | null;
}

export interface TripChanges {
  readonly recomputed: readonly ToldTrip[];
  readonly removed: readonly string[];
}

/** `before` are the trips as they were told, by fixes that were folded again and all behind them. */
export function tripChanges(
  before: readonly StoredTrip[],
  { told, running, untilMs }: RefoldedTrips,
): TripChanges {
  const states = new Map(before.map(({ id, state }) => [id, state]));
  const recomputed = [...told.values()].filter((trip) => {
    const known = states.get(trip.id);
    return known === undefined || !isSame(trip, known);
  });
  if (running !== null && !told.has(running.id)) {
    const known = states.get(running.id);
    // Told by a fix before those that were folded again, it is not among them.
    if (known !== undefined && !isAsFar(known, running)) recomputed.push(running);
  }
  const removed = before
    .filter(({ id, toldMs }) => {
      if (told.has(id) || id === running?.id) return false;
      return untilMs === null || toldMs <= untilMs;
    })
    .map(({ id }) => id);
  return { recomputed, removed };
}

/** Nothing was told of it since, so that only what would have been is compared. */
function isAsFar(known: PlainMap, running: TripState): boolean {
  return known['state'] === running.state && known['stopsCount'] === running.stopsCount;
}

/** A silence tells an end before the next fix would, and it is the same; told too late it would count as not told. */
function isSame(trip: ToldTrip, known: PlainMap): boolean {
  const { toldMs, ...content } = JSON.parse(JSON.stringify(trip)) as ToldTrip;
  const { toldMs: knownMs, ...knownContent } = known;
  return Number(knownMs) <= toldMs && isDeepStrictEqual(content, knownContent);
}
