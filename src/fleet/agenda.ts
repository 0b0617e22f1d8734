/**
 * What is due when: one timer for many things, each of which knows by its own state when it is due next.
 * Invariant: `act` is called once the time has come and not before, and not for what is due later by then, or never.
 * What `act` cannot do now it asks for again by `retry`.
 * Bound: one entry for each change of a time, until that time has passed; a clock that is set is seen within a minute.
 */
import type { Clock, Timer } from '../clock.ts';

export interface AgendaOptions<Item> {
  /** Unix ms; null for never. */
  readonly dueOf: (item: Item) => number | null;
  readonly act: (item: Item) => void;
  readonly retryMs: number;
  readonly clock: Clock;
}

export interface Agenda<Item> {
  /** The item is new, or its time has changed. */
  note(item: Item): void;
  /** Calls `act` again after `retryMs`, where the item is due then. */
  retry(item: Item): void;
  readonly size: number;
  stop(): void;
}

interface Entry<Item> {
  readonly dueMs: number;
  readonly item: Item;
}

const sleepMsMax = 60_000;

export function createAgenda<Item>(options: AgendaOptions<Item>): Agenda<Item> {
  const { dueOf, act, retryMs, clock } = options;
  /** A binary heap: no entry is due before its parent, which is at half its index. */
  const heap: Entry<Item>[] = [];
  /** When the item is looked at next. */
  const noted = new Map<Item, number>();
  let timer: Timer | null = null;
  let timerAtMs = Infinity;
  let isStopped = false;

  function add(item: Item, dueMs: number): void {
    noted.set(item, dueMs);
    push(heap, { dueMs, item });
    wake();
  }

  function wake(): void {
    const dueMs = heap[0]?.dueMs ?? Infinity;
    if (isStopped || dueMs === Infinity || dueMs >= timerAtMs) return;
    timer?.cancel();
    timerAtMs = dueMs;
    const delayMs = Math.max(0, dueMs - clock.nowMs());
    timer = clock.after(Math.min(delayMs, sleepMsMax), ring);
  }

  function ring(): void {
    timer = null;
    timerAtMs = Infinity;
    const nowMs = clock.nowMs();
    // What is noted meanwhile is for the next turn: one that is always due must not hold this one.
    const due: Entry<Item>[] = [];
    while ((heap[0]?.dueMs ?? Infinity) <= nowMs) due.push(pop(heap));
    for (const { item, dueMs } of due) {
      if (noted.get(item) !== dueMs) continue;
      noted.delete(item);
      const isDueMs = dueOf(item);
      if (isDueMs === null) continue;
      if (isDueMs > nowMs) add(item, isDueMs);
      else act(item);
    }
    wake();
  }

  return {
    note(item) {
      const dueMs = dueOf(item);
      if (dueMs === null) noted.delete(item);
      else if (noted.get(item) !== dueMs) add(item, dueMs);
    },
    retry(item) {
      add(item, clock.nowMs() + retryMs);
    },
    get size() {
      return noted.size;
    },
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}

function push<Item>(heap: Entry<Item>[], entry: Entry<Item>): void {
  heap.push(entry);
  for (let at = heap.length - 1; at > 0;) {
    const parent = (at - 1) >>> 1;
    if (!swapIfLater(heap, parent, at)) return;
    at = parent;
  }
}

function pop<Item>(heap: Entry<Item>[]): Entry<Item> {
  const [first] = heap;
  const last = heap.pop();
  if (first === undefined || last === undefined) throw new Error('agenda: nothing is due');
  if (heap.length === 0) return first;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = at * 2 + 1;
    const right = left + 1;
    const isRight = (heap[right]?.dueMs ?? Infinity) < (heap[left]?.dueMs ?? Infinity);
    const child = isRight ? right : left;
    if (!swapIfLater(heap, at, child)) return first;
    at = child;
  }
}

/** Exchanges both where the one that is to come first is due later. */
function swapIfLater<Item>(heap: Entry<Item>[], first: number, second: number): boolean {
  const one = heap[first];
  const other = heap[second];
  if (one === undefined || other === undefined || one.dueMs <= other.dueMs) return false;
  heap[first] = other;
  heap[second] = one;
  return true;
}
