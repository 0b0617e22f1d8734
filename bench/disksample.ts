/**
 * What a row takes on the database's disk, raw and compressed: a day of a few vehicles that drive about a country, by the
 * engine's own COPY into an embedded TimescaleDB, which can compress, whichever edition the fleet's own database is.
 * Invariant: rows come in the order in which a fleet sends them, and lie as many to a vehicle and chunk as in a day, for
 * that is what compression lives on; indexes are counted.
 * Bound: `rowsMax` rows, some seconds.
 */
import { emptyFix } from '../src/live/vehicles.ts';
import { limits, rowBytesMax } from '../src/limits.ts';
import { appendRow, clearRows, createRows } from '../src/store/row.ts';
import { compressChunks } from '../src/store/timescale.ts';
import type { ISql } from 'postgres';
import { openTestDatabase } from '../test/support/database.ts';
import { createTraffic } from './traffic.ts';

export interface DiskSample {
  readonly rowBytes: number;
  readonly compressedRowBytes: number;
}

const daySeconds = 86_400;
const rowsMax = 100_000;
/** Of fewer, the rows of one lie so near each other that its part of the index is packed as no fleet's is. */
const vehiclesMin = 100;
const vehiclesMax = 500;
const rowsPerBatch = 1_000;
const seed = 7;
const farFutureMs = Date.UTC(2100, 0, 1);

export async function sampleDisk(intervalS: number): Promise<DiskSample> {
  const rounds = Math.min(Math.floor(daySeconds / intervalS), Math.floor(rowsMax / vehiclesMin));
  const vehicles = Math.min(vehiclesMax, Math.floor(rowsMax / rounds));
  const { database, cleanup } = await openTestDatabase({ url: null });
  try {
    const emptyBytes = await tableBytes(database.sql);
    const rows = createRows(rowsPerBatch * rowBytesMax(limits));
    const copyAll = async (): Promise<void> => {
      await database.copy.copy([Buffer.from(rows.bytes.subarray(0, rows.length))]);
      clearRows(rows);
    };
    for (const { key, fix, receivedAtMs } of drives(vehicles, rounds, intervalS)) {
      appendRow(rows, key, fix, receivedAtMs);
      if (rows.count === rowsPerBatch) await copyAll();
    }
    if (rows.count > 0) await copyAll();
    const count = vehicles * rounds;
    const rawBytes = await tableBytes(database.sql);
    await compressChunks(database.sql, farFutureMs, limits.maintenanceChunksMax);
    const compressedBytes = await tableBytes(database.sql);
    return {
      rowBytes: (rawBytes - emptyBytes) / count,
      compressedRowBytes: (compressedBytes - emptyBytes) / count,
    };
  } finally {
    await cleanup();
  }
}

function* drives(vehicles: number, rounds: number, intervalS: number) {
  const traffic = createTraffic({ vehicles, seed, intervalsS: [intervalS] });
  const fix = emptyFix(0);
  const keys = Array.from({ length: vehicles }, (_, vehicle) => Buffer.from(`sample-${vehicle}`));
  for (let round = 0; round < rounds; round++) {
    for (const [vehicle, key] of keys.entries()) {
      traffic.move(vehicle, traffic.isDue(vehicle), fix);
      yield { key, fix, receivedAtMs: fix.timeMs + 80 + ((vehicle * 37 + round * 11) % 200) };
    }
  }
}

/** Of all chunks, with their indexes. */
export async function tableBytes(sql: ISql): Promise<number> {
  const [row] = await sql<{ bytes: string | null }[]>`select hypertable_size('positions') as bytes`;
  return Number(row?.bytes ?? 0);
}
