import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { decodeRow, postgresEpochMs } from '../../src/store/row.ts';
import { createWriter, type Writer } from '../../src/store/writer.ts';
import { openTestDatabase, type TestDatabase } from '../support/database.ts';
import { batchOf, placed, rowsOf, track, type Placed } from './fixes.ts';

let test: TestDatabase;
let metrics: Metrics;
let writer: Writer;

beforeAll(async () => {
  test = await openTestDatabase();
});

beforeEach(async () => {
  await test.database.sql`truncate positions, dead_letters`;
  metrics = createMetrics();
  writer = createWriter({
    database: test.database,
    bounds: limits,
    metrics,
    clock: systemClock,
    random: Math.random,
  });
});

afterAll(async () => {
  await test.cleanup();
});

const write = (fixes: readonly Placed[]) => writer.write(batchOf(fixes));

async function stored(): Promise<string[]> {
  const rows = await test.database.sql<{ at: string }[]>`
    select vehicle_id || ' ' || (extract(epoch from time) * 1000)::bigint as at
    from positions
    order by vehicle_id, time`;
  return rows.map(({ at }) => at);
}

const nameOf = ({ key, fix }: Placed): string => `${key} ${fix.timeMs}`;
const namesOf = (fixes: readonly Placed[]): string[] => fixes.map(nameOf).toSorted();

interface Letter {
  readonly vehicle_id: string | null;
  readonly time: Date | null;
  readonly sqlstate: string;
  readonly reason: string;
  readonly row: Buffer;
}

const letters = () => test.database.sql<Letter[]>`
  select vehicle_id, time, sqlstate, reason, row from dead_letters order by vehicle_id, time`;

describe('a poison row', () => {
  /** JSON that PostgreSQL cannot hold as jsonb. */
  const poison = { attributes: String.raw`{"note":"\u0000"}` };

  it.each([
    ['first', [0]],
    ['in the middle', [7]],
    ['last', [15]],
    ['in two places', [3, 12]],
    ['everywhere', Array.from({ length: 16 }, (_, index) => index)],
  ])('%s is set aside alone', async (_name, positions) => {
    const fixes = track('veh-1', 16).map((each, index) =>
      positions.includes(index) ? placed('veh-1', index, poison) : each,
    );
    const dead = fixes.filter((_each, index) => positions.includes(index));
    const live = fixes.filter((_each, index) => !positions.includes(index));
    expect(await write(fixes)).toEqual({
      stored: live.length,
      duplicates: 0,
      conflicting: 0,
      dead: dead.length,
    });
    expect(await stored()).toEqual(namesOf(live));
    const found = await letters();
    expect(found.map(({ row }) => row)).toEqual(dead.map((each) => rowsOf([each])));
    expect(found.map(({ time }) => time)).toEqual(dead.map(({ fix }) => new Date(fix.timeMs)));
    expect(metrics.counters).toMatchObject({ rowsDead: dead.length, batchesBisected: 1 });
  });

  it('is set aside with its reason and its bytes', async () => {
    const row = placed('acme/veh-1', 3, poison);
    await write([row]);
    const [letter] = await letters();
    expect(letter).toMatchObject({ vehicle_id: 'acme/veh-1', sqlstate: '22P05' });
    expect(letter?.reason).toMatch(/unicode/i);
    expect(decodeRow(letter!.row, 0).fix).toEqual(row.fix);
  });

  it('among duplicates is set aside, the new ones are stored', async () => {
    await write(track('veh-1', 8));
    const fixes = [
      ...track('veh-1', 16),
      placed('veh-1', 20, poison),
      placed('veh-1', 0, { latE7: 5 }),
    ];
    expect(await write(fixes)).toEqual({ stored: 8, duplicates: 9, conflicting: 1, dead: 1 });
    expect(await stored()).toEqual(namesOf(track('veh-1', 16)));
    expect(metrics.counters).toMatchObject({ batchesMerged: 1, batchesBisected: 1 });
  });

  it('that comes again is set aside once', async () => {
    const fixes = [placed('veh-1', 0, poison), placed('veh-1', 1)];
    await write(fixes);
    expect(await write(fixes)).toMatchObject({ stored: 0, duplicates: 1, dead: 1 });
    expect(await letters()).toHaveLength(1);
  });

  it('whose vehicle or time no column can hold is set aside without them', async () => {
    const fixes = [
      placed('veh\0-1', 0),
      placed('veh-2', 0, { timeMs: postgresEpochMs + 9.223_371_8e15 }),
      placed('veh-3', 0),
    ];
    expect(await write(fixes)).toMatchObject({ stored: 1, dead: 2 });
    expect(await write(fixes)).toMatchObject({ duplicates: 1, dead: 2 });
    const found = await letters();
    expect(found.map(({ vehicle_id, time }) => [vehicle_id, time])).toEqual([
      [null, null],
      [null, null],
    ]);
    expect(found.map(({ sqlstate }) => sqlstate).toSorted()).toEqual(['22008', '22021']);
  });

  it('may be one that a constraint or a trigger refuses', async () => {
    const { sql } = test.database;
    await sql.unsafe(`
      alter table positions add constraint test_north check (latitude < 80);
      create function test_refuse() returns trigger language plpgsql as
        $$ begin if new.satellites = 13 then raise exception 'unlucky'; end if; return new; end $$;
      create trigger test_refuse before insert on positions
        for each row execute function test_refuse();`);
    try {
      const fixes = [
        ...track('veh-1', 5),
        placed('veh-2', 0, { latE7: 850_000_000 }),
        placed('veh-3', 0, { satellites: 13 }),
        ...track('veh-4', 5),
      ];
      expect(await write(fixes)).toMatchObject({ stored: 10, dead: 2 });
      const found = await letters();
      expect(found.map(({ vehicle_id, sqlstate }) => [vehicle_id, sqlstate])).toEqual([
        ['veh-2', '23514'],
        ['veh-3', 'P0001'],
      ]);
    } finally {
      await sql.unsafe(`
        alter table positions drop constraint test_north;
        drop trigger test_refuse on positions;
        drop function test_refuse;`);
    }
  });

  it('has its reason cut where a character ends', async () => {
    const { sql } = test.database;
    await sql.unsafe(
      `alter table positions add constraint "${'é'.repeat(30)}" check (latitude < 80)`,
    );
    try {
      const cutting = createWriter({
        database: test.database,
        bounds: { ...limits, deadLetterReasonBytesMax: 102 },
        metrics,
        clock: systemClock,
        random: Math.random,
      });
      await cutting.write(batchOf([placed('veh-1', 0, { latE7: 850_000_000 })]));
      const [letter] = await letters();
      expect(Buffer.byteLength(letter!.reason)).toBeGreaterThan(98);
      expect(Buffer.byteLength(letter!.reason)).toBeLessThanOrEqual(102);
      expect(letter!.reason).toMatch(/é$/);
    } finally {
      await sql.unsafe(`alter table positions drop constraint "${'é'.repeat(30)}"`);
    }
  });
});
