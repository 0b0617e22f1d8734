/**
 * Rounds of maintenance on a test's database, and days of positions for them to work on.
 * Invariant: the clock of a round stands at `startMs`, the time of the newest fix.
 */
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { keepForEver, type RetentionAges } from '../../src/retention.ts';
import {
  createMaintenance,
  type Maintenance,
  type MaintenanceOptions,
} from '../../src/store/maintenance.ts';
import type { Connected } from '../../src/store/native.ts';
import { openPool, type Pool } from '../../src/store/pool.ts';
import { dropChunks } from '../../src/store/timescale.ts';
import type { TestDatabase } from '../support/database.ts';
import { storeFixes, placed, startMs } from './fixes.ts';

export const dayMs = 86_400_000;

/** Only the positions, that long. */
export const keep = (positionsMs: number): RetentionAges => ({ ...keepForEver, positionsMs });

type Settings = Partial<
  Pick<MaintenanceOptions, 'retention' | 'compressAfterMs' | 'clock' | 'bounds'>
>;

export interface Rounds {
  readonly maintenance: Maintenance;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly notices: string[];
}

export interface Upkeep {
  /** Of positions and their aggregate. */
  empty(): Promise<void>;
  /** Fixes of one vehicle, one a day, the newest at `startMs`. */
  storeDays(days: number): Promise<void>;
  daysLeft(): Promise<number>;
  /** A connection of its own to the same database. */
  openSession(): Pool;
  make(settings?: Settings, database?: Pick<Connected, 'kind' | 'openSession'>): Rounds;
  runOnce(settings: Settings): Promise<Rounds>;
}

export function createUpkeep(test: TestDatabase): Upkeep {
  const { sql, kind, edition } = test.database;

  function openSession(): Pool {
    const { options } = sql as unknown as { options: { path?: string } };
    return openPool({
      target: test.url === null ? { path: options.path ?? '' } : { url: test.url },
      max: 1,
      connectTimeoutMs: limits.databaseConnectTimeoutMs,
      onNotice: () => undefined,
    });
  }

  function make(settings: Settings = {}, database = { kind, openSession }): Rounds {
    const metrics = createMetrics();
    const notices: string[] = [];
    const maintenance = createMaintenance({
      database,
      edition,
      bounds: limits,
      clock: { ...systemClock, nowMs: () => startMs },
      metrics,
      onNotice: (text) => notices.push(text),
      retention: keepForEver,
      compressAfterMs: 0,
      ...settings,
    });
    return { maintenance, metrics, notices };
  }

  return {
    openSession,
    make,
    async empty() {
      // Not prepared: TimescaleDB changes the statement that it runs, and would not know it the second time.
      await sql.unsafe('drop materialized view if exists positions_hourly');
      await dropChunks(sql, startMs + 1_000 * dayMs);
    },
    async storeDays(days) {
      const fixes = Array.from({ length: days }, (_, age) =>
        placed('veh-1', 0, { timeMs: startMs - age * dayMs }),
      );
      await storeFixes(test.database, fixes);
    },
    async daysLeft() {
      const [row] = await sql<{ days: number }[]>`
        select count(*)::integer as days from positions`;
      return row?.days ?? 0;
    },
    async runOnce(settings) {
      const rounds = make(settings);
      await rounds.maintenance.run();
      await rounds.maintenance.stop();
      return rounds;
    },
  };
}
