/**
 * Rounds of retention on a test's database, at a time that stands still.
 * Invariant: each answers what it dropped of which table.
 */
import type { ISql } from 'postgres';
import { keepForEver, type RetentionAges } from '../../src/retention.ts';
import { createSweeps } from '../../src/store/retention.ts';

export const nowMs = Date.UTC(2030, 0, 1);
export const ageMs = 10 * 86_400_000;

const everything: RetentionAges = {
  positionsMs: ageMs,
  aggregatesMs: ageMs,
  eventsMs: ageMs,
  vehicleEventsMs: ageMs,
  vehicleStatesMs: ageMs,
  statusesMs: ageMs,
  sessionsMs: ageMs,
};

interface Sweeping {
  readonly ages?: Partial<RetentionAges>;
  readonly pageRows?: number;
  readonly roundRows?: number;
  readonly isStopped?: () => boolean;
}

/** Rounds that follow each other. */
export type Sweeper = (sweeping?: Sweeping) => () => Promise<Record<string, number>>;

export function createSweeper(sql: ISql): Sweeper {
  return (sweeping = {}) => {
    const { ages = everything, pageRows = 3, roundRows = 1_000 } = sweeping;
    const { isStopped = () => false } = sweeping;
    const sweeps = createSweeps(
      { ...keepForEver, ...ages },
      { retentionPageRowsMax: pageRows, retentionRoundRowsMax: roundRows },
    );
    return async () => {
      const dropped: Record<string, number> = {};
      for (const { table, run } of sweeps) {
        const onDropped = (count: number): void => {
          dropped[table] = (dropped[table] ?? 0) + count;
        };
        await run({ sql, nowMs, onDropped, isStopped });
      }
      return dropped;
    };
  };
}
