/**
 * How many replays there may be, of each user and in all.
 * Invariant: whoever took a place gives it back once; a user without one is not remembered.
 * Bound: `replaysMax` places, `replaysPerUserMax` of one user.
 */
import type { RefusalName } from '../errors.ts';
import type { Identity } from '../identity.ts';
import type { Limits } from '../limits.ts';

/** A place, or why there is none. */
export type Place = { leave(): void } | { readonly refused: RefusalName };

export interface ReplayPlaces {
  /** Those that are taken. */
  readonly taken: number;
  take(identity: Pick<Identity, 'tenant' | 'subject'>): Place;
}

export function createReplayPlaces(
  bounds: Pick<Limits, 'replaysMax' | 'replaysPerUserMax'>,
): ReplayPlaces {
  const users = new Map<string, number>();
  let taken = 0;

  function add(user: string, places: number): void {
    const now = (users.get(user) ?? 0) + places;
    taken += places;
    if (now > 0) users.set(user, now);
    else users.delete(user);
  }

  return {
    get taken() {
      return taken;
    },
    take({ tenant, subject }) {
      // A tenant has no slash, so no two users are the same text.
      const user = `${tenant}/${subject}`;
      if ((users.get(user) ?? 0) >= bounds.replaysPerUserMax) return { refused: 'tooManyReplays' };
      if (taken >= bounds.replaysMax) return { refused: 'tooManyReplaysOpen' };
      add(user, 1);
      return { leave: () => add(user, -1) };
    },
  };
}
