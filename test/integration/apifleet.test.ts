/** Events, sessions, trips and the like, and geofences over HTTP: pages, access, edits, a restart in between. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket } from '../support/socket.ts';

let test: EngineTest;
let api: Api;
const admin: ApiUser = { sub: 'root', role: 'admin' };
const dispatcher: ApiUser = { sub: 'dora', role: 'dispatcher' };
const viewer: ApiUser = { sub: 'anna', role: 'viewer' };
const named: ApiUser = { sub: 'nina', role: 'viewer', vehicles: ['bus-1', 'van-*'] };

async function call(user: ApiUser, method: string, params: unknown): Promise<unknown> {
  const body = JSON.stringify(params);
  const answer = await api.ask(user, `/v1/calls/${method}`, { method: 'POST', body });
  if (answer.status !== 200) throw new Error(`${method}: ${answer.text}`);
  return answer.json;
}

const publish = (topic: string, id: string, more: Record<string, unknown> = {}) =>
  call(admin, 'publish', { topic, id, event: 'told', data: { id }, ...more });

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
});

afterAll(() => test.cleanup());

/** Everything that was announced is in the database. */
async function drained(): Promise<void> {
  await expect
    .poll(async () => {
      const counters = ['appended', 'stored'].map((name) => `fleetwire_events_${name}_total`);
      const [appended, stored] = await Promise.all(
        counters.map((name) => test.engine.counter(name)),
      );
      return (appended ?? 0) - (stored ?? 0);
    })
    .toBe(0);
}

describe('GET /v1/events', () => {
  it('has the events of a topic, page after page', async () => {
    for (let index = 1; index <= 7; index++) {
      await publish('notification:anna', `n-${index}`, { timeMs: index * 1_000 });
    }
    await drained();
    const offsets: number[] = [];
    for (let after: unknown = 0; after !== null;) {
      const path = `/v1/events?topic=notification:anna&limit=3&after=${Number(after)}`;
      const page = await api.get(viewer, path);
      const events = page['events'] as { offset: number }[];
      expect(page['topic']).toBe('notification:anna');
      offsets.push(...events.map(({ offset }) => offset));
      after = page['next'];
    }
    expect(offsets).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const { events } = await api.get(viewer, '/v1/events?topic=notification:anna');
    expect((events as unknown[])[0]).toEqual({
      offset: 1,
      id: 'n-1',
      event: 'told',
      data: { id: 'n-1' },
      timeMs: 1_000,
      subject: null,
      isOpen: false,
    });
  });

  it('shows a trip to those who see its vehicle', async () => {
    await publish('trip:t-1', 'a', { subject: 'bus-1' });
    await publish('trip:t-2', 'b', { subject: 'bus-2' });
    await drained();
    const status = async (user: ApiUser, topic: string) =>
      (await api.ask(user, `/v1/events?topic=${topic}`)).status;
    expect(await status(viewer, 'trip:t-2')).toBe(200);
    expect(await status(named, 'trip:t-1')).toBe(200);
    expect(await status(named, 'trip:t-2')).toBe(403);
    expect(await status(named, 'trip:none')).toBe(403);
    expect(await status({ sub: 'bus-2', role: 'driver' }, 'trip:t-2')).toBe(200);
    expect(await status({ sub: 'bus-1', role: 'driver' }, 'trip:t-2')).toBe(403);
    const other = await api.get({ ...viewer, tenant: 'acme' }, '/v1/events?topic=trip:t-1');
    expect(other['events']).toEqual([]);
  });

  it.each<[ApiUser, string, RefusalName, number]>([
    [named, '?topic=emergency', 'topicNotAllowed', 403],
    [viewer, '?topic=notification:bob', 'topicNotAllowed', 403],
    [viewer, '?topic=fleet', 'badTopic', 400],
    [viewer, '?topic=weather', 'unknownTopic', 400],
    [viewer, '?topic=acme/emergency', 'unknownTopic', 400],
    [viewer, '', 'badQuery', 400],
    [viewer, '?topic=emergency&after=-1', 'badQuery', 400],
    [viewer, '?topic=emergency&limit=1001', 'badQuery', 400],
  ])('refuses %j %s', async (user, query, name, status) => {
    await api.refused(name, status, () => api.ask(user, `/v1/events${query}`));
  });
});

