/** What journal and database hold of one vehicle, for foldworld.ts: maps in place of files and tables. */
import type { FoldStore } from '../../src/fleet/foldsaver.ts';
import type { PastStore } from '../../src/fleet/recompute.ts';
import { hasSignals } from '../../src/fleet/signals.ts';
import { recordKinds, type PipelineOptions } from '../../src/ingest/pipeline.ts';
import type { JournalRecord } from '../../src/journal/journal.ts';
import type { NewEvent } from '../../src/live/event.ts';
import { decodeRow } from '../../src/store/row.ts';
import type { Past } from '../../src/store/refolds.ts';
import {
  decodeStatus,
  heardOf,
  neverFoldedStatus,
  statusFlags,
  type StoredStatus,
} from '../../src/store/status.ts';
import type { StoredVehicleEvent } from '../../src/store/vehicleevents.ts';
import type { KnownVehicle } from '../../src/store/vehicles.ts';
import { fixFlags, type Fix, type PlainMap } from '../../src/wire/types.ts';

type Ask = <Answer>(answer: () => Answer) => Promise<Answer>;

export interface Disk {
  readonly journal: PipelineOptions['journal'];
  readonly rows: ReadonlyMap<number, Fix>;
  readonly statuses: ReadonlyMap<number, StoredStatus>;
  readonly events: ReadonlyMap<string, StoredVehicleEvent>;
  /** The newest state of each trip. */
  readonly trips: ReadonlyMap<string, PlainMap>;
  readonly states: ReadonlyMap<number, Uint8Array>;
  readonly known: KnownVehicle | null;
  readonly dirtySinceMs: number | null;
  readonly stored: number;
  /** Records that have to be read at a start. */
  uncommitted(): readonly JournalRecord[];
  commit(position: number): void;
  /** Puts the rows of the journal into the table. */
  drain(): void;
  /** Drops the rows from before. */
  forget(beforeMs: number): void;
  /** False for a repeat. */
  announce(topic: string, event: NewEvent): boolean;
  storeOf(ask: Ask): PastStore & FoldStore;
  /** From when on it was looked for late fixes. */
  readonly lateLooksMs: readonly number[];
  /** The ids of all that was announced, in order, and of the last of each topic. */
  readonly announced: readonly string[];
  readonly lastIds: ReadonlyMap<string, string>;
  newId(): string;
  isAway: boolean;
  isFull: () => boolean;
}

const neverFolded = fixFlags.clockSkew | fixFlags.outdated;

const isFolded = (past: Past): boolean => 'status' in past && hasSignals(past.status.attributes);

