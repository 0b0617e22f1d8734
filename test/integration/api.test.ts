/** The API over HTTP: who may ask, from where, for what, and what comes of asking badly. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openGate, type Gate } from '../support/gate.ts';
import { testToken } from '../support/engine.ts';

let test: EngineTest;
let api: Api;
let gate: Gate;

/** A user of its own, so that no test takes the requests of another. */
let users = 0;
function viewer(claims: Partial<ApiUser> = {}): ApiUser {
  users += 1;
  return { sub: `viewer-${users}`, role: 'viewer', ...claims };
}

beforeAll(async () => {
  test = await openEngineTest({ FLEETWIRE_ORIGINS: 'https://fleet.example' });
  api = createApi(() => test.engine);
  gate = await openGate(test);
  for (let index = 0; index < 25; index++) {
    const id = `bus-${String(index).padStart(2, '0')}`;
    const attributes = index === 3 ? { ignition: true, note: 'é"' } : null;
    await gate.move(id, {
      lat: 52 + index / 100,
      lon: -8 - index / 100,
      speedCms: 1_250,
      ...(attributes === null ? {} : { attributes }),
    });
  }
  await gate.move('ferry', { lat: -17, lon: 179.95 });
  await gate.settled();
  const other = await openGate(test, { tenant: 'acme' });
  await other.move('bus-00', { lat: 1, lon: 2 });
  await other.move('tram', { lat: 1, lon: 2 });
  await other.settled();
  await other.close();
});

afterAll(async () => {
  await gate.close();
  await test.cleanup();
});

function idsOf(page: Record<string, unknown>): string[] {
  return (page['positions'] as { vehicle: string }[]).map(({ vehicle }) => vehicle);
}

const fleet = [
  ...Array.from({ length: 25 }, (_, i) => `bus-${String(i).padStart(2, '0')}`),
  'ferry',
];

describe('GET /v1/positions', () => {
  it('has every vehicle of the tenant, and none of another', async () => {
    const page = await api.get(viewer(), '/v1/positions');
    expect(idsOf(page)).toEqual(fleet);
    expect(page['next']).toBeNull();
    expect((page['positions'] as unknown[])[3]).toMatchObject({
      vehicle: 'bus-03',
      latitude: 52.03,
      longitude: -8.03,
      speed: 12.5,
      course: null,
      attributes: { ignition: true, note: 'é"' },
      flags: 0,
      state: 'online',
    });
    expect(idsOf(await api.get(viewer({ tenant: 'acme' }), '/v1/positions'))).toEqual([
      'bus-00',
      'tram',
    ]);
    expect(idsOf(await api.get(viewer({ tenant: 'none' }), '/v1/positions'))).toEqual([]);
  });

  it.each([1, 4, 13, 25, 26, 27])('in pages of %i', async (limit) => {
    const path = `/v1/positions?limit=${limit}`;
    const found = await api.all<{ vehicle: string }>(viewer(), path, 'positions');
    expect(found.map(({ vehicle }) => vehicle)).toEqual(fleet);
  });

  it.each<[string, string, readonly string[]]>([
    ['some vehicles', 'vehicle=bus-07,bus-02,tram,nobody', ['bus-02', 'bus-07']],
    ['an area', 'area=-8.125,52.095,-8.095,52.125', ['bus-10', 'bus-11', 'bus-12']],
    ['an area with its edges', 'area=-8.12,52.1,-8.1,52.12', ['bus-10', 'bus-11', 'bus-12']],
    ['an area across the antimeridian', 'area=179.9,-18,-179,-16', ['ferry']],
    ['vehicles in an area', 'vehicle=bus-11,bus-20&area=-8.12,52.1,-8.1,52.12', ['bus-11']],
    ['an area where nobody is', 'area=10,10,11,11', []],
  ])('of %s', async (_name, query, ids) => {
    expect(idsOf(await api.get(viewer(), `/v1/positions?${query}`))).toEqual(ids);
  });

  it('shows each token what it may see', async () => {
    const named = viewer({ vehicles: ['bus-1*', 'ferry'] });
    const seen = [...fleet.slice(10, 20), 'ferry'];
    expect(idsOf(await api.get(named, '/v1/positions'))).toEqual(seen);
    const one = await api.get(named, '/v1/positions?vehicle=bus-01,bus-11');
    expect(idsOf(one)).toEqual(['bus-11']);
    const driver: ApiUser = { sub: 'bus-04', role: 'driver' };
    expect(idsOf(await api.get(driver, '/v1/positions'))).toEqual(['bus-04']);
  });

  it.each<[string, RefusalName]>([
    ['?limit=0', 'badQuery'],
    [`?limit=${limits.apiPageRowsMax + 1}`, 'badQuery'],
    ['?limit=many', 'badQuery'],
    ['?limit=1&limit=2', 'badQuery'],
    ['?speed=3', 'badQuery'],
    ['?vehicle=', 'badQuery'],
    ['?vehicle=a,../b', 'badQuery'],
    ['?vehicle=acme/tram', 'badQuery'],
    ['?area=1,2,3', 'badQuery'],
    ['?area=0,50,10,40', 'badQuery'],
    ['?area=0,0,181,1', 'badQuery'],
    ['?cursor=nonsense', 'badCursor'],
    [`?cursor=${Buffer.from('["track",5]').toString('base64url')}`, 'badCursor'],
    [`?cursor=${Buffer.from('["vehicle",5]').toString('base64url')}`, 'badCursor'],
    [`?cursor=${'x'.repeat(513)}`, 'badQuery'],
  ])('refuses %s', async (query, name) => {
    await api.refused(name, 400, () => api.ask(viewer(), `/v1/positions${query}`));
  });

  it('refuses more vehicles than may be named', async () => {
    const ids = Array.from({ length: limits.apiVehiclesMax + 1 }, (_, index) => `v${index}`);
    const path = `/v1/positions?vehicle=${ids.join(',')}`;
    const answer = await api.refused('badQuery', 400, () => api.ask(viewer(), path));
    expect(answer.json?.['detail']).toContain(String(limits.apiVehiclesMax));
  });
});

