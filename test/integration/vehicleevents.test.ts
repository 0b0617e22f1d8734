/**
 * A vehicle on whose way everything happens once, on the real engine: each event is told live and over HTTP, each fix
 * that is filtered is stored with why and shown to nobody, and a kill changes nothing of it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vehicleEventKinds } from '../../src/fleet/output.ts';
import { fixFlags } from '../../src/wire/types.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { openTestDesk, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { outingAt, outingEnv, outingFences, type Outing, type Tale } from '../support/outing.ts';
import type { TestSocket } from '../support/socket.ts';

interface Shown extends Tale {
  readonly vehicle: string;
}

const vera: ApiUser = { sub: 'vera', role: 'viewer' };
const dora: ApiUser = { sub: 'dora', role: 'dispatcher' };
const patience = { timeout: 60_000, interval: 500 };
const bus = 'bus-1';
const van = 'van-1';

let test: EngineTest;
let api: Api;
let desk: TestDesk;
let outing: Outing;

beforeAll(async () => {
  test = await openEngineTest(outingEnv);
  api = createApi(() => test.engine);
  desk = openTestDesk(test.engine);
});

afterAll(async () => {
  await desk.close();
  await test.cleanup();
});

/** Puts the geofences; the moment from when on all of them count. */
async function putFences(): Promise<number> {
  let validFromMs = 0;
  for (const [id, feature] of Object.entries(outingFences)) {
    const request = { method: 'PUT', body: JSON.stringify(feature) };
    const { json, status } = await api.ask(dora, `/v1/geofences/${id}`, request);
    expect(status).toBe(200);
    const { properties } = json as { readonly properties: { readonly validFromMs: number } };
    validFromMs = Math.max(validFromMs, properties.validFromMs);
  }
  return validFromMs;
}

/** Sends each fix when the one before is journaled: by then it has been judged, and may have been shown. */
async function drive(vehicle: string, { fixes }: Outing): Promise<void> {
  const device = await desk.device(vehicle);
  for (const { timeMs, latE7, lonE7, speedCms, accuracyDm, attributes } of fixes) {
    const said = attributes === null ? null : JSON.parse(attributes);
    const fix = [0, latE7, lonE7, speedCms, null, null, accuracyDm, null, said];
    await device.acked(device.send(1, timeMs, [fix]));
  }
}

const good = ({ fixes }: Outing): number[] =>
  fixes.filter(({ fault }) => fault === null).map(({ timeMs }) => timeMs);

interface Watched {
  /** Times of positions, by topic. */
  readonly positions: Readonly<Record<string, readonly number[]>>;
  readonly events: readonly (readonly unknown[])[];
}

/** What is shown to a subscriber until each topic has told of `lastMs`. */
async function watched(
  socket: TestSocket,
  topics: readonly string[],
  lastMs: number,
): Promise<Watched> {
  const positions: Record<string, number[]> = Object.fromEntries(topics.map((name) => [name, []]));
  const events: (readonly unknown[])[] = [];
  while (Object.values(positions).some((times) => times.at(-1) !== lastMs)) {
    const [type, topic, ...rest] = (await socket.next()) as [number, string, ...unknown[]];
    if (type === 52) {
      const rows = rest[0] as readonly (readonly number[])[];
      positions[topic]?.push(...rows.map((row) => row[1]!));
    } else if (type === 51 && vehicleEventKinds.some((kind) => kind === rest[1])) {
      events.push([topic, ...rest]);
    }
  }
  return { positions, events };
}

/** Events as HTTP shows them, in the order of time; an outing ends ahead of the clock. */
const shownBy = (query: string): Promise<Shown[]> =>
  api.all<Shown>(
    vera,
    `/v1/vehicle-events?${query}&to=${Date.now() + 3_600_000}&limit=5`,
    'events',
  );
const shownOf = (vehicle: string): Promise<Shown[]> => shownBy(`vehicle=${vehicle}`);

