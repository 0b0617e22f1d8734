/** Fixes for the store's tests: plain ones by number, any by fast-check, and batches of them. */
import fc from 'fast-check';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Batch, Chunk } from '../../src/store/batch.ts';
import type { Database } from '../../src/store/database.ts';
import { appendRow, createRows } from '../../src/store/row.ts';
import { createWriter, type WriteResult } from '../../src/store/writer.ts';
import type { Fix } from '../../src/wire/types.ts';

/** A fix and whose it is, as a row has it. */
export interface Placed {
  readonly key: string;
  readonly fix: Fix;
  readonly receivedAtMs: number;
}

export const startMs = Date.UTC(2026, 2, 14, 9, 26, 53, 589);

/** The `index`th fix of a vehicle: one a second, each at another place. */
export function placed(key: string, index: number, change: Partial<Fix> = {}): Placed {
  const fix: Fix = {
    timeMs: startMs + index * 1_000,
    latE7: 526_000_000 + index,
    lonE7: -86_000_000 - index,
    speedCms: 1_250,
    courseCdeg: 27_000,
    altitudeDm: 123,
    accuracyDm: 35,
    satellites: 9,
    attributes: null,
    attributesMap: null,
    flags: 0,
    ...change,
  };
  return { key, fix, receivedAtMs: startMs + 60_000 };
}

/** `count` fixes of one vehicle. */
export function track(key: string, count: number, first = 0): readonly Placed[] {
  return Array.from({ length: count }, (_, index) => placed(key, first + index));
}

/** A batch with one chunk for each `rowsPerChunk` fixes. */
export function batchOf(fixes: readonly Placed[], rowsPerChunk = 100): Batch {
  const chunks: Chunk[] = [];
  for (let start = 0; start < fixes.length; start += rowsPerChunk) {
    const some = fixes.slice(start, start + rowsPerChunk);
    chunks.push({ rows: some.length, bytes: rowsOf(some) });
  }
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  return { lane: 'live', rows: fixes.length, bytes, chunks };
}

/** The tuples of the fixes. */
export function rowsOf(fixes: readonly Placed[]): Buffer {
  const rowBytesMax = 4_096;
  const rows = createRows(fixes.length * rowBytesMax);
  for (const { key, fix, receivedAtMs } of fixes) {
    appendRow(rows, Buffer.from(key), fix, receivedAtMs);
  }
  return Buffer.from(rows.bytes.subarray(0, rows.length));
}

const maybe = (min: number, max: number): fc.Arbitrary<number | null> =>
  fc.option(fc.integer({ min, max }));

/** Text as PostgreSQL can hold it in jsonb: no NUL. */
const text = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((value) => value.replaceAll('\0', ''));

const attributes = fc
  .option(
    fc.dictionary(
      text,
      fc.oneof(
        text,
        fc.boolean(),
        fc.constant(null),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
      ),
      { maxKeys: 4 },
    ),
  )
  .map((value) => (value === null ? null : JSON.stringify(value)));

/** Any fix that validation lets through. */
export const anyFix: fc.Arbitrary<Fix> = fc.record({
  timeMs: fc.integer({ min: 946_684_800_000, max: Date.UTC(2030, 0, 1) }),
  latE7: fc.integer({ min: -900_000_000, max: 900_000_000 }),
  lonE7: fc.integer({ min: -1_800_000_000, max: 1_800_000_000 }),
  speedCms: maybe(0, 100_000),
  courseCdeg: maybe(0, 36_000),
  altitudeDm: maybe(-10_000, 1_000_000),
  accuracyDm: maybe(0, 1_000_000),
  satellites: maybe(0, 255),
  attributes,
  attributesMap: fc.constant(null),
  flags: fc.integer({ min: 0, max: 7 }),
});

export const anyPlaced: fc.Arbitrary<Placed> = fc.record({
  key: fc.stringMatching(/^([a-z]{1,8}\/)?[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/),
  fix: anyFix,
  receivedAtMs: fc.integer({ min: 946_684_800_000, max: Date.UTC(2030, 0, 1) }),
});

/** Writes them as the engine does. */
export function storeFixes(database: Database, fixes: readonly Placed[]): Promise<WriteResult> {
  const metrics = createMetrics();
  const writer = createWriter({
    database,
    bounds: limits,
    metrics,
    clock: systemClock,
    random: Math.random,
  });
  return writer.write(batchOf(fixes));
}
