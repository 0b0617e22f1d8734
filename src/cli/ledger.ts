/**
 * Which fixes were sent and acknowledged, by (vehicle, time), to be held against the database.
 * Invariant: a fix is entered once, when it is sent, before it can be acknowledged.
 * Bound: `fixesMax` entries; `isFull` tells when there is no room for more.
 */

/** Rows of one vehicle at one time. */
export interface StoredRow {
  readonly timeMs: number;
  readonly count: number;
}

export interface Tally {
  /** Acknowledged fixes that were found. */
  stored: number;
  /** Acknowledged fixes that were not. */
  lost: number;
  /** Rows that are more than one for a fix, or that nobody sent. */
  duplicates: number;
}

export interface Ledger {
  readonly sent: number;
  readonly acked: number;
  readonly isFull: boolean;
  readonly vehicles: Iterable<string>;
  send(vehicle: string, timeMs: number): void;
  ack(vehicle: string, timeMs: number): void;
  /** The first and last time of a vehicle's fixes, Unix ms. */
  span(vehicle: string): { readonly firstMs: number; readonly lastMs: number };
  /** Compares all rows of a vehicle within its span. */
  compare(vehicle: string, rows: readonly StoredRow[]): Tally;
}

/** A vehicle's fixes: their times, and whether they are acknowledged. */
type Entries = Map<number, boolean>;

export function createLedger(fixesMax: number): Ledger {
  const vehicles = new Map<string, Entries>();
  let sent = 0;
  let acked = 0;

  function entriesOf(vehicle: string): Entries {
    let entries = vehicles.get(vehicle);
    if (entries === undefined) vehicles.set(vehicle, (entries = new Map()));
    return entries;
  }

  return {
    get sent() {
      return sent;
    },
    get acked() {
      return acked;
    },
    get isFull() {
      return sent >= fixesMax;
    },
    get vehicles() {
      return vehicles.keys();
    },
    send(vehicle, timeMs) {
      const entries = entriesOf(vehicle);
      if (entries.has(timeMs)) throw new Error(`ledger: ${vehicle} is at two places at ${timeMs}`);
      entries.set(timeMs, false);
      sent++;
    },
    ack(vehicle, timeMs) {
      const entries = entriesOf(vehicle);
      const wasAcked = entries.get(timeMs);
      if (wasAcked === undefined) throw new Error(`ledger: ${vehicle} at ${timeMs} was never sent`);
      if (!wasAcked) acked++;
      entries.set(timeMs, true);
    },
    span(vehicle) {
      let firstMs = Infinity;
      let lastMs = -Infinity;
      for (const timeMs of entriesOf(vehicle).keys()) {
        firstMs = Math.min(firstMs, timeMs);
        lastMs = Math.max(lastMs, timeMs);
      }
      return { firstMs, lastMs };
    },
    compare(vehicle, rows) {
      const entries = entriesOf(vehicle);
      const tally: Tally = { stored: 0, lost: 0, duplicates: 0 };
      for (const { timeMs, count } of rows) {
        const wasAcked = entries.get(timeMs);
        tally.duplicates += wasAcked === undefined ? count : count - 1;
        if (wasAcked === true) tally.stored++;
      }
      for (const wasAcked of entries.values()) if (wasAcked) tally.lost++;
      tally.lost -= tally.stored;
      return tally;
    },
  };
}
