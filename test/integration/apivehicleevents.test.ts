/** Events of vehicles over HTTP: by vehicle, kind, geofence and time, page after page, for whom they are. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { vehicleKey } from '../../src/identity.ts';
import { saveVehicleEvents, type StoredVehicleEvent } from '../../src/store/vehicleevents.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

let test: EngineTest;
let api: Api;
const viewer: ApiUser = { sub: 'anna', role: 'viewer' };
const named: ApiUser = { sub: 'nina', role: 'viewer', vehicles: ['bus-1', 'van-*'] };
const driver: ApiUser = { sub: 'bus-2', role: 'driver' };
const path = '/v1/vehicle-events';

interface Shown extends Omit<StoredVehicleEvent, 'key' | 'toldMs'> {
  readonly vehicle: string;
}

const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 3_600_000;
const told = (
  minute: number,
  vehicle: string,
  kind: string,
  subject = '',
  tenant = 'default',
): StoredVehicleEvent => ({
  key: vehicleKey(tenant, vehicle),
  timeMs: startMs + minute * 60_000 + 7,
  kind,
  subject,
  latE7: 526_000_001,
  lonE7: -86_000_001,
  isLate: minute % 2 === 1,
  data: { minute },
  toldMs: startMs,
});

/** Several at one time, to see that no page boundary between them loses or repeats one. */
const stored = [
  told(0, 'bus-1', 'geofenceEntered', 'depot'),
  told(0, 'bus-1', 'geofenceEntered', 'yard'),
  told(0, 'bus-1', 'tamper'),
  told(0, 'bus-2', 'geofenceEntered', 'depot'),
  told(1, 'van-1', 'overspeedStarted'),
  told(2, 'bus-2', 'geofenceExited', 'depot'),
  told(3, 'van-1', 'overspeedEnded'),
  told(9, 'bus-1', 'geofenceExited', 'depot'),
];
const foreign = told(1, 'bus-1', 'geofenceEntered', 'depot', 'acme');
const old = { ...told(0, 'bus-1', 'powerCut'), timeMs: startMs - 40 * 86_400_000 };

const shown = ({ key, toldMs: _toldMs, ...event }: StoredVehicleEvent): Shown => {
  return { vehicle: key, ...event };
};

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  await test.rows((sql) => saveVehicleEvents(sql, [...stored, foreign, old].toReversed()));
  await test.engine.restart();
});

afterAll(() => test.cleanup());

const events = (user: ApiUser, query: string): Promise<Shown[]> =>
  api.all<Shown>(user, `${path}?limit=2${query}`, 'events');

describe('GET /v1/vehicle-events', () => {
  it('has those of the last day in the order of time, whatever the size of a page', async () => {
    expect(await events(viewer, '')).toEqual(stored.map(shown));
    for (const limit of [1, 3, 7, 8, 100]) {
      expect(await api.all(viewer, `${path}?limit=${limit}`, 'events')).toEqual(stored.map(shown));
    }
  });

  it.each<[string, (event: StoredVehicleEvent) => boolean]>([
    ['&vehicle=bus-1', ({ key }) => key === 'bus-1'],
    ['&vehicle=nobody', () => false],
    ['&kind=overspeedEnded', ({ kind }) => kind === 'overspeedEnded'],
    ['&geofence=depot', ({ subject }) => subject === 'depot'],
    ['&geofence=depot&vehicle=bus-2', ({ key, subject }) => key === 'bus-2' && subject !== ''],
    ['&geofence=depot&kind=tamper', () => false],
    [
      `&from=${startMs + 60_007}&to=${startMs + 180_007}`,
      ({ timeMs }) => timeMs >= startMs + 60_007 && timeMs < startMs + 180_007,
    ],
  ])('has with %s what it asks for', async (query, isMeant) => {
    expect(await events(viewer, query)).toEqual(stored.filter(isMeant).map(shown));
  });

  it('reaches as far back as it is asked to', async () => {
    expect(await events(viewer, `&kind=powerCut&from=${startMs - 41 * 86_400_000}`)).toEqual([
      shown(old),
    ]);
  });

  it('shows everybody those of the vehicles that they see', async () => {
    const seen = (vehicles: readonly string[]): Shown[] =>
      stored.filter(({ key }) => vehicles.includes(key)).map(shown);
    expect(await events(named, '')).toEqual(seen(['bus-1', 'van-1']));
    expect(await events({ ...viewer, vehicles: ['*'] }, '')).toEqual(stored.map(shown));
    expect(await events(driver, '')).toEqual(seen(['bus-2']));
    expect(await events(driver, '&geofence=depot')).toEqual(seen(['bus-2']));
    const acme = [{ ...shown(foreign), vehicle: 'bus-1' }];
    expect(await events({ ...viewer, tenant: 'acme' }, '')).toEqual(acme);
    expect(await events({ ...named, tenant: 'acme' }, '&vehicle=bus-1')).toEqual(acme);
    expect(await events({ ...viewer, tenant: 'other' }, '&geofence=depot')).toEqual([]);
  });

  it('is not sent again to whoever has it', async () => {
    const first = await api.ask(viewer, path);
    const etag = first.headers.get('etag') ?? '';
    const again = await api.ask(viewer, path, { headers: { 'if-none-match': etag } });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  it.each<[ApiUser, string, RefusalName, number]>([
    [named, '?vehicle=bus-2', 'notAllowed', 403],
    [driver, '?vehicle=bus-1', 'notAllowed', 403],
    [viewer, '?vehicle=acme/bus-1', 'badVehicleId', 400],
    [viewer, '?kind=started', 'badQuery', 400],
    [viewer, '?geofence=', 'badQuery', 400],
    [viewer, '?geofence=acme/depot', 'badQuery', 400],
    [viewer, '?limit=1001', 'badQuery', 400],
    [viewer, '?from=1', 'rangeTooLong', 422],
    [viewer, '?from=now', 'badTimeRange', 400],
    [viewer, '?cursor=WzFd', 'badCursor', 400],
  ])('refuses %j %s', async (user, query, name, status) => {
    await api.refused(name, status, () => api.ask(user, `${path}${query}`));
  });
});
