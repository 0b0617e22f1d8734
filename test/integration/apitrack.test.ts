/** Tracks and summaries over HTTP: pages, files, simplified, too long, read slowly, left in the middle. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGpxParser } from '../../src/cli/gpx.ts';
import { refusals, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { distanceToLineM } from '../../src/server/api/simplify.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { sendWave } from '../support/wave.ts';

let test: EngineTest;
let api: Api;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Midnight two days ago, so that all of it is in the past. */
const startMs = Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs;
const longFixes = limits.trackRowsMax + 1_000;
const day = (index: number): number => startMs + index * dayMs;

interface Fix {
  readonly timeMs: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly speed: number | null;
  readonly attributes: unknown;
}

let users = 0;
function viewer(claims: Partial<ApiUser> = {}): ApiUser {
  users += 1;
  return { sub: `reader-${users}`, role: 'viewer', ...claims };
}

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  await sendWave(test, { vehicle: 'bus-1', fixes: 2_500, startMs, stepS: 10 });
  await sendWave(test, { vehicle: 'long', fixes: longFixes, startMs, stepS: 1 });
  await sendWave(test, { vehicle: 'bus-1', tenant: 'acme', fixes: 3, startMs, stepS: 10 });
}, 120_000);

afterAll(() => test.cleanup());

const range = `from=${startMs}&to=${new Date(day(2)).toISOString()}`;

const fixesOf = (user: ApiUser, query: string): Promise<Fix[]> =>
  api.all<Fix>(user, `/v1/vehicles/bus-1/track?${query}`, 'fixes');

describe('a track in JSON', () => {
  it.each([1_000, 2_499, 2_500, 2_501, 700])('in pages of %i', async (limit) => {
    const fixes = await fixesOf(viewer(), `${range}&limit=${limit}`);
    const times = Array.from({ length: 2_500 }, (_, index) => startMs + index * 10_000);
    expect(fixes.map(({ timeMs }) => timeMs)).toEqual(times);
    expect(fixes[7]).toMatchObject({ attributes: { note: 'a "quote", é' }, speed: null });
    expect(fixes[6]).toMatchObject({ speed: 16, course: 90, altitude: 5.5, satellites: 8 });
  });

  it('of a part of the time, in any way of saying it', async () => {
    const from = new Date(startMs + 1_000_000).toISOString();
    const zoned = from.replace('.000Z', '%2B00:00');
    for (const text of [from, zoned, zoned.replace('%2B', '+'), String(startMs + 1_000_000)]) {
      const fixes = await fixesOf(viewer(), `from=${text}&to=${startMs + 1_050_000}`);
      expect(fixes).toHaveLength(5);
    }
    const date = new Date(startMs).toISOString().slice(0, 10);
    expect(await fixesOf(viewer(), `from=${date}&to=${startMs + 30_000}`)).toHaveLength(3);
    expect(await fixesOf(viewer(), '')).toHaveLength(0);
    expect(await fixesOf(viewer({ tenant: 'acme' }), range)).toHaveLength(3);
  });

  it.each([0.5, 20, 500])('simplified to %d m it is nowhere further away', async (metres) => {
    const all = await fixesOf(viewer(), range);
    const some = await fixesOf(viewer(), `${range}&simplify=${metres}`);
    expect(some.length).toBeLessThan(all.length);
    expect(some[0]).toEqual(all[0]);
    expect(some.at(-1)).toEqual(all.at(-1));
    let at = 1;
    for (const fix of all) {
      while (at < some.length - 1 && some[at]!.timeMs < fix.timeMs) at += 1;
      expect(distanceToLineM(fix, some[at - 1]!, some[at]!)).toBeLessThanOrEqual(metres + 0.01);
    }
  });

  it.each<[string, RefusalName, number]>([
    [`from=${day(1)}&to=${day(0)}`, 'badTimeRange', 400],
    [`from=${day(1)}&to=${day(1)}`, 'badTimeRange', 400],
    ['from=yesterday', 'badTimeRange', 400],
    ['from=2026-02-30T00:00:00Z', 'badTimeRange', 400],
    ['from=2026-01-01T00:00:00', 'badTimeRange', 400],
    ['to=-5', 'badTimeRange', 400],
    ['to=99999999999999999999', 'badTimeRange', 400],
    ['from=0', 'rangeTooLong', 422],
    [`limit=${limits.trackRowsMax + 1}`, 'badQuery', 400],
    ['format=shapefile', 'badQuery', 400],
    ['simplify=-1', 'badQuery', 400],
    ['simplify=1e9', 'badQuery', 400],
    ['all=yes', 'badQuery', 400],
    ['format=gpx&limit=5', 'badQuery', 400],
    ['cursor=AAAA', 'badCursor', 400],
    [`cursor=${Buffer.from('["track",-1]').toString('base64url')}`, 'badCursor', 400],
  ])('refuses %s', async (query, name, status) => {
    const answer = await api.ask(viewer(), `/v1/vehicles/bus-1/track?${query}`);
    expect(answer.json).toMatchObject({ error: name, code: refusals[name].code });
    expect(answer.status).toBe(status);
  });

  it('of one that is not there, or not to be seen', async () => {
    const status = async (user: ApiUser, id: string) =>
      (await api.ask(user, `/v1/vehicles/${id}/track`)).status;
    expect(await status(viewer(), 'nobody')).toBe(404);
    expect(await status(viewer({ tenant: 'acme' }), 'long')).toBe(404);
    expect(await status(viewer({ vehicles: ['van-*'] }), 'bus-1')).toBe(403);
    expect(await status(viewer({ vehicles: ['van-*'] }), 'nobody')).toBe(403);
    expect(await status({ sub: 'bus-1', role: 'driver' }, 'bus-1')).toBe(200);
    expect(await status(viewer(), 'bus%2F1')).toBe(400);
  });
});

