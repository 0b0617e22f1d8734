/** Trips that people and devices start and end, on the real engine: who may, what is refused, what is stored. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { refusals, type RefusalName } from '../../src/errors.ts';
import { openTestDesk, stateOf, type Person, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

let test: EngineTest;
let desk: TestDesk;

beforeAll(async () => {
  test = await openEngineTest();
  desk = openTestDesk(test.engine);
});

afterEach(() => desk.close());
afterAll(() => test.cleanup());

const dispatcher = (tenant = 'default'): Promise<Person> =>
  desk.person({ sub: 'dora', role: 'dispatcher', tenant });
const codeOf = (name: RefusalName): number => refusals[name].code;
const vehicle = (): string => `bus-${randomUUID()}`;

describe('a trip', () => {
  it('goes its way by calls, and is told on its topic', async () => {
    const dora = await dispatcher();
    const id = randomUUID();
    const bus = vehicle();
    const params = {
      id,
      vehicle: bus,
      driver: 'dan',
      route: '304',
      destination: { name: 'Depot' },
    };
    const started = stateOf(await dora.call('trip.start', params));
    expect(started).toMatchObject({ ...params, source: 'explicit', state: 'running', endMs: null });
    const viewer = await desk.person({ sub: 'vera', role: 'viewer' });
    expect(await viewer.follow(`trip:${id}`)).toEqual([
      { offset: 1, event: 'started', data: started },
    ]);
    const attributes = { load: 12 };
    await dora.call('trip.update', { id, attributes, driver: null });
    for (const move of ['pause', 'resume', 'end']) await dora.call(`trip.${move}`, { id });
    for (const [event, state] of [
      ['updated', 'running'],
      ['paused', 'paused'],
      ['resumed', 'running'],
      ['ended', 'ended'],
    ]) {
      const told = await viewer.told();
      expect(told).toMatchObject({
        topic: `trip:${id}`,
        event,
        data: { state, route: '304', driver: null, attributes },
      });
    }
    // Who comes late gets the end of it.
    const late = await desk.person({ sub: 'lars', role: 'viewer' });
    expect(await late.follow(`trip:${id}`)).toMatchObject([{ offset: 5, event: 'ended' }]);
  });

  it('is started by a device, and sent again after a cut it is one', async () => {
    const bus = vehicle();
    const id = randomUUID();
    const timeMs = Date.now() - 60_000;
    const frames = [
      [id, 'start', timeMs, { shift: 'early' }],
      [id, 'pause', timeMs + 10_000],
      [id, 'resume', timeMs + 20_000],
      [id, 'end', timeMs + 30_000],
    ] as const;
    const first = await desk.device(bus);
    let seq = 0;
    for (const frame of frames) seq = first.send(2, ...frame);
    await first.acked(seq);
    first.socket.terminate();
    const second = await desk.device(bus);
    for (const frame of frames) seq = second.send(2, ...frame);
    await second.acked(seq);
    const dora = await dispatcher();
    expect(await dora.follow(`trip:${id}`)).toMatchObject([
      {
        offset: 4,
        event: 'ended',
        data: {
          vehicle: bus,
          startMs: timeMs,
          endMs: timeMs + 30_000,
          attributes: { shift: 'early' },
          log: frames.map(([, , atMs]) => ({ atMs, by: bus })),
        },
      },
    ]);
  });

  it('is refused where its state, its vehicle or its name does not allow it', async () => {
    const dora = await dispatcher();
    const bus = vehicle();
    const id = randomUUID();
    const other = randomUUID();
    const refused = async (method: string, params: object): Promise<unknown> =>
      dora.call(`trip.${method}`, params);
    expect(await refused('pause', { id })).toBe(codeOf('unknownTrip'));
    await dora.call('trip.start', { id, vehicle: bus });
    expect(await refused('start', { id: other, vehicle: bus })).toBe(codeOf('tripRunning'));
    expect(await refused('start', { id, vehicle: vehicle() })).toBe(codeOf('tripTransition'));
    expect(await refused('resume', { id })).toBe(codeOf('tripTransition'));
    await dora.call('trip.cancel', { id });
    for (const method of ['pause', 'resume', 'end', 'cancel', 'update']) {
      expect(await refused(method, { id })).toBe(codeOf('tripTransition'));
    }
    expect(await refused('start', { id: other, vehicle: bus })).toMatchObject({ isRepeat: false });
    const device = await desk.device(bus);
    expect(await device.refused(device.send(2, id, 'fly', Date.now()))).toBe(
      codeOf('unknownAction'),
    );
    expect(await device.refused(device.send(2, id, 'end', Date.now()))).toBe(
      codeOf('tripTransition'),
    );
    expect(await device.refused(device.send(2, id, 'end', 1))).toBe(codeOf('timeTooOld'));
    const stranger = await desk.device(vehicle());
    expect(await stranger.refused(stranger.send(2, other, 'end', Date.now()))).toBe(
      codeOf('vehicleNotAllowed'),
    );
    const gateway = await desk.device('gate', { role: 'service', vehicles: ['van-1', 'van-2'] });
    expect(await gateway.refused(gateway.send(2, randomUUID(), 'start', Date.now()))).toBe(
      codeOf('vehicleUnclear'),
    );
    await gateway.acked(gateway.send(2, randomUUID(), 'start', Date.now(), null, 'van-2'));
  });

  it.each<[string, object]>([
    ['start', {}],
    ['start', { vehicle: 'a/b' }],
    ['start', { vehicle: 'bus', id: '' }],
    ['start', { vehicle: 'bus', timeMs: 1 }],
    ['start', { vehicle: 'bus', timeMs: 'now' }],
    ['start', { vehicle: 'bus', driver: 7 }],
    ['start', { vehicle: 'bus', attributes: [] }],
    ['pause', {}],
    ['update', { id: 'x', attributes: 'none' }],
  ])('%s with %j is refused', async (method, params) => {
    const dora = await dispatcher();
    expect(await dora.call(`trip.${method}`, params)).toBe(codeOf('badParams'));
  });

  it('of another tenant is not there, and of another vehicle is none of its business', async () => {
    const dora = await dispatcher();
    const id = randomUUID();
    const bus = vehicle();
    await dora.call('trip.start', { id, vehicle: bus });
    const spy = await dispatcher('acme');
    expect(await spy.call('trip.end', { id })).toBe(codeOf('unknownTrip'));
    expect(await spy.follow(`trip:${id}`)).toEqual([]);
    const driver = await desk.person({ sub: 'dan', role: 'driver', vehicles: [bus] });
    const other = await desk.person({ sub: 'odd', role: 'driver', vehicles: [vehicle()] });
    expect(await other.call('trip.end', { id })).toBe(codeOf('callNotAllowed'));
    expect(await other.call('trip.start', { vehicle: bus })).toBe(codeOf('callNotAllowed'));
    expect(stateOf(await driver.call('trip.end', { id }))).toMatchObject({ state: 'ended' });
    const own = stateOf(await driver.call('trip.start', {}));
    expect(own).toMatchObject({ vehicle: bus, driver: 'dan' });
    const viewer = await desk.person({ sub: 'vera', role: 'viewer' });
    expect(await viewer.call('trip.end', { id: own['id'] })).toBe(codeOf('callNotAllowed'));
  });

  it('that runs is known after a kill, and one that has ended stays as it is', async () => {
    let dora = await dispatcher();
    const [running, ended] = [randomUUID(), randomUUID()];
    const [bus, van] = [vehicle(), vehicle()];
    await dora.call('trip.start', { id: running, vehicle: bus });
    await dora.call('trip.start', { id: ended, vehicle: van });
    await dora.call('trip.end', { id: ended });
    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    dora = await dispatcher();
    expect(await dora.call('trip.start', { vehicle: bus })).toBe(codeOf('tripRunning'));
    expect(await dora.call('trip.pause', { id: ended })).toBe(codeOf('tripTransition'));
    expect(stateOf(await dora.call('trip.pause', { id: running }))).toMatchObject({
      state: 'paused',
      revision: 2,
    });
    const rows = await test.rows(
      (sql) => sql<{ id: string; phase: string; isOpen: boolean; hasEnded: boolean }[]>`
        select id, phase, is_open as "isOpen", ended_at is not null as "hasEnded" from trips
        where id in (${running}, ${ended})`,
    );
    expect(rows.toSorted((one) => (one.id === running ? -1 : 1))).toEqual([
      { id: running, phase: 'paused', isOpen: true, hasEnded: false },
      { id: ended, phase: 'ended', isOpen: false, hasEnded: true },
    ]);
  });
});
