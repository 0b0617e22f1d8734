/** What devices say without a position, on the real engine: acked, it is stored once and what it tells is told once. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readVehicleEvents } from '../../src/store/vehicleeventlog.ts';
import type { PlainMap } from '../../src/wire/types.ts';
import { createApi, type Api } from '../support/api.ts';
import { openTestDesk, type TestDesk, type TestDevice } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

let test: EngineTest;
let api: Api;
let desk: TestDesk;
const viewer = { sub: 'vera', role: 'viewer' } as const;
const [latE7, lonE7] = [526_000_000, -86_000_000];

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  desk = openTestDesk(test.engine);
});

afterEach(() => desk.close());
afterAll(() => test.cleanup());

const position = (device: TestDevice, timeMs: number, northE7 = 0): number =>
  device.send(1, timeMs, [[0, latE7 + northE7, lonE7]]);
const say = (device: TestDevice, timeMs: number, attributes: PlainMap): number =>
  device.send(4, timeMs, attributes);

async function stored(vehicle: string) {
  return test.rows(async (sql) => {
    const filter = { tenant: 'default', key: vehicle, seen: null, kind: null, geofence: null };
    const range = { ...filter, fromMs: 0, toMs: Date.now() + 60_000 };
    const events = await readVehicleEvents(sql, range, null, 100);
    const [count] = await sql<{ count: number }[]>`
      select count(*)::integer as count from statuses where vehicle_id = ${vehicle}`;
    return {
      events: events.map(({ timeMs, kind, latE7: at }) => [timeMs, kind, at - latE7]),
      statuses: count?.count,
    };
  });
}

/** Nothing has to be folded again. */
async function settled(): Promise<void> {
  for (let times = 0; times < 2; times++) {
    const late = () => test.engine.counter('fleetwire_vehicles_late');
    await expect.poll(late, { timeout: 30_000, interval: 300 }).toBe(0);
  }
}

describe('a status', () => {
  it('that is acked outlives a kill, and so does what it has told', async () => {
    const startMs = Date.now() - 20_000;
    const device = await desk.device('bus-1');
    position(device, startMs);
    await device.acked(say(device, startMs + 1_000, { power: true, ignition: false }));
    await device.acked(say(device, startMs + 2_000, { power: false }));
    await test.engine.kill();
    await test.engine.restart();
    const again = await desk.device('bus-1');
    // The device is not sure, and a late one comes with it.
    say(again, startMs + 2_000, { power: false });
    await again.acked(say(again, startMs + 1_500, { ignition: true }));
    await settled();
    expect(await stored('bus-1')).toEqual({
      events: [
        [startMs + 1_500, 'ignitionOn', 0],
        [startMs + 2_000, 'powerCut', 0],
      ],
      statuses: 3,
    });
  });

  it('is told live, and happened where the vehicle was then', async () => {
    await test.engine.restart();
    const startMs = Date.now() - 20_000;
    const device = await desk.device('bus-2');
    await device.acked(position(device, startMs));
    const vera = await desk.person(viewer);
    vera.socket.send([32, 1, 'vehicle:bus-2']);
    await vera.socket.nextOf(49);
    await device.acked(position(device, startMs + 9_000, 5_000));
    say(device, startMs + 5_000, { tamper: true });
    const isTamper = (frame: unknown): boolean => Array.isArray(frame) && frame[3] === 'tamper';
    let told: unknown = await vera.socket.nextOf(51);
    while (!isTamper(told)) told = await vera.socket.nextOf(51);
    expect(told).toMatchObject([51, 'vehicle:bus-2', 0, 'tamper', { timeMs: startMs + 5_000 }]);
    await settled();
    const { events } = await stored('bus-2');
    expect(events).toEqual([[startMs + 5_000, 'tamper', 0]]);
  });

  it('is shown with its vehicle, the newest', async () => {
    await test.engine.restart();
    const startMs = Date.now() - 20_000;
    const device = await desk.device('bus-3');
    position(device, startMs);
    const path = '/v1/vehicles/bus-3';
    await device.acked(say(device, startMs + 2_000, { door: 'open' }));
    say(device, startMs + 1_000, { door: 'shut' });
    await device.acked(say(device, Date.now() + 3_600_000, { door: 'of tomorrow' }));
    const newest = { timeMs: startMs + 2_000, attributes: { door: 'open' } };
    const status = async () => (await api.get(viewer, path))['status'];
    await expect.poll(status, { timeout: 20_000 }).toEqual(newest);
  });
});