describe('GET /v1/vehicles/{vehicle}', () => {
  it('has its position and its connection', async () => {
    const vehicle = await api.get(viewer(), '/v1/vehicles/bus-03');
    expect(vehicle).toMatchObject({ vehicle: 'bus-03', state: 'online', offlineReason: null });
    expect(vehicle['receivedAtMs']).toBeGreaterThanOrEqual(vehicle['timeMs'] as number);
    expect(await api.get(viewer({ tenant: 'acme' }), '/v1/vehicles/bus-00')).toMatchObject({
      latitude: 1,
    });
  });

  it('of another tenant, or of nobody, is unknown', async () => {
    const ask = (path: string) => () => api.ask(viewer(), path);
    await api.refused('unknownVehicle', 404, ask('/v1/vehicles/tram'));
    await api.refused('unknownVehicle', 404, ask('/v1/vehicles/nobody'));
    await api.refused('badVehicleId', 400, ask('/v1/vehicles/acme%2Ftram'));
    await api.refused('badVehicleId', 400, ask('/v1/vehicles/bus%2001'));
    await api.refused('notFound', 404, ask('/v1/vehicles/%E0%A4%A'));
    await api.refused('notFound', 404, ask('/v1/vehicles/bus-01/'));
    await api.refused('notFound', 404, ask('/v1/nothing'));
  });

  it('that the token does not see is not told of, there or not', async () => {
    const named = viewer({ vehicles: ['bus-1*'] });
    const ask = (id: string) => () => api.ask(named, `/v1/vehicles/${id}`);
    await api.refused('notAllowed', 403, ask('bus-01'));
    await api.refused('notAllowed', 403, ask('nobody'));
    expect((await ask('bus-11')()).status).toBe(200);
  });
});

describe('tokens', () => {
  it('there is none, or a bad one', async () => {
    const bare = await api.refused('tokenMissing', 401, () => api.ask(null, '/v1/positions'));
    expect(bare.headers.get('www-authenticate')).toBe('Bearer');
    const withToken = (token: string) => () =>
      api.ask(null, '/v1/positions', { headers: { authorization: `Bearer ${token}` } });
    await api.refused('tokenMalformed', 401, withToken('abc'));
    const expired = await testToken({ ...viewer(), ttlS: -60 });
    await api.refused('tokenExpired', 401, withToken(expired));
    await api.refused('tokenMissing', 401, () =>
      api.ask(null, `/v1/positions`, { headers: { authorization: `Basic ${expired}` } }),
    );
    const [head, body] = expired.split('.');
    await api.refused('tokenSignature', 401, withToken(`${head}.${body}.AAAA`));
  });

  it('a device has no business here', async () => {
    const device: ApiUser = { sub: 'bus-01', role: 'device' };
    await api.refused('roleNotAllowed', 403, () => api.ask(device, '/v1/positions'));
  });

  it('one that is revoked is no good from that moment on', async () => {
    const user = viewer({ tokenId: 'stolen' });
    expect((await api.ask(user, '/v1/positions')).status).toBe(200);
    const admin: ApiUser = { sub: 'root', role: 'admin' };
    const body = JSON.stringify({ tokenId: 'stolen' });
    const revoked = await api.ask(admin, '/v1/calls/revoke', { method: 'POST', body });
    expect(revoked).toMatchObject({ status: 200, text: 'null\n' });
    await api.refused('tokenRevoked', 401, () => api.ask(user, '/v1/positions'));
  });
});

