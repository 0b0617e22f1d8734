/**
 * The way of a status, which is what a device says of its vehicle without a position: to the fold, and to the journal.
 * Invariant: what is folded is in the journal, in the order in which the folds have taken it, with the flags that say how.
 * Bound: one record each; nothing is taken while the journal is full.
 */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../errors.ts';
import type { Journal } from '../journal/journal.ts';
import type { Limits } from '../limits.ts';
import type { Vehicles } from '../live/vehicles.ts';
import type { Metrics } from '../metrics.ts';
import { encodeStatus, statusFlags, statusRecordKind } from '../store/status.ts';
import type { PlainMap } from '../wire/types.ts';
import { isOutdated } from './filter.ts';
import type { Folds } from './folds.ts';

export interface StatusesOptions {
  readonly journal: Pick<Journal, 'append' | 'isFull'>;
  readonly vehicles: Pick<Vehicles, 'open'>;
  readonly folds: Pick<Folds, 'status'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly bounds: Pick<Limits, 'futureToleranceMs' | 'liveAgeMaxMs' | 'filterOutdatedMs'>;
}

export interface Statuses {
  /** `attributes` is JSON; `position` is behind its record. */
  take(
    tenant: string,
    vehicle: string,
    timeMs: number,
    attributes: string,
  ): { readonly position: number } | { readonly refused: RefusalName };
}

export function createStatuses(options: StatusesOptions): Statuses {
  const { journal, vehicles, folds, clock, bounds } = options;
  const { counters } = options.metrics;

  function flagsOfTime(timeMs: number, nowMs: number): number {
    if (timeMs > nowMs + bounds.futureToleranceMs) return statusFlags.clockSkew;
    if (isOutdated(timeMs, nowMs, bounds)) return statusFlags.outdated;
    return timeMs < nowMs - bounds.liveAgeMaxMs ? statusFlags.late : 0;
  }

  return {
    take(tenant, id, timeMs, attributes) {
      if (journal.isFull) return { refused: 'journalFull' };
      const vehicle = vehicles.open(tenant, id);
      const receivedAtMs = clock.nowMs();
      const ofTime = flagsOfTime(timeMs, receivedAtMs);
      const heard = { timeMs, flags: ofTime, attributes: JSON.parse(attributes) as PlainMap };
      const flags = ofTime | folds.status(vehicle, heard);
      counters.statusesAccepted += 1;
      if ((flags & statusFlags.backfill) !== 0) counters.statusesLate += 1;
      const status = { key: vehicle.key, timeMs, flags, receivedAtMs, attributes };
      return { position: journal.append(statusRecordKind, 0, encodeStatus(status)) };
    },
  };
}
