/** Statuses through the writer: each is stored once, the first of its time, or set aside. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { decodeStatus, encodeStatus, type StoredStatus } from '../../src/store/status.ts';
import { createWriter, type Writer } from '../../src/store/writer.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';

let test: TestDatabase;
let metrics: Metrics;
let writer: Writer;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate statuses, dead_letters`;
  metrics = createMetrics();
  writer = createWriter({
    database: test.database,
    bounds: { ...limits, eventsPageRowsMax: 4 },
    metrics,
    clock: systemClock,
    random: Math.random,
  });
});

afterAll(() => test.cleanup());

const status = (timeMs: number, attributes = `{"n": ${timeMs}}`): StoredStatus => {
  return { key: 'acme/bus-1', timeMs, flags: 2, receivedAtMs: 99, attributes };
};
/** The database has no NUL in its JSON. */
const poison = (timeMs: number): StoredStatus => status(timeMs, String.raw`{"a":"\u0000"}`);

async function stored(): Promise<string[]> {
  const rows = await test.database.sql<{ attributes: string }[]>`
    select attributes::text as attributes from statuses order by time`;
  return rows.map(({ attributes }) => attributes);
}

describe('statuses', () => {
  it('are stored, of one time the first', async () => {
    const all = [status(1), status(1, '{"n": 0}'), status(2)];
    await writer.writeStatuses(all);
    await writer.writeStatuses([...all, status(3)]);
    await writer.writeStatuses([]);
    expect(await stored()).toEqual(['{"n": 1}', '{"n": 2}', '{"n": 3}']);
    expect(metrics.counters).toMatchObject({ statusesStored: 3, statusesRepeated: 4 });
  });

  it('that the database refuses are set aside, and their neighbours stored', async () => {
    const some = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((timeMs) => status(timeMs));
    const all = some.with(2, poison(3)).with(7, poison(8));
    await writer.writeStatuses(all);
    await writer.writeStatuses(all);
    expect(await stored()).toHaveLength(7);
    const letters = await test.database.sql<{ kind: string; row: Uint8Array }[]>`
      select kind, row from dead_letters order by id`;
    const read = letters.map(({ kind, row }) => [kind, JSON.parse(Buffer.from(row).toString())]);
    expect(read).toEqual([
      ['status', poison(3)],
      ['status', poison(8)],
    ]);
    expect(metrics.counters).toMatchObject({ statusesStored: 7, statusesDead: 4 });
  });
});

describe('a status in the journal', () => {
  it('is read as it was written, with elements of a later version behind it', () => {
    const bytes = Buffer.from(encodeStatus(status(7)));
    expect(decodeStatus(bytes)).toEqual(status(7));
    const longer = Buffer.concat([Buffer.of(0x97), bytes.subarray(1), Buffer.of(1)]);
    expect(decodeStatus(longer)).toEqual(status(7));
  });

  it.each<[string, number[]]>([
    ['is no array', [0xc0]],
    ['has format 2, not 1', [0x91, 2]],
    ['has elements of other types', [0x92, 1, 7]],
    ['is notMessagePack', [0x92, 1]],
  ])('that %s is refused', (why, bytes) => {
    expect(() => decodeStatus(Buffer.from(bytes))).toThrow(`a status of the journal ${why}`);
  });
});