describe('GET /v1/sessions', () => {
  it('has the connections of a subject, the newest first', async () => {
    for (let index = 0; index < 5; index++) {
      const token = await testToken({ sub: 'sam', role: 'viewer' });
      const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, { token });
      await socket.nextOf(48);
      await socket.close(4000 + index, 'bye');
    }
    const ended = () =>
      api
        .all<{ closeCode: number }>(admin, '/v1/sessions?subject=sam&limit=2', 'sessions')
        .then((sessions) => sessions.map(({ closeCode }) => closeCode));
    await expect.poll(ended, { timeout: 20_000, interval: 500 }).toHaveLength(5);
    expect(new Set(await ended())).toEqual(new Set([4000, 4001, 4002, 4003, 4004]));
    const page = await api.get(admin, '/v1/sessions?subject=sam');
    const times = (page['sessions'] as { startedAtMs: number }[]).map((one) => one.startedAtMs);
    expect(times).toEqual(times.toSorted((one, other) => other - one));
    const elsewhere = await api.get({ ...admin, tenant: 'acme' }, '/v1/sessions?subject=sam');
    expect(elsewhere['sessions']).toEqual([]);
  });

  it.each<[ApiUser, string, RefusalName, number]>([
    [viewer, '?subject=sam', 'notAllowed', 403],
    [dispatcher, '?subject=sam', 'notAllowed', 403],
    [{ ...admin, vehicles: ['bus-1'] }, '?subject=sam', 'notAllowed', 403],
    [admin, '', 'badQuery', 400],
    [admin, '?subject=%00', 'badQuery', 400],
    [admin, '?subject=sam&cursor=WzFd', 'badCursor', 400],
  ])('refuses %j %s', async (user, query, name, status) => {
    await api.refused(name, status, () => api.ask(user, `/v1/sessions${query}`));
  });
});

describe('trips, emergencies, notifications, commands', () => {
  interface Case {
    readonly id: string;
    readonly vehicle: string;
  }
  const idsOf = (cases: readonly Case[]): string[] => cases.map(({ id }) => id).toSorted();

  it('trips are shown to those who see their vehicle', async () => {
    for (const [index, vehicle] of ['bus-1', 'bus-2', 'van-1', 'van-2'].entries()) {
      await call(dispatcher, 'trip.start', { id: `trip-${index}`, vehicle });
    }
    await call(dispatcher, 'trip.end', { id: 'trip-0' });
    await drained();
    const trips = (user: ApiUser, query: string) =>
      api.all<Case>(user, `/v1/trips?limit=3${query}`, 'trips').then(idsOf);
    expect(await trips(viewer, '')).toEqual(['trip-0', 'trip-1', 'trip-2', 'trip-3']);
    expect(await trips(viewer, '&open=true')).toEqual(['trip-1', 'trip-2', 'trip-3']);
    expect(await trips(viewer, '&vehicle=van-1')).toEqual(['trip-2']);
    expect(await trips(named, '')).toEqual(['trip-0', 'trip-2', 'trip-3']);
    expect(await trips(named, '&vehicle=bus-2')).toEqual([]);
    expect(await trips({ sub: 'bus-2', role: 'driver' }, '')).toEqual(['trip-1']);
    expect(await trips({ ...viewer, tenant: 'acme' }, '')).toEqual([]);
    expect(await trips(viewer, '&to=2020-01-01')).toEqual([]);
    await api.refused('rangeTooLong', 422, () => api.ask(viewer, '/v1/trips?from=0'));
    await api.refused('badQuery', 400, () => api.ask(viewer, '/v1/trips?vehicle=a/b'));
  });

  it('emergencies to those who may subscribe to them', async () => {
    await call(dispatcher, 'emergency.raise', {
      id: 'sos-1',
      kind: 'sos',
      vehicle: 'bus-1',
    });
    await drained();
    const page = await api.get(viewer, '/v1/emergencies?open=true');
    expect(page['emergencies']).toMatchObject([{ id: 'sos-1', kind: 'sos', state: 'open' }]);
    await api.refused('topicNotAllowed', 403, () => api.ask(named, '/v1/emergencies'));
  });

  it('notifications to their user', async () => {
    const note = { severity: 'info', title: 'Hello', body: 'There' };
    await call(dispatcher, 'notification.send', { id: 'hi', to: { user: 'anna' }, ...note });
    await drained();
    const of = async (user: ApiUser) => (await api.get(user, '/v1/notifications'))['notifications'];
    expect(await of(viewer)).toMatchObject([{ id: 'hi', title: 'Hello', state: 'unread' }]);
    expect(await of(dispatcher)).toEqual([]);
  });

  it('commands to those who may send some', async () => {
    const order = { id: 'c-1', vehicle: 'bus-1', name: 'reboot', arguments: {} };
    await call(dispatcher, 'command.send', order);
    await drained();
    const page = await api.get(dispatcher, '/v1/commands?vehicle=bus-1');
    expect(page['commands']).toMatchObject([{ id: 'c-1', name: 'reboot' }]);
    expect((await api.get(dispatcher, '/v1/commands?vehicle=bus-2'))['commands']).toEqual([]);
    const path = '/v1/commands?vehicle=bus-1';
    await api.refused('notAllowed', 403, () => api.ask(viewer, path));
    await api.refused('badQuery', 400, () => api.ask(dispatcher, '/v1/commands'));
  });
});