describe('a track as a file', () => {
  const ask = (format: string, more = '') =>
    api.ask(viewer(), `/v1/vehicles/bus-1/track?${range}&format=${format}${more}`);

  it('GPX reads back as it was', async () => {
    const { text, headers } = await ask('gpx');
    expect(headers.get('content-type')).toBe('application/gpx+xml');
    expect(headers.get('content-disposition')).toBe('attachment; filename="bus-1.gpx"');
    const parser = createGpxParser(limits);
    parser.write(text);
    const points = parser.end();
    const fixes = await fixesOf(viewer(), range);
    const told = fixes.map(({ timeMs, latitude, longitude }) => {
      return { timeMs, latitude, longitude, altitude: 5.5 };
    });
    expect(points).toEqual(told);
  });

  it('GeoJSON is one line', async () => {
    const { json } = await ask('geojson');
    const { coordinates } = json!['geometry'] as { coordinates: number[][] };
    const { timesMs } = json!['properties'] as { timesMs: number[] };
    expect(coordinates).toHaveLength(2_500);
    expect(timesMs).toHaveLength(2_500);
    expect(coordinates[0]).toEqual([-8, 52, 5.5]);
    expect(timesMs[2]).toBe(startMs + 20_000);
    const short = `from=${startMs}&to=${startMs + 1}&format=geojson`;
    const one = await api.get(viewer(), `/v1/vehicles/bus-1/track?${short}`);
    expect(one['geometry']).toMatchObject({ coordinates: [coordinates[0], coordinates[0]] });
    const none = await api.get(viewer(), '/v1/vehicles/bus-1/track?format=geojson');
    expect(none['geometry']).toBeNull();
  });

  it('CSV has a line for each fix', async () => {
    const { text } = await ask('csv');
    const lines = text.split('\r\n');
    expect(lines).toHaveLength(2_502);
    expect(lines[0]).toMatch(/^time,latitude,longitude,speed_m_s,/);
    expect(lines[1]).toBe(`${new Date(startMs).toISOString()},52,-8,10,90,5.5,3,8,2,`);
    expect(lines[8]).toMatch(/,2,"{""note"": ""a \\""quote\\"", é""}"$/);
  });

  it('KML has a time for each place', async () => {
    const { text } = await ask('kml');
    expect(text.match(/<when>/g)).toHaveLength(2_500);
    expect(text.match(/<gx:coord>/g)).toHaveLength(2_500);
    expect(text).toContain('<gx:coord>-8 52 5.5</gx:coord>');
    expect(text.endsWith('</kml>\n')).toBe(true);
  });

  it('can be simplified', async () => {
    const { text } = await ask('csv', '&simplify=20');
    const fixes = await fixesOf(viewer(), `${range}&simplify=20&limit=2500`);
    expect(text.split('\r\n')).toHaveLength(fixes.length + 2);
  });

  it('of too many fixes is refused before it begins', async () => {
    const whole = `/v1/vehicles/long/track?${range}`;
    const answer = await api.ask(viewer(), `${whole}&format=gpx`);
    expect(answer.status).toBe(422);
    expect(answer.json).toMatchObject({ error: 'trackTooLong' });
    const page = await api.get(viewer(), `${whole}&limit=${limits.trackRowsMax}`);
    expect(page['fixes']).toHaveLength(limits.trackRowsMax);
    const rest = await api.get(viewer(), `${whole}&limit=100000&cursor=${String(page['next'])}`);
    expect(rest['fixes']).toHaveLength(1_000);
    expect(rest['next']).toBeNull();
  });
});

