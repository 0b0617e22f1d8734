/**
 * The engine is killed (SIGKILL) in the middle of streams, several times, and started again: what was
 * acked is in the database, once.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDeviceClient, type DeviceClient } from '../../src/client/index.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { distinctTrack } from '../support/gpx.ts';

const kills = 4;
const vehicles = ['bus-304', 'bus-305', 'bus-306'];
const track = distinctTrack();
let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest();
});

afterAll(() => test.cleanup());

interface Stream {
  readonly client: DeviceClient;
  /** Times of fixes that were acked. */
  readonly acked: Set<number>;
}

async function openStream(vehicle: string): Promise<Stream> {
  const acked = new Set<number>();
  const token = await testToken({ sub: vehicle, role: 'device' });
  const client = createDeviceClient({
    url: `${test.engine.wsUrl}/v1/ingest`,
    token,
    fixesPerFrame: 5,
    onAck: ({ fixes }) => fixes.forEach(({ timeMs }) => acked.add(timeMs)),
    bounds: { clientDelayMinMs: 20, clientDelayMaxMs: 200 },
  });
  return { client, acked };
}

/** Resolves when `count` fixes of every stream are acked. */
async function ackedAtLeast(streams: readonly Stream[], count: number): Promise<void> {
  while (streams.some(({ acked }) => acked.size < count)) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

it('no acked fix is missing and none is stored twice', async () => {
  const streams = await Promise.all(vehicles.map(openStream));
  const share = Math.floor(track.length / (kills + 1));
  for (let round = 0; round < kills; round++) {
    for (const { client } of streams) {
      for (const { timeMs, latE7, lonE7 } of track.slice(round * share, (round + 1) * share)) {
        client.send({ timeMs, latitude: latE7 / 1e7, longitude: lonE7 / 1e7 });
      }
    }
    // Some of the round is acked, most of it is in flight, in the journal or on its way to the database.
    await ackedAtLeast(streams, round * share + 50);
    await test.engine.kill();
    await test.engine.restart();
  }
  for (const { client } of streams) {
    for (const { timeMs, latE7, lonE7 } of track.slice(kills * share)) {
      client.send({ timeMs, latitude: latE7 / 1e7, longitude: lonE7 / 1e7 });
    }
  }
  await Promise.all(streams.map(({ client }) => client.flushed()));
  await Promise.all(streams.map(({ client }) => client.close()));

  for (const [index, vehicle] of vehicles.entries()) {
    const rows = await test.rows(
      (sql) => sql<{ time: Date; copies: number }[]>`
        select time, count(*)::int as copies from positions
        where vehicle_id = ${vehicle} group by time order by time`,
    );
    const stored = new Set(rows.map(({ time }) => time.getTime()));
    const missing = [...(streams[index]?.acked ?? [])].filter((timeMs) => !stored.has(timeMs));
    expect(missing).toEqual([]);
    expect(rows.filter(({ copies }) => copies !== 1)).toEqual([]);
    expect([...stored]).toEqual(track.map(({ timeMs }) => timeMs));
  }
}, 240_000);