export function createDisk(vehicle: string, rowsMax: number): Disk {
  const records: JournalRecord[] = [];
  const rows = new Map<number, Fix>();
  const statuses = new Map<number, StoredStatus>();
  const events = new Map<string, StoredVehicleEvent>();
  const trips = new Map<string, PlainMap>();
  const told = new Set<string>();
  const announced: string[] = [];
  const lastIds = new Map<string, string>();
  const states = new Map<number, Uint8Array>();
  const lateLooksMs: number[] = [];
  let known: KnownVehicle | null = null;
  let dirtySinceMs: number | null = null;
  let committed = 0;
  let stored = 0;
  let ids = 0;

  function append(kind: number, count: number, payload: Uint8Array): number {
    const [start, end] = [records.length, records.length + 1];
    records.push({ kind, rows: count, payload: Buffer.from(payload), start, end });
    return end;
  }

  const journal = {
    append,
    // Each record is durable at once, and grows no more.
    gather: append,
    get end() {
      return records.length;
    },
    get durable() {
      return records.length;
    },
    committed: 0,
    isFull: false,
    isNearlyFull: false,
  } as unknown as PipelineOptions['journal'];

  function drain(): void {
    for (const { kind, payload } of records.slice(stored)) {
      if (kind === recordKinds.event) continue;
      if (kind === recordKinds.status) {
        const status = decodeStatus(payload);
        if (!statuses.has(status.timeMs)) statuses.set(status.timeMs, status);
        continue;
      }
      for (let at = 0; at < payload.length;) {
        const row = decodeRow(payload, at);
        if (!rows.has(row.fix.timeMs)) rows.set(row.fix.timeMs, row.fix);
        at = row.end;
      }
    }
    stored = records.length;
  }

  function inOrder(afterMs: number, untilMs: number): Fix[] {
    return [...rows.values()]
      .filter(({ timeMs, flags }) => {
        return timeMs > afterMs && timeMs <= untilMs && (flags & neverFolded) === 0;
      })
      .toSorted((one, other) => one.timeMs - other.timeMs);
  }

  function statusesIn(afterMs: number, untilMs: number): StoredStatus[] {
    return [...statuses.values()]
      .filter(({ timeMs, flags }) => {
        return timeMs > afterMs && timeMs <= untilMs && (flags & neverFoldedStatus) === 0;
      })
      .toSorted((one, other) => one.timeMs - other.timeMs);
  }

  function saveEvents(some: readonly StoredVehicleEvent[]): void {
    for (const event of some) {
      events.set(`${event.timeMs} ${event.kind} ${event.subject}`, event);
    }
  }

  const storeOf = (ask: Ask): PastStore & FoldStore => ({
    saveEvents: (some) => ask(() => saveEvents(some)),
    saveStates: (some) => ask(() => some.forEach(({ timeMs, state }) => states.set(timeMs, state))),
    saveDirty: (some) =>
      ask(() => {
        for (const { sinceMs } of some) dirtySinceMs = Math.min(dirtySinceMs ?? sinceMs, sinceMs);
      }),
    saveVehicles: ([one]) => ask(() => void (known = one ?? known)),
    lateRange: (_key, sinceMs) =>
      ask(() => {
        lateLooksMs.push(sinceMs);
        const late = inOrder(sinceMs - 1, Infinity).filter(({ flags }) => {
          return (flags & fixFlags.backfill) !== 0;
        });
        const told = statusesIn(sinceMs - 1, Infinity).filter(({ flags }) => {
          return (flags & statusFlags.backfill) !== 0;
        });
        const times = [late, told].map((some) => some.map(({ timeMs }) => timeMs));
        const firstMs = Math.min(...times.flat());
        const [lastMs = firstMs, lastStatusMs = firstMs] = times.map((some) => some.at(-1));
        return firstMs === Infinity ? null : { firstMs, lastMs, lastStatusMs };
      }),
    statesBefore: (key, beforeMs) =>
      ask(() =>
        [...states]
          .filter(([timeMs]) => timeMs < beforeMs)
          .toSorted(([one], [other]) => other - one)
          .slice(0, 2)
          .map(([timeMs, state]) => ({ key, timeMs, state })),
      ),
    past: ({ afterMs, untilMs, statusUntilMs }, count) =>
      ask(() => {
        const told = statusesIn(afterMs, statusUntilMs).map((status): Past => {
          return { timeMs: status.timeMs, status: heardOf(status) };
        });
        const fixes = inOrder(afterMs, untilMs).map((fix): Past => {
          return { timeMs: fix.timeMs, fix: structuredClone(fix) };
        });
        return [...told.filter(isFolded), ...fixes]
          .toSorted((one, other) => one.timeMs - other.timeMs)
          .slice(0, count);
      }),
    firstFix: (_key, sinceMs) => ask(() => inOrder(sinceMs - 1, Infinity)[0]?.timeMs ?? null),
    trips: (_vehicle, afterMs) =>
      ask(() =>
        [...trips]
          .map(([id, state]) => ({ id, state, toldMs: Number(state['toldMs']) }))
          .filter(({ toldMs }) => toldMs > afterMs),
      ),
    saveFlags: (_key, some) =>
      ask(() => {
        if (some.length > rowsMax) throw new Error(`${some.length} rows in one statement`);
        for (const { timeMs, flags } of some) rows.set(timeMs, { ...rows.get(timeMs)!, flags });
      }),
    saveRefold: (refold) =>
      ask(() => {
        const untilMs = refold.untilMs ?? Infinity;
        const isReplaced = (ms: number | null): boolean =>
          ms !== null && ms > refold.afterMs && ms <= untilMs;
        for (const [id, { toldMs }] of events) if (isReplaced(toldMs)) events.delete(id);
        for (const timeMs of states.keys()) if (isReplaced(timeMs)) states.delete(timeMs);
        saveEvents(refold.events);
        for (const { timeMs, state } of refold.states) states.set(timeMs, state);
        for (const id of refold.removedTrips) trips.delete(id);
        if (refold.state !== null && known !== null) known = { ...known, state: refold.state };
        dirtySinceMs = refold.dirtySinceMs;
      }),
    saveClean: (_key, sinceMs) => ask(() => void (dirtySinceMs = sinceMs)),
  });

  return {
    journal,
    rows,
    statuses,
    events,
    trips,
    states,
    lateLooksMs,
    announced,
    lastIds,
    get known() {
      return known;
    },
    get dirtySinceMs() {
      return dirtySinceMs;
    },
    get stored() {
      return stored;
    },
    uncommitted: () => records.slice(committed),
    commit(position) {
      committed = Math.max(committed, position);
    },
    drain,
    forget(beforeMs) {
      for (const timeMs of rows.keys()) if (timeMs < beforeMs) rows.delete(timeMs);
    },
    announce(topic, { id, data, subject }) {
      if (subject !== vehicle) throw new Error(`${topic} is about ${subject}`);
      if (told.has(`${topic} ${id}`)) return false;
      told.add(`${topic} ${id}`);
      announced.push(id);
      lastIds.set(`default/${topic}`, id);
      const state = data as PlainMap;
      if (typeof state['startMs'] === 'number') {
        trips.set(topic.slice('trip:'.length), JSON.parse(JSON.stringify(state)) as PlainMap);
      }
      return true;
    },
    storeOf,
    newId: () => `id-${++ids}`,
    isAway: false,
    isFull: () => false,
  };
}