describe('a client that does not read', () => {
  const counter = (name: string): Promise<number> => test.engine.counter(`fleetwire_${name}_total`);

  async function openStream(): Promise<IncomingMessage> {
    const token = await testToken(viewer());
    const path = `/v1/vehicles/long/track?${range}&limit=${limits.trackRowsMax}`;
    const headers = { authorization: `Bearer ${token}` };
    const request = get(`${test.engine.url}${path}`, { headers, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.pause();
    return response;
  }

  /** Resolves once the engine reads no more rows for it. */
  async function stalled(): Promise<number> {
    let rows = -1;
    await expect
      .poll(
        async () => {
          const before = rows;
          rows = await counter('api_rows_read');
          return rows - before;
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe(0);
    return rows;
  }

  it('is waited for without reading on, and then gets all of it', async () => {
    const before = await counter('api_rows_read');
    const response = await openStream();
    const rows = (await stalled()) - before;
    expect(rows).toBeLessThan(limits.trackRowsMax / 2);
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.resume();
    await once(response, 'end');
    const { fixes, next } = JSON.parse(text) as { fixes: unknown[]; next: string };
    expect(fixes).toHaveLength(limits.trackRowsMax);
    expect(next).toBeTypeOf('string');
  });

  it('and leaves costs nothing more, and others go on', async () => {
    const aborted = await counter('streams_aborted');
    const streams = await Promise.all([openStream(), openStream(), openStream(), openStream()]);
    const rows = await stalled();
    expect(await fixesOf(viewer(), `${range}&limit=2500`)).toHaveLength(2_500);
    for (const stream of streams) stream.destroy();
    await expect.poll(() => counter('streams_aborted'), { timeout: 10_000 }).toBe(aborted + 4);
    expect((await counter('api_rows_read')) - rows).toBeLessThan(limits.trackRowsMax / 2);
    expect(await counter('streams_broken')).toBe(0);
  });
});

describe('summaries', () => {
  interface Summary {
    readonly startMs: number;
    readonly fixes: number;
    readonly topSpeed: number;
    readonly averageSpeed: number;
    readonly distanceM: number | null;
  }
  const summaries = async (query: string): Promise<Summary[]> => {
    const answer = await api.get(viewer(), `/v1/vehicles/bus-1/summaries?${query}`);
    return answer['summaries'] as Summary[];
  };

  it('per hour and per day', async () => {
    const hours = await summaries(`per=hour&${range}`);
    expect(hours.map(({ fixes }) => fixes)).toEqual([360, 360, 360, 360, 360, 360, 340]);
    expect(hours.map(({ startMs: ms }) => (ms - startMs) / hourMs)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const [first] = hours;
    expect(first).toMatchObject({ topSpeed: 16, firstTimeMs: startMs });
    expect(first?.averageSpeed).toBeCloseTo(13, 1);
    const days = await summaries(`per=day&from=${startMs + 5 * hourMs}&to=${startMs + 6 * hourMs}`);
    expect(days).toHaveLength(1);
    expect(days[0]).toMatchObject({ startMs, fixes: 2_500 });
    const sum = hours.reduce((total, { distanceM }) => total + (distanceM ?? 0), 0);
    expect(Math.abs(sum - (days[0]?.distanceM ?? 0))).toBeLessThan(10);
    expect(sum).toBeGreaterThan(20_000);
    expect(await summaries('per=hour')).toEqual([]);
  });

  it.each<[string, RefusalName]>([
    ['', 'badQuery'],
    ['per=week', 'badQuery'],
    ['per=hour&from=x', 'badTimeRange'],
    [`per=hour&from=${startMs - 40 * dayMs}`, 'rangeTooLong'],
    [`per=day&from=${startMs - 400 * dayMs}`, 'rangeTooLong'],
  ])('refuses %s', async (query, name) => {
    const answer = await api.ask(viewer(), `/v1/vehicles/bus-1/summaries?${query}`);
    expect(answer.json).toMatchObject({ error: name });
  });

  it('of one that is not there, or not to be seen', async () => {
    const path = '/v1/vehicles/nobody/summaries?per=day';
    expect((await api.ask(viewer(), path)).status).toBe(404);
    expect((await api.ask(viewer({ vehicles: ['a'] }), path)).status).toBe(403);
  });
});