const byPlace = (one: Tale, other: Tale): number =>
  one.timeMs - other.timeMs || (one.kind < other.kind ? -1 : 1);

const essence = ({ kind, subject, timeMs, data }: Tale): Tale => ({ kind, subject, timeMs, data });

/** What a notification says of the event that it is about. */
const alarmOf = ({ kind, subject, timeMs }: Tale): Tale => ({ kind, subject, timeMs, data: {} });

async function expectShown(vehicle: string, { tales }: Outing): Promise<void> {
  await expect.poll(async () => (await shownOf(vehicle)).length, patience).toBe(tales.length);
  expect((await shownOf(vehicle)).map(essence)).toEqual(tales.toSorted(byPlace));
}

/** What the dispatcher was notified of about the vehicle, as HTTP shows it. */
async function notifiedOf(vehicle: string): Promise<Tale[]> {
  interface Notification {
    readonly data: Shown;
  }
  const all = await api.all<Notification>(dora, '/v1/notifications?limit=5', 'notifications');
  return all
    .map(({ data }) => data)
    .filter((data) => data.vehicle === vehicle)
    .map(alarmOf)
    .toSorted(byPlace);
}

/** The events that geofences and the engine alert a dispatcher to. */
const alarmsOf = ({ tales }: Outing): Tale[] =>
  tales
    .filter(
      ({ kind, subject }) =>
        subject === 'depot' || subject === 'school' || kind === 'powerCut' || kind === 'tamper',
    )
    .map(alarmOf)
    .toSorted(byPlace);

const counter = (name: string): Promise<number> => test.engine.counter(`fleetwire_${name}_total`);

describe('a vehicle on its way', () => {
  it('tells each event once, live, and no topic shows a fix that was filtered', async () => {
    const topics = [`vehicle:${bus}`, 'fleet', 'area'];
    const watcher = await desk.person(vera);
    watcher.socket.send([32, 1, topics[0]]);
    watcher.socket.send([32, 2, 'fleet']);
    // The whole world: where somebody is at 0/0, or has jumped to, would be in it.
    watcher.socket.send([32, 3, 'area:-180,-90,180,90']);
    for (const _topic of topics) await watcher.socket.nextOf(49);
    const dispatcher = await desk.person(dora);
    await dispatcher.follow('notification:dora');
    outing = outingAt(await putFences());
    const times = good(outing);
    await drive(bus, outing);
    const { positions, events } = await watched(watcher.socket, topics, times.at(-1)!);
    expect(positions[`vehicle:${bus}`]).toEqual(times);
    for (const topic of ['fleet', 'area']) {
      expect(times).toEqual(expect.arrayContaining([...positions[topic]!]));
    }
    const told = outing.tales.map(({ kind, subject, timeMs, data }) => {
      const moment = expect.objectContaining({ timeMs, subject, isLate: false, data });
      return [`vehicle:${bus}`, 0, kind, moment];
    });
    expect(events).toEqual(told);
    const alarms = alarmsOf(outing);
    const notified: Tale[] = [];
    for (const _alarm of alarms) {
      const { data } = await dispatcher.toldOf('sent');
      notified.push(alarmOf(data['data'] as Shown));
    }
    expect(notified.toSorted(byPlace)).toEqual(alarms);
  });

  it('tells them over HTTP, with whoever was notified', async () => {
    await expectShown(bus, outing);
    await expect.poll(() => notifiedOf(bus), patience).toEqual(alarmsOf(outing));
    for (const id of Object.keys(outingFences)) {
      const ofFence = await shownBy(`geofence=${id}`);
      const expected = outing.tales.filter(({ subject }) => subject === id);
      expect(ofFence.map(essence)).toEqual(expected);
    }
  });

  it('has each fix that was filtered in its raw track, with why, and in no other', async () => {
    const first = outing.fixes[0]!.timeMs;
    const last = outing.fixes.at(-1)!.timeMs;
    const path = `/v1/vehicles/${bus}/track?from=${first}&to=${last + 1}`;
    interface Row {
      readonly timeMs: number;
      readonly flags: number;
    }
    const all = (): Promise<Row[]> => api.all<Row>(vera, `${path}&all=true&limit=5`, 'fixes');
    await expect.poll(async () => (await all()).length, patience).toBe(outing.fixes.length);
    const ways = fixFlags.late | fixFlags.backfill;
    expect((await all()).map(({ timeMs, flags }) => [timeMs, flags & ~ways])).toEqual(
      outing.fixes.map(({ timeMs, fault }) => [timeMs, fault === null ? 0 : fixFlags[fault]]),
    );
    const track = await api.all<Row>(vera, path, 'fixes');
    expect(track.map(({ timeMs }) => timeMs)).toEqual(good(outing));
    const timeMs = good(outing).at(-1);
    expect(await api.get(vera, `/v1/vehicles/${bus}`)).toMatchObject({ timeMs });
    const { positions } = await api.get(vera, '/v1/positions');
    expect(positions).toMatchObject([{ vehicle: bus, timeMs }]);
  });

  it('has its counters', async () => {
    const filters = ['zero_island', 'duplicate', 'jump', 'inaccurate', 'drift', 'frequent'];
    for (const name of [...filters, 'outdated']) {
      expect([name, await counter(`fixes_filtered_${name}`)]).toEqual([name, 1]);
    }
    expect(await counter('fixes_future')).toBe(1);
    expect(await counter('fixes_live')).toBe(good(outing).length);
    expect(await counter('vehicle_events_told')).toBe(outing.tales.length);
    expect(await counter('alarms_sent')).toBe(alarmsOf(outing).length);
    expect(await counter('alarms_refused')).toBe(0);
  });

  it('is all the same after a kill, and when its device sends everything again', async () => {
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    await drive(bus, outing);
    await settled();
    await expectShown(bus, outing);
    expect(await notifiedOf(bus)).toEqual(alarmsOf(outing));
    const timeMs = good(outing).at(-1);
    expect(await api.get(vera, `/v1/vehicles/${bus}`)).toMatchObject({ timeMs });
  });
});

