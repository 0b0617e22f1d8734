/**
 * Geofences on the real engine, put over HTTP while a vehicle moves: each counts from the moment that it is put, as it
 * was put last. One that is refused, or is another tenant's, changes nothing of that.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { createApi, type Api, type ApiAnswer, type ApiUser } from '../support/api.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { testToken } from '../support/engine.ts';
import { openGate, type Gate, type Place } from '../support/gate.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

type Json = Readonly<Record<string, unknown>>;

const dora: ApiUser = { sub: 'dora', role: 'dispatcher' };
const spy: ApiUser = { ...dora, tenant: 'acme' };
const bus = 'bus-1';
const yard: Place = { lat: 52.6, lon: -8.6 };
const quay: Place = { lat: 52.62, lon: -8.6 };
const away: Place = { lat: 52.7, lon: -8.6 };

let test: EngineTest;
let api: Api;
let gate: Gate;
let viewer: TestSocket;

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  await connect();
});

afterAll(async () => {
  await viewer.close();
  await gate.close();
  await test.cleanup();
});

async function connect(): Promise<void> {
  gate = await openGate(test);
  const token = await testToken({ sub: 'vera', role: 'viewer' });
  viewer = await openSocket(`${test.engine.wsUrl}/v1/live`, { token });
  await viewer.nextOf(48);
  viewer.send([32, 1, `vehicle:${bus}`]);
  await viewer.nextOf(49);
}

/** The next event of the vehicle: its kind, the geofence, and its data. */
async function told(): Promise<readonly [unknown, string, Json]> {
  for (;;) {
    const [, , , kind, state] = await viewer.nextOf(51);
    if (kind === 'presence') continue;
    const { subject, data } = state as { readonly subject: string; readonly data: Json };
    return [kind, subject, data];
  }
}

const circle = ({ lat, lon }: Place, name: string, more: object = {}): object => ({
  type: 'Feature',
  geometry: { type: 'Point', coordinates: [lon, lat] },
  properties: { name, radiusM: 100, ...more },
});
const shape = (type: string, coordinates: unknown, properties: object = {}): object => ({
  type: 'Feature',
  geometry: { type, coordinates },
  properties: { name: 'Bad', ...properties },
});

const put = (user: ApiUser, id: string, body: unknown): Promise<ApiAnswer> =>
  api.ask(user, `/v1/geofences/${id}`, { method: 'PUT', body: JSON.stringify(body) });
const drop = (user: ApiUser, id: string): Promise<ApiAnswer> =>
  api.ask(user, `/v1/geofences/${id}`, { method: 'DELETE' });

describe('a geofence', () => {
  it('counts as it was put last, until it is removed', async () => {
    await put(dora, 'stop', circle(yard, 'Yard'));
    await gate.move(bus, yard);
    expect(await told()).toMatchObject(['geofenceEntered', 'stop', { name: 'Yard' }]);
    // Somewhere else it is another one: what was entered is left by nobody.
    await put(dora, 'stop', circle(quay, 'Quay'));
    await gate.move(bus, away);
    await gate.move(bus, quay);
    expect(await told()).toMatchObject(['geofenceEntered', 'stop', { name: 'Quay' }]);
    // A new name is no other geofence.
    await put(dora, 'stop', circle(quay, 'Pier'));
    await gate.move(bus, away);
    expect(await told()).toMatchObject(['geofenceExited', 'stop', { name: 'Pier' }]);
    expect((await drop(dora, 'stop')).status).toBe(204);
    await put(dora, 'other', circle(yard, 'Yard'));
    await gate.move(bus, quay);
    await gate.move(bus, yard);
    expect(await told()).toMatchObject(['geofenceEntered', 'other', { name: 'Yard' }]);
    expect((await drop(dora, 'other')).status).toBe(204);
  });

  it('is the same after a kill, and so is who is in it', async () => {
    await put(dora, 'kept', circle(yard, 'Yard'));
    await put(dora, 'gone', circle(quay, 'Quay'));
    await drop(dora, 'gone');
    await gate.move(bus, yard);
    const [kind, subject] = await told();
    expect([kind, subject]).toEqual(['geofenceEntered', 'kept']);
    await gate.settled();
    const before = await api.get(dora, '/v1/geofences');
    await test.engine.kill();
    await test.engine.restart();
    await connect();
    expect(await api.get(dora, '/v1/geofences')).toEqual(before);
    await gate.move(bus, quay);
    expect(await told()).toMatchObject(['geofenceExited', 'kept', { name: 'Yard' }]);
  });
});

