/**
 * What records of positions and statuses say of their vehicles, put back at the start: where they were last, and their
 * folds.
 * Invariant: a fold takes its fixes and statuses in the order in which it took them the first time. A frame with rows of
 * both lanes is two records, and these go together by time.
 * Bound: the rows of two records in memory.
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
  /** The rows of the live lane of a frame, whose others follow. */
  let waiting: readonly DecodedRow[] = [];

  function flush(others: readonly DecodedRow[]): void {
    for (const row of waiting.length > 0 ? inOrder([...waiting, ...others]) : others) {
      const { tenant, id } = parseVehicleKey(row.vehicleKey);
      folds.replay(vehicles.open(tenant, id), row.fix);
    }
    waiting = [];
  }

  function restored(payload: Buffer): readonly DecodedRow[] {
    const rows = rowsOf(payload);
    for (const { vehicleKey, fix, receivedAtMs } of rows) {
      vehicles.restore(vehicleKey, fix, receivedAtMs, 'journal');
    }
    return rows;
  }

  return {
    take({ kind, payload }) {
      if (kind === recordKinds.backfill) return flush(rowsOf(payload));
      // Of a frame whose second record a crash has cut off, there is one.
      flush([]);
      if (kind === recordKinds.live) {
        flush(restored(payload));
      } else if (kind === recordKinds.liveOfBoth) {
        waiting = restored(payload);
      } else if (kind === recordKinds.status) {
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
