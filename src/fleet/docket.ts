/**
 * The cases of one kind that are in memory: trips, emergencies, notifications or commands, by their topics.
 * Invariant: what is open is here, since it was opened or since the start; what was closed last is here too, so that
 * whoever opens it again is told. A state that is older than the one that is here changes nothing.
 * Bound: `openMax` open ones (what a start brings back comes on top) and `closedMax` closed ones.
 */
import type { Plain } from '../wire/types.ts';
import type { CaseState, Machine } from './machine.ts';

/** Where a case is: its id is one of its topic. */
export interface Place {
  readonly tenant: string;
  /** Its text, without the tenant. */
  readonly topic: string;
  readonly id: string;
}

export interface Case<State> extends Place {
  /** The last that is durable; null before the first. */
  readonly state: State | null;
}

export interface Docket<State> {
  find(place: Place): Case<State> | null;
  /** A case without a state; null where there are too many. It is dropped where it gets none. */
  begin(place: Place): Case<State> | null;
  apply(one: Case<State>, state: State): void;
  drop(one: Case<State>): void;
  /** What an earlier run has left in an event of the topic; anything else is ignored. */
  restore(tenant: string, topic: string, data: Plain): void;
  /** The same where that is closed: a closing is known to be the last there is. */
  recall(tenant: string, topic: string, data: Plain): void;
  /** The cases of the topic, in the order in which they began. */
  inTopic(tenant: string, topic: string): Iterable<Case<State>>;
  all(): Iterable<Case<State>>;
  /** Cases that are not closed. */
  readonly size: number;
}

interface Entry<State> extends Case<State> {
  state: State | null;
}

export interface DocketBounds {
  readonly openMax: number;
  readonly closedMax: number;
}

export function createDocket<State extends CaseState>(
  machine: Pick<Machine<State, never>, 'isOpen' | 'read'>,
  bounds: DocketBounds,
): Docket<State> {
  const topics = new Map<string, Map<string, Entry<State>>>();
  /** The oldest first. */
  const closed = new Set<Entry<State>>();
  let total = 0;

  function find({ tenant, topic, id }: Place): Entry<State> | null {
    return topics.get(keyOf(tenant, topic))?.get(id) ?? null;
  }

  function add({ tenant, topic, id }: Place): Entry<State> {
    return attach({ tenant, topic, id, state: null });
  }

  function attach(entry: Entry<State>): Entry<State> {
    const key = keyOf(entry.tenant, entry.topic);
    const cases = topics.get(key) ?? new Map<string, Entry<State>>();
    topics.set(key, cases);
    if (!cases.has(entry.id)) total += 1;
    cases.set(entry.id, entry);
    return entry;
  }

  function drop({ tenant, topic, id }: Place): void {
    const key = keyOf(tenant, topic);
    const cases = topics.get(key);
    const entry = cases?.get(id);
    if (cases === undefined || entry === undefined) return;
    cases.delete(id);
    if (cases.size === 0) topics.delete(key);
    closed.delete(entry);
    total -= 1;
  }

  function apply(one: Case<State>, state: State): void {
    // A closed one may have had to give way while the totals of it were on their way.
    const entry = find(one) ?? attach(one);
    entry.state = state;
    if (machine.isOpen(state)) return;
    closed.add(entry);
    for (const oldest of closed) {
      if (closed.size <= bounds.closedMax) return;
      drop(oldest);
    }
  }

  function restore(tenant: string, topic: string, data: Plain, isClosedOnly = false): void {
    const state = machine.read(data);
    if (state === null || (isClosedOnly && machine.isOpen(state))) return;
    const place = { tenant, topic, id: state.id };
    const entry = find(place) ?? add(place);
    if (state.revision > (entry.state?.revision ?? 0)) apply(entry, state);
  }

  return {
    find,
    begin: (place) => (total - closed.size < bounds.openMax ? add(place) : null),
    apply,
    drop,
    restore: (tenant, topic, data) => restore(tenant, topic, data),
    recall: (tenant, topic, data) => restore(tenant, topic, data, true),
    inTopic: (tenant, topic) => [...(topics.get(keyOf(tenant, topic))?.values() ?? [])],
    *all() {
      for (const cases of topics.values()) yield* cases.values();
    },
    get size() {
      return total - closed.size;
    },
  };
}

function keyOf(tenant: string, topic: string): string {
  return `${tenant}/${topic}`;
}
