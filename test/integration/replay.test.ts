/** The real journey through the CLI: what is stored is the file, once; what is seen live is in order. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLiveClient, type Position } from '../../src/client/index.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { distinctTrack, gpxFile } from '../support/gpx.ts';

const run = promisify(execFile);
const vehicle = 'bus-304';
const track = distinctTrack();
let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest();
});

afterAll(() => test.cleanup());

async function replay(): Promise<{ sent: number; acked: number; refused: number }> {
  const token = await testToken({ sub: vehicle, role: 'device' });
  const args = ['replay', gpxFile, '--vehicle', vehicle, '--speed', '0', '--json'];
  const { stdout } = await run(process.execPath, [
    ...['--import', 'tsx', 'src/cli/main.ts', ...args],
    ...['--url', test.engine.wsUrl, '--token', token],
  ]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
    sent: number;
    acked: number;
    refused: number;
  };
}

it('stores each distinct fix of the file once, and a live subscriber sees them in order', async () => {
  const seen: Position[] = [];
  const client = createLiveClient({
    url: `${test.engine.wsUrl}/v1/live`,
    token: await testToken({ sub: 'anna', role: 'viewer' }),
  });
  let seenAll: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    seenAll = resolve;
  });
  const { ready } = client.subscribe(`vehicle:${vehicle}`, {
    onSnapshot: () => undefined,
    onPositions(positions) {
      seen.push(...positions);
      if (seen.at(-1)?.timeMs === track.at(-1)?.timeMs) seenAll();
    },
  });
  await ready;

  const first = await replay();
  expect(first.refused).toBe(0);
  expect(first.acked).toBe(first.sent);
  await all;
  expect(seen.map(({ timeMs }) => timeMs)).toEqual(track.map(({ timeMs }) => timeMs));
  expect(seen.every(({ count }) => count === 1)).toBe(true);

  const second = await replay();
  expect(second.acked).toBe(second.sent);
  await client.close();
  expect(seen).toHaveLength(track.length);

  const rows = await test.rows(
    (sql) => sql<{ time: Date; latitude: number; longitude: number }[]>`
      select time, latitude, longitude from positions where vehicle_id = ${vehicle} order by time`,
  );
  expect(rows.map(({ time }) => time.getTime())).toEqual(track.map(({ timeMs }) => timeMs));
  for (const [index, { latitude, longitude }] of rows.entries()) {
    expect(latitude).toBeCloseTo((track[index]?.latE7 ?? NaN) / 1e7, 9);
    expect(longitude).toBeCloseTo((track[index]?.lonE7 ?? NaN) / 1e7, 9);
  }
  const known = await test.rows(
    (sql) => sql<{ time: Date }[]>`select time from vehicles where vehicle_id = ${vehicle}`,
  );
  expect(known.map(({ time }) => time.getTime())).toEqual([track.at(-1)?.timeMs]);
});
