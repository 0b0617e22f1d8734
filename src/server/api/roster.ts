/**
 * The vehicles of a tenant in the order of their ids, for pages.
 * Invariant: every vehicle that has a position is in it once. Vehicles are never forgotten, and a tenant's come in
 * the order in which they were met: so new ones are those behind the count of the last look.
 * Bound: a reference for each vehicle of the tenants that were asked for. A look costs nothing while no vehicle is
 * new, else one pass over those of the tenant; sorting 200,000 for every page would take 90 ms.
 */
import type { Vehicle, Vehicles } from '../../live/vehicles.ts';

export interface Roster {
  /** Those whose ids come behind `id`, in their order. */
  after(tenant: string, id: string): Iterable<Vehicle>;
}

interface List {
  /** Vehicles of all tenants at the last look. */
  size: number;
  sorted: readonly Vehicle[];
}

export function createRoster(vehicles: Pick<Vehicles, 'ofTenant' | 'size'>): Roster {
  const lists = new Map<string, List>();

  function listOf(tenant: string): readonly Vehicle[] {
    const list = lists.get(tenant) ?? { size: 0, sorted: [] };
    if (list.size === vehicles.size) return list.sorted;
    const fresh = freshOf(tenant, list.sorted.length);
    list.size = vehicles.size;
    if (fresh.length === 0) return list.sorted;
    list.sorted = merged(list.sorted, fresh);
    // One that has none costs nothing, so that nobody can fill this with names.
    lists.set(tenant, list);
    return list.sorted;
  }

  function freshOf(tenant: string, known: number): readonly Vehicle[] {
    const fresh: Vehicle[] = [];
    let index = 0;
    for (const vehicle of vehicles.ofTenant(tenant)) {
      if (index >= known) fresh.push(vehicle);
      index += 1;
    }
    return fresh.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  }

  return {
    *after(tenant, id) {
      const sorted = listOf(tenant);
      for (let index = firstBehind(sorted, id); index < sorted.length; index++) {
        yield sorted[index] as Vehicle;
      }
    },
  };
}

function merged(old: readonly Vehicle[], fresh: readonly Vehicle[]): readonly Vehicle[] {
  const all: Vehicle[] = [];
  let at = 0;
  for (const vehicle of fresh) {
    for (let next = old[at]; next !== undefined && next.id < vehicle.id; next = old[at]) {
      all.push(next);
      at += 1;
    }
    all.push(vehicle);
  }
  return [...all, ...old.slice(at)];
}

/** Where the first one stands whose id is greater. */
function firstBehind(sorted: readonly Vehicle[], id: string): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] as Vehicle).id <= id) from = middle + 1;
    else to = middle;
  }
  return from;
}