describe('web pages', () => {
  const origin = 'https://fleet.example';

  it('of an allowed origin may ask, and read what is refused', async () => {
    const answer = await api.ask(viewer(), '/v1/positions', { headers: { origin } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    expect(answer.headers.get('vary')).toBe('origin');
    const refused = await api.ask(null, '/v1/positions', { headers: { origin } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin);
  });

  it('of another origin may not, whatever their token', async () => {
    const headers = { origin: 'https://evil.example' };
    const answer = await api.refused('originNotAllowed', 403, () =>
      api.ask(viewer(), '/v1/positions', { headers }),
    );
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    const preflight = { ...headers, 'access-control-request-method': 'GET' };
    const asked = await api.ask(null, '/v1/positions', { method: 'OPTIONS', headers: preflight });
    expect(asked.status).toBe(403);
  });

  it('ask first what they may, without a token', async () => {
    const headers = { origin, 'access-control-request-method': 'POST' };
    const answer = await api.ask(null, '/v1/calls/presence', { method: 'OPTIONS', headers });
    expect(answer.status).toBe(204);
    expect(answer.text).toBe('');
    expect(answer.headers.get('access-control-allow-methods')).toBe('POST');
    expect(answer.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
    const get = await api.ask(null, '/v1/positions', { method: 'OPTIONS', headers });
    expect(get.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
    const none = await api.ask(null, '/v1/nothing', { method: 'OPTIONS', headers });
    expect(none.status).toBe(404);
  });
});

describe('answers', () => {
  it('are stored by no cache, and not sent again to whoever has them', async () => {
    const user = viewer({ tenant: 'acme' });
    const path = '/v1/positions?vehicle=tram';
    const first = await api.ask(user, path);
    expect(first.headers.get('cache-control')).toBe('no-store');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    for (const tags of [etag, `"other", W/${etag}`, '*']) {
      const again = await api.ask(user, path, { headers: { 'if-none-match': tags } });
      expect(again).toMatchObject({ status: 304, text: '' });
      expect(again.headers.get('etag')).toBe(etag);
    }
    const other = await api.ask(user, path, { headers: { 'if-none-match': '"other"' } });
    expect(other).toMatchObject({ status: 200, text: first.text });
  });

  it('HEAD has the headers of GET and no body', async () => {
    const user = viewer({ tenant: 'acme' });
    const got = await api.ask(user, '/v1/positions');
    const head = await api.ask(user, '/v1/positions', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers.get('etag')).toBe(got.headers.get('etag'));
    expect(Number(head.headers.get('content-length'))).toBe(Buffer.byteLength(got.text));
    const track = await api.ask(user, '/v1/vehicles/tram/track', { method: 'HEAD' });
    expect(track).toMatchObject({ status: 200, text: '' });
  });

  it('other methods are refused with those that are taken', async () => {
    const answer = await api.refused('methodNotAllowed', 405, () =>
      api.ask(viewer(), '/v1/positions', { method: 'DELETE' }),
    );
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
    const call = await api.ask(viewer(), '/v1/calls/presence');
    expect(call.status).toBe(405);
    expect(call.headers.get('allow')).toBe('POST');
    for (const method of ['PATCH', 'OPTIONS']) {
      expect((await api.ask(viewer(), '/v1/positions', { method })).status).toBe(405);
    }
  });

  it('the document is there for everybody', async () => {
    const { status, json, headers } = await api.ask(null, '/v1/openapi.json');
    expect(status).toBe(200);
    expect(json?.['openapi']).toBe('3.1.0');
    expect(headers.get('cache-control')).toBe('no-cache');
  });
});
