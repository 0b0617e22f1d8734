/**
 * A table that is full already: the history of a fleet, made inside of the database.
 * Invariant: so many rows, of so many vehicles, one every `intervalS` of each, up to `endMs`; as they lie after years of
 * use: by chunk, vacuumed and analyzed.
 * Bound: some 200 bytes a row of the database's disk, for which the caller asks `requireDisk`.
 */
import { statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import postgres from 'postgres';
import { UsageError } from '../src/cli/command.ts';

export interface HistoryPlan {
  readonly url: string;
  readonly rows: number;
  readonly vehicles: number;
  /** Ids are this with the vehicle's number behind it. */
  readonly prefix: string;
  /** The time of the newest row of each vehicle. */
  readonly endMs: number;
}

const intervalS = 10;
const chunkS = 86_400;
const bytesPerRow = 200;
/** WAL, and what else is on the disk. */
const spareBytes = 4e9;

export async function fillHistory(plan: HistoryPlan): Promise<void> {
  const sql = postgres(plan.url, { max: 1, onnotice: () => undefined });
  try {
    for (const { fromS, toS } of daysOf(plan)) {
      await sql`
        insert into positions (time, received_at, latitude, longitude, speed, course, altitude, accuracy,
          satellites, vehicle_id)
        select to_timestamp(at), to_timestamp(at), 52.6 + vehicle * 1e-4 + at % 1000 * 1e-6,
          -8.6 - vehicle * 1e-4, 5, at % 360, 19.5, 3, 9, ${plan.prefix} || vehicle
        from generate_series(0, ${plan.vehicles - 1}::integer) as vehicle,
          generate_series(${fromS}::bigint, ${toS}::bigint, ${intervalS}::bigint) as at`;
    }
    await sql.unsafe('vacuum analyze positions');
    await sql.unsafe('checkpoint');
  } finally {
    await sql.end();
  }
}

export interface Stretch {
  readonly fromS: number;
  /** Included. */
  readonly toS: number;
}

/** The times of each vehicle, chunk by chunk. */
export function daysOf({
  rows,
  vehicles,
  endMs,
}: Omit<HistoryPlan, 'url' | 'prefix'>): readonly Stretch[] {
  const endS = Math.floor(endMs / 1_000);
  const firstS = endS - (Math.ceil(rows / vehicles) - 1) * intervalS;
  const stretches: Stretch[] = [];
  for (let fromS = firstS; fromS <= endS;) {
    const dayEndS = (Math.floor(fromS / chunkS) + 1) * chunkS;
    const steps = Math.floor((Math.min(dayEndS - 1, endS) - fromS) / intervalS);
    stretches.push({ fromS, toS: fromS + steps * intervalS });
    fromS += (steps + 1) * intervalS;
  }
  return stretches;
}

/** Throws where the disk has no room for so many rows; a server elsewhere has a disk of its own, that is not seen. */
export function requireDisk(rows: number): void {
  const { bavail, bsize } = statfsSync(homedir());
  const needed = rows * bytesPerRow + spareBytes;
  if (bavail * bsize >= needed) return;
  throw new UsageError(
    `${rows} rows take ${Math.ceil(needed / 1e9)} GB of disk: make --rows smaller`,
  );
}