describe('geofences', () => {
  const square = [
    [
      [-8.6, 52.6],
      [-8.5, 52.6],
      [-8.5, 52.7],
      [-8.6, 52.7],
      [-8.6, 52.6],
    ],
  ];
  const feature = (name: string, geometry: unknown = { type: 'Polygon', coordinates: square }) => ({
    type: 'Feature',
    geometry,
    properties: { name, speedMaxCms: 1_400, notify: ['role:dispatcher'], attributes: { zone: 7 } },
  });
  const send = (user: ApiUser, method: string, path: string, body: unknown) =>
    api.ask(user, `/v1/geofences${path}`, { method, body: JSON.stringify(body) });

  it('are put, read, edited, listed and removed', async () => {
    const put = await send(dispatcher, 'PUT', '/depot', feature('Depot'));
    expect(put.json).toMatchObject({
      type: 'Feature',
      id: 'depot',
      geometry: { type: 'Polygon' },
      properties: { name: 'Depot', speedMaxCms: 1_400, dwellMs: null, createdBy: 'dora' },
    });
    const read = await api.get(viewer, '/v1/geofences/depot');
    expect(read).toEqual(put.json);
    const validFrom = (json: unknown) =>
      (json as { properties: { validFromMs: number } }).properties.validFromMs;
    // What was read may be put again, and a new name is no new rule.
    const renamed = { ...read, properties: { ...(read['properties'] as object), name: 'Yard' } };
    const again = await send(admin, 'PUT', '/depot', renamed);
    expect(again.json).toMatchObject({ properties: { name: 'Yard', updatedBy: 'root' } });
    expect(validFrom(again.json)).toBe(validFrom(put.json));
    const slower = { ...renamed, properties: { name: 'Yard', speedMaxCms: 500 } };
    const edited = await send(admin, 'PUT', '/depot', slower);
    expect(validFrom(edited.json)).toBeGreaterThan(validFrom(put.json));
    const made = await send(dispatcher, 'POST', '', feature('Made'));
    const id = made.json?.['id'] as string;
    await api.refused('unknownGeofence', 404, () =>
      api.ask({ ...viewer, tenant: 'acme' }, `/v1/geofences/${id}`),
    );
    const list = await api.all<{ id: string }>(viewer, '/v1/geofences?limit=1', 'features');
    expect(list.map((one) => one.id).toSorted()).toEqual([id, 'depot'].toSorted());
    const removed = await api.ask(dispatcher, `/v1/geofences/${id}`, { method: 'DELETE' });
    expect(removed).toMatchObject({ status: 204, text: '' });
    await api.refused('unknownGeofence', 404, () =>
      api.ask(dispatcher, `/v1/geofences/${id}`, { method: 'DELETE' }),
    );
    await api.refused('unknownGeofence', 404, () => api.ask(viewer, `/v1/geofences/${id}`));
  });

  it.each<[string, unknown, RefusalName]>([
    ['no Feature', { type: 'Point' }, 'badGeofence'],
    ['nothing', null, 'badGeofence'],
    ['no name', { ...feature('x'), properties: {} }, 'fenceProperties'],
    [
      'a polygon that crosses itself',
      feature('x', {
        type: 'Polygon',
        coordinates: [
          [
            [0, 0],
            [1, 1],
            [1, 0],
            [0, 1],
            [0, 0],
          ],
        ],
      }),
      'fenceCrossing',
    ],
    ['a circle of no radius', feature('x', { type: 'Point', coordinates: [0, 0] }), 'fenceRadius'],
    [
      'too many positions',
      feature('x', {
        type: 'LineString',
        coordinates: Array.from({ length: 3_000 }, (_, i) => [i / 1e4, 0]),
      }),
      'fenceTooManyPoints',
    ],
  ])('refuse %s, and nothing is half done', async (_name, body, name) => {
    await api.refused(name, 400, () => send(dispatcher, 'PUT', '/bad', body));
    await api.refused('unknownGeofence', 404, () => api.ask(viewer, '/v1/geofences/bad'));
  });

  it('are changed by those who may', async () => {
    for (const user of [viewer, named, { ...dispatcher, vehicles: ['bus-1'] }]) {
      await api.refused('notAllowed', 403, () => send(user, 'PUT', '/depot', feature('x')));
      await api.refused('notAllowed', 403, () => send(user, 'POST', '', feature('x')));
      await api.refused('notAllowed', 403, () =>
        api.ask(user, '/v1/geofences/depot', { method: 'DELETE' }),
      );
    }
    await api.refused('notAllowed', 403, () => api.ask(named, '/v1/geofences'));
    await api.refused('badBody', 400, () =>
      api.ask(dispatcher, '/v1/geofences', { method: 'POST', body: '{' }),
    );
  });

  it('are there after a restart', async () => {
    const before = await api.get(viewer, '/v1/geofences/depot');
    await test.engine.restart();
    expect(await api.get(viewer, '/v1/geofences/depot')).toEqual(before);
  });
});