describe('a geofence that is refused', () => {
  const square = (west: number, south: number, size: number): number[][] => [
    [west, south],
    [west + size, south],
    [west + size, south + size],
    [west, south + size],
    [west, south],
  ];
  const bowtie = [
    [
      [0, 0],
      [1, 1],
      [1, 0],
      [0, 1],
      [0, 0],
    ],
  ];
  const spikes = Array.from({ length: limits.fencePositionsMax + 1 }, (_, at) => [at / 1e4, 0]);
  const name = 'x'.repeat(limits.fenceNameCharsMax + 1);
  const notify = Array.from({ length: limits.fenceNotifyMax + 1 }, (_, at) => `user:u${at}`);

  it.each<[string, unknown, RefusalName]>([
    ['crosses itself', shape('Polygon', bowtie), 'fenceCrossing'],
    ['has a hole outside', shape('Polygon', [square(0, 0, 1), square(5, 5, 1)]), 'fenceNesting'],
    [
      'lies in itself',
      shape('MultiPolygon', [[square(0, 0, 4)], [square(1, 1, 1)]]),
      'fenceNesting',
    ],
    ['is as large as a continent', shape('Polygon', [square(-20, 0, 40)]), 'fenceTooLarge'],
    ['has too many corners', shape('Polygon', [spikes]), 'fenceTooManyPoints'],
    ['has two corners', shape('Polygon', [square(0, 0, 1).slice(0, 2)]), 'fenceTooFewPoints'],
    ['is not on earth', shape('Polygon', [square(179.5, 0, 1)]), 'fencePosition'],
    ['goes around the world', shape('LineString', [[-179, 0], [179, 0]], { widthM: 9 }), 'fenceAntimeridian'], // prettier-ignore
    ['is a circle too wide', circle(yard, 'Bad', { radiusM: 1e9 }), 'fenceRadius'],
    ['is a circle of text', circle(yard, 'Bad', { radiusM: '100' }), 'fenceRadius'],
    ['is a corridor of nothing', shape('LineString', [[0, 0], [1, 0]]), 'fenceWidth'], // prettier-ignore
    ['has a long name', circle(yard, name), 'fenceProperties'],
    ['tells too many', circle(yard, 'Bad', { notify }), 'fenceProperties'],
    ['tells no role', circle(yard, 'Bad', { notify: ['role:king'] }), 'fenceProperties'],
    ['dwells for ever', circle(yard, 'Bad', { dwellMs: 1e12 }), 'fenceProperties'],
    ['has a speed below 0', circle(yard, 'Bad', { speedMaxCms: -1 }), 'fenceProperties'],
    ['is a picture', shape('GeometryCollection', []), 'badGeofence'],
    ['is a list', [], 'badGeofence'],
  ])('because it %s, is neither made nor takes the place of one', async (_name, body, refusal) => {
    const before = await api.get(dora, '/v1/geofences');
    await api.refused(refusal, 400, () => put(dora, 'kept', body));
    await api.refused(refusal, 400, () => put(dora, 'new', body));
    const made = { method: 'POST', body: JSON.stringify(body) };
    await api.refused(refusal, 400, () => api.ask(dora, '/v1/geofences', made));
    expect(await api.get(dora, '/v1/geofences')).toEqual(before);
  });

  it('because its body is too large, is not even read', async () => {
    const before = await api.get(dora, '/v1/geofences');
    const body = shape('Polygon', [square(0, 0, 1)], { attributes: { note: 'x'.repeat(1e6) } });
    await api.refused('bodyTooLarge', 413, () => put(dora, 'kept', body));
    expect(await api.get(dora, '/v1/geofences')).toEqual(before);
  });

  it('leaves the one of its id as it was for the next fix', async () => {
    await gate.move(bus, yard);
    expect(await told()).toMatchObject(['geofenceEntered', 'kept', { name: 'Yard' }]);
    await api.refused('fenceCrossing', 400, () => put(dora, 'kept', shape('Polygon', bowtie)));
    await gate.move(bus, away);
    expect(await told()).toMatchObject(['geofenceExited', 'kept', { name: 'Yard' }]);
  });
});

describe('a geofence of another tenant', () => {
  it('is not there, and one of the same id has nothing to do with it', async () => {
    const before = await api.get(dora, '/v1/geofences/kept');
    const path = '/v1/geofences/kept';
    await api.refused('unknownGeofence', 404, () => api.ask(spy, path));
    await api.refused('unknownGeofence', 404, () => drop(spy, 'kept'));
    expect((await api.get(spy, '/v1/geofences'))['features']).toEqual([]);
    expect((await put(spy, 'kept', circle(quay, 'Theirs'))).status).toBe(200);
    expect(await api.get(dora, path)).toEqual(before);
    // Over theirs, and then over the own one: only that tells.
    await gate.move(bus, quay);
    await gate.move(bus, yard);
    expect(await told()).toMatchObject(['geofenceEntered', 'kept', { name: 'Yard' }]);
    expect((await drop(spy, 'kept')).status).toBe(204);
    expect(await api.get(dora, path)).toEqual(before);
    const events = await api.get(spy, '/v1/vehicle-events?geofence=kept');
    expect(events['events']).toEqual([]);
  });

  it.each(['nothing', '..%2Fkept', 'acme%2Fkept', '%00', '*', 'x'.repeat(65)])(
    'or by the id %s is not there',
    async (id) => {
      await api.refused('unknownGeofence', 404, () => api.ask(dora, `/v1/geofences/${id}`));
      await api.refused('unknownGeofence', 404, () => drop(dora, id));
    },
  );
});
