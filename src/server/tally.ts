/**
 * How many of each name there are, for limits on each user.
 * Invariant: a name that has none is not held; one that has none cannot lose one.
 * Bound: as many names as there are things counted, so connections.
 */
export interface Tally {
  get(name: string): number;
  add(name: string): void;
  /** Throws where there is none. */
  remove(name: string): void;
  /** Names that have one or more. */
  readonly size: number;
}

export function createTally(): Tally {
  const counts = new Map<string, number>();
  return {
    get: (name) => counts.get(name) ?? 0,
    add(name) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    remove(name) {
      const count = counts.get(name);
      if (count === undefined) throw new Error(`tally: there is no ${name}`);
      if (count === 1) counts.delete(name);
      else counts.set(name, count - 1);
    },
    get size() {
      return counts.size;
    },
  };
}
