/**
 * How many requests may be answered at a time, of all and of each user, and how many a second of each.
 * Invariant: whoever came in goes out once; a user that is forgotten has no request inside.
 * Bound: `apiRequestsMax`, `apiUserRequestsMax`, the bucket of each user, `apiUsersMax` users.
 */
import type { Clock } from '../../clock.ts';
import type { RefusalName } from '../../errors.ts';
import type { Identity } from '../../identity.ts';
import type { Limits } from '../../limits.ts';
import { createBucket, type Bucket } from '../../live/bucket.ts';

export interface TurnstileOptions {
  readonly clock: Clock;
  readonly bounds: Pick<
    Limits,
    | 'apiRequestsMax'
    | 'apiUserRequestsMax'
    | 'apiRequestsPerSecondMax'
    | 'apiRequestsBurstMax'
    | 'apiUsersMax'
  >;
}

/** Inside, or why not. */
export type Entry = { leave(): void } | { readonly refused: RefusalName };

export interface Turnstile {
  /** A request, before anybody knows whose it is. */
  enter(): Entry;
  /** The same one, of this user. */
  enterAs(identity: Pick<Identity, 'tenant' | 'subject'>): Entry;
}

interface User {
  readonly bucket: Bucket;
  open: number;
}

export function createTurnstile({ clock, bounds }: TurnstileOptions): Turnstile {
  /** The one that asked last stands last. */
  const users = new Map<string, User>();
  let open = 0;

  function userOf(name: string): User {
    const known = users.get(name);
    users.delete(name);
    const user = known ?? { bucket: newBucket(), open: 0 };
    users.set(name, user);
    if (known === undefined) forgetOne();
    return user;
  }

  function newBucket(): Bucket {
    const { apiRequestsPerSecondMax, apiRequestsBurstMax } = bounds;
    return createBucket(apiRequestsPerSecondMax, apiRequestsBurstMax, clock.monotonicMs());
  }

  function forgetOne(): void {
    if (users.size <= bounds.apiUsersMax) return;
    for (const [name, user] of users) {
      if (user.open > 0) continue;
      users.delete(name);
      return;
    }
  }

  return {
    enter() {
      if (open >= bounds.apiRequestsMax) return { refused: 'tooManyOpen' };
      open += 1;
      return { leave: () => void (open -= 1) };
    },
    enterAs({ tenant, subject }) {
      // A tenant has no slash, so no two users are the same text.
      const user = userOf(`${tenant}/${subject}`);
      const isOne = user.bucket.take(clock.monotonicMs()) && user.open < bounds.apiUserRequestsMax;
      if (!isOne) return { refused: 'tooManyOfCaller' };
      user.open += 1;
      return { leave: () => void (user.open -= 1) };
    },
  };
}
