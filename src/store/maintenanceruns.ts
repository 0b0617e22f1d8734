/**
 * The `maintenance_runs` table: what retention has dropped, when, and how long it took.
 * Invariant: a row says what is gone for good; a task that dropped nothing has none.
 * Bound: the newest `maintenanceRunsMax` rows, some days of a busy engine.
 */
import type { ISql } from 'postgres';
import { limits } from '../limits.ts';

export interface MaintenanceRun {
  /** A table, or the aggregate. */
  readonly source: string;
  readonly unit: DroppedUnit;
  readonly dropped: number;
  readonly startedAtMs: number;
  readonly tookMs: number;
}

export type DroppedUnit = 'rows' | 'chunks';

export async function saveMaintenanceRun(
  sql: ISql,
  { source, unit, dropped, startedAtMs, tookMs }: MaintenanceRun,
  runsMax: number = limits.maintenanceRunsMax,
): Promise<void> {
  // The statement does not see the row that it adds.
  await sql`
    with added as (
      insert into maintenance_runs (source, unit, dropped, started_at, took_ms)
      values (
        ${source}, ${unit}, ${dropped}::double precision, ${new Date(startedAtMs)},
        ${tookMs}::double precision
      )
    )
    delete from maintenance_runs
    where id not in (select id from maintenance_runs order by id desc limit ${runsMax - 1})`;
}
