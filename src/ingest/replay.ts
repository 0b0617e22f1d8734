/**
 * What records of positions and statuses say of their vehicles, put back at the start: where they were last, and their
 * folds.
 * Invariant: a fold takes its fixes and statuses in the order in which it took them the first time. The rows of a frame are in two
 * records, one for each lane, and go together by time.
 * Bound: the rows of one frame in memory.
 */
import type { Folds } from '../fleet/folds.ts';
import { parseVehicleKey } from '../identity.ts';
import type { JournalRecord } from '../journal/journal.ts';
import type { Vehicles } from '../live/vehicles.ts';
import { decodeRow, type DecodedRow } from '../store/row.ts';
import { decodeStatus, heardOf } from '../store/status.ts';
import { recordKinds } from './pipeline.ts';

export interface Replay {
  /** For the journal's `visit`; records of other kinds are ignored. */
  take(record: JournalRecord): void;
  /** There are no more. */
  end(): void;
}

export interface ReplayOptions {
  readonly vehicles: Pick<Vehicles, 'restore' | 'open'>;
  readonly folds: Pick<Folds, 'replay' | 'replayStatus'>;
}

export function createReplay({ vehicles, folds }: ReplayOptions): Replay {
  /** Of the live lane: those of the other lane may follow. */
  let waiting: readonly DecodedRow[] = [];

  function flush(others: readonly DecodedRow[]): void {
    const [first] = waiting;
    const isSame = others.length > 0 && others[0]?.vehicleKey === first?.vehicleKey;
    for (const row of isSame ? inOrder([...waiting, ...others]) : [...waiting, ...others]) {
      const { tenant, id } = parseVehicleKey(row.vehicleKey);
      folds.replay(vehicles.open(tenant, id), row.fix);
    }
    waiting = [];
  }

  return {
    take({ kind, payload }) {
      if (kind === recordKinds.live) {
        flush([]);
        waiting = rowsOf(payload);
        for (const { vehicleKey, fix, receivedAtMs } of waiting) {
          vehicles.restore(vehicleKey, fix, receivedAtMs, 'journal');
        }
      } else if (kind === recordKinds.backfill) {
        flush(rowsOf(payload));
      } else if (kind === recordKinds.status) {
        flush([]);
        const status = decodeStatus(payload);
        const { tenant, id } = parseVehicleKey(status.key);
        folds.replayStatus(vehicles.open(tenant, id), heardOf(status));
      }
    },
    end: () => flush([]),
  };
}

function rowsOf(payload: Buffer): readonly DecodedRow[] {
  const rows: DecodedRow[] = [];
  for (let at = 0; at < payload.length;) {
    const row = decodeRow(payload, at);
    rows.push(row);
    at = row.end;
  }
  return rows;
}

function inOrder(rows: readonly DecodedRow[]): readonly DecodedRow[] {
  return rows.toSorted((one, other) => one.fix.timeMs - other.fix.timeMs);
}