describe('a kill right after the ack', () => {
  it('loses no event and tells none twice', async () => {
    const later = outingAt(Date.now());
    await drive(van, later);
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    await settled();
    await expectShown(van, later);
    await expect.poll(() => notifiedOf(van), patience).toEqual(alarmsOf(later));
    const watcher = await desk.person(vera);
    watcher.socket.send([32, 1, `vehicle:${van}`]);
    const [, , result] = await watcher.socket.nextOf(49);
    const { snapshot } = result as { readonly snapshot: readonly (readonly unknown[])[] };
    expect(snapshot[0]?.[1]).toBe(good(later).at(-1));
  });
});

describe('a status', () => {
  it('without a position tells as well, where the vehicle is', async () => {
    const watcher = await desk.person(vera);
    watcher.socket.send([32, 1, `vehicle:${van}`]);
    await watcher.socket.nextOf(49);
    const device = await desk.device(van);
    const timeMs = Date.now() + 45_000;
    await device.acked(device.send(4, timeMs, { ignition: true }));
    const told = async (): Promise<readonly unknown[]> => {
      for (;;) {
        const frame = await watcher.socket.nextOf(51);
        if (frame[3] !== 'presence') return frame;
      }
    };
    const event = await told();
    expect(event).toMatchObject([51, `vehicle:${van}`, 0, 'ignitionOn', { timeMs }]);
    const shown = async (): Promise<Shown[]> =>
      (await shownOf(van)).filter((one) => one.timeMs === timeMs);
    await expect.poll(shown, patience).toMatchObject([{ kind: 'ignitionOn' }]);
  });
});

/** Nothing is late any more. */
async function settled(): Promise<void> {
  const late = (): Promise<number> => test.engine.counter('fleetwire_vehicles_late');
  for (let times = 0; times < 2; times++) await expect.poll(late, patience).toBe(0);
}
