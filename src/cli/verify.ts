/**
 * Counts what the database holds against what was acknowledged.
 * Invariant: every row of every vehicle in the ledger, within its span, is looked at once.
 * Bound: the rows of one vehicle and one `windowMs` are held at a time.
 */
import type { Config } from '../config.ts';
import { defaultTenant, vehicleKey } from '../identity.ts';
import { withDatabase } from './database.ts';
import type { Ledger, StoredRow, Tally } from './ledger.ts';

const windowMs = 3_600_000;

export async function verifyStored(config: Config, ledger: Ledger): Promise<Tally> {
  return withDatabase(
    config,
    () => undefined,
    async ({ sql }) => {
      const total: Tally = { stored: 0, lost: 0, duplicates: 0 };
      for (const vehicle of ledger.vehicles) {
        const rows: StoredRow[] = [];
        const key = vehicleKey(defaultTenant, vehicle);
        const { firstMs, lastMs } = ledger.span(vehicle);
        for (let fromMs = firstMs; fromMs <= lastMs; fromMs += windowMs) {
          const toMs = Math.min(fromMs + windowMs, lastMs + 1);
          const found = await sql<{ time_ms: number; count: number }[]>`
            SELECT (extract(epoch FROM time) * 1000)::float8 AS time_ms, count(*)::int AS count
            FROM positions
            WHERE vehicle_id = ${key}
              AND time >= ${new Date(fromMs)} AND time < ${new Date(toMs)}
            GROUP BY time`;
          for (const row of found) rows.push({ timeMs: Math.round(row.time_ms), count: row.count });
        }
        const tally = ledger.compare(vehicle, rows);
        total.stored += tally.stored;
        total.lost += tally.lost;
        total.duplicates += tally.duplicates;
      }
      return total;
    },
  );
}
