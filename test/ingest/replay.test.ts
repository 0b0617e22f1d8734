import { expect, it } from 'vitest';
import { recordKinds } from '../../src/ingest/pipeline.ts';
import { createReplay } from '../../src/ingest/replay.ts';
import { createVehicles } from '../../src/live/vehicles.ts';
import { encodeStatus } from '../../src/store/status.ts';
import { placed, rowsOf } from '../store/fixes.ts';

type Row = ReturnType<typeof placed>;

function replayed(records: readonly (readonly [kind: number, rows: readonly Row[]])[]) {
  const vehicles = createVehicles(10);
  const seen: string[] = [];
  const replay = createReplay({
    vehicles,
    folds: {
      replay: ({ key, isTracked }, { timeMs }) =>
        seen.push(`${key} ${(timeMs - placed('', 0).fix.timeMs) / 1_000} ${isTracked}`),
      replayStatus: ({ key }, { flags, attributes }) =>
        seen.push(`${key} says ${JSON.stringify(attributes)} ${flags}`),
    },
  });
  for (const [kind, rows] of records) {
    const payload = payloadOf(kind, rows);
    replay.take({ kind, rows: rows.length, payload, start: 0, end: 0 });
  }
  replay.end();
  return { vehicles, seen };
}

function payloadOf(kind: number, rows: readonly Row[]): Buffer {
  if (kind === event) return Buffer.of(1);
  const [first] = rows;
  if (kind !== status || first === undefined) return rowsOf(rows);
  const attributes = '{"power":1}';
  const { key, receivedAtMs, fix } = first;
  return Buffer.from(encodeStatus({ key, timeMs: fix.timeMs, flags: 4, receivedAtMs, attributes }));
}

const rows = (key: string, ...seconds: number[]): Row[] => seconds.map((one) => placed(key, one));
const { live, liveOfBoth, backfill, event, status } = recordKinds;

it('takes the rows of a frame in the order of their time, whatever their lanes', () => {
  const { seen } = replayed([
    [liveOfBoth, rows('a', 1, 4)],
    [backfill, rows('a', 2, 3)],
    [event, []],
    [live, rows('a', 5)],
    [live, rows('a', 6)],
  ]);
  expect(seen).toEqual(['a 1 true', 'a 2 true', 'a 3 true', 'a 4 true', 'a 5 true', 'a 6 true']);
});

it('leaves frames of one lane each in the order in which they came', () => {
  const { seen } = replayed([
    [live, [...rows('a', 5), ...rows('b', 7), ...rows('a', 6)]],
    [backfill, [...rows('a', 2), ...rows('b', 1), ...rows('a', 3)]],
    [liveOfBoth, rows('a', 9)],
    [live, rows('a', 10)],
    [backfill, rows('a', 8)],
  ]);
  const times = ['a 5', 'b 7', 'a 6', 'a 2', 'b 1', 'a 3', 'a 9', 'a 10', 'a 8'];
  expect(seen).toEqual(times.map((one) => `${one} true`));
});

it('takes a status between the frames that it stood between', () => {
  const { seen, vehicles } = replayed([
    [live, rows('a', 5)],
    [status, rows('a', 9)],
    [backfill, rows('a', 4)],
    [status, rows('b', 1)],
  ]);
  expect(seen).toEqual(['a 5 true', 'a says {"power":1} 4', 'a 4 true', 'b says {"power":1} 4']);
  expect(vehicles.find('default', 'b')).toBe(null);
});

it('keeps vehicles apart, and knows where those of the live lane are', () => {
  const { seen, vehicles } = replayed([
    [backfill, rows('b', 9)],
    [live, rows('a', 3)],
    [backfill, rows('b', 1)],
  ]);
  expect(seen).toEqual(['b 9 false', 'a 3 true', 'b 1 false']);
  expect(vehicles.find('default', 'a')?.last.timeMs).toBe(placed('a', 3).fix.timeMs);
  expect(vehicles.find('default', 'b')).toBe(null);
});
