/**
 * Stored tracks shown again, on the real engine: the real bus journey to the last fix, bad calls, readers that stop,
 * and how little the others notice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLiveClient, type Position, type ReplayEnd } from '../../src/client/index.ts';
import { refusals, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { LivePosition } from '../../src/wire/types.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { testToken } from '../support/engine.ts';
import { distinctTrack } from '../support/gpx.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';
import { openWitness, type Witness } from '../support/witness.ts';

const bus = 'bus-304';
const track = distinctTrack();
const fromMs = track[0]?.timeMs ?? NaN;
const toMs = (track.at(-1)?.timeMs ?? NaN) + 1;
const dayMs = 86_400_000;
const waveMs = Math.floor(Date.now() / dayMs) * dayMs - 2 * dayMs;
/** More bytes than the kernel takes for a client that does not read. */
const longFixes = 10_000;
const longNote = 'x'.repeat(900);
/** So that a frame of long ones is small enough. */
const fixesPerFrame = 50;
const journey = { vehicle: bus, fromMs, toMs };
const long = { vehicle: 'long', fromMs: waveMs, toMs: waveMs + dayMs };

let witness: Witness;
let api: Api;

beforeAll(async () => {
  witness = await openWitness({ FLEETWIRE_FILTER_ACCURACY_MAX_DM: '2000' });
  api = createApi(() => witness.test.engine);
  await sendJourney();
  await sendLong();
}, 120_000);

afterAll(() => witness.cleanup());

async function sendJourney(): Promise<void> {
  const fixes = track.map(({ timeMs, latE7, lonE7 }) => [timeMs - fromMs, latE7, lonE7]);
  await send(bus, fromMs, fixes);
}

async function sendLong(): Promise<void> {
  const fixes = Array.from({ length: longFixes }, (_, index) => {
    return [index * 1_000, 526_000_000 + index, 0, null, null, null, null, null, { longNote }];
  });
  await send('long', waveMs, fixes);
}

/** Resolves once all of them are in the database. */
async function send(vehicle: string, baseMs: number, fixes: readonly unknown[]): Promise<void> {
  const device = await witness.ingest(vehicle);
  const frames = Math.ceil(fixes.length / fixesPerFrame);
  for (let seq = 1; seq <= frames; seq++) {
    device.send([1, seq, baseMs, fixes.slice((seq - 1) * fixesPerFrame, seq * fixesPerFrame)]);
    if (seq % (limits.framesInFlightMax / 2) === 0) await acked(device, seq, 1);
  }
  await acked(device, frames, 2);
  await device.close();
}

async function acked(device: TestSocket, seq: number, level: number): Promise<void> {
  for (;;) {
    const [, ackedSeq, ackedLevel] = (await device.nextOf(17)) as [number, number, number];
    if (ackedSeq >= seq && ackedLevel >= level) return;
  }
}

const counter = (name: string): Promise<number> =>
  witness.test.engine.counter(`fleetwire_${name}_total`);
const open = (): Promise<number> => witness.test.engine.counter('fleetwire_replays');

/** Calls, and gives the result; what comes before the answer is given to `meanwhile`. */
async function call(
  socket: TestSocket,
  request: number,
  method: string,
  params: unknown,
  meanwhile: unknown[][] = [],
): Promise<Record<string, unknown>> {
  socket.send([34, request, method, params]);
  for (;;) {
    const frame = (await socket.next()) as unknown[];
    if (frame[0] === 49 && frame[1] === request) return frame[2] as Record<string, unknown>;
    meanwhile.push(frame);
  }
}

/** Reads a replay to its end: its positions, and what it ended with. */
async function readAll(
  socket: TestSocket,
  topic: string,
): Promise<{ positions: LivePosition[]; end: Record<string, unknown>; frames: number }> {
  const positions: LivePosition[] = [];
  for (let frames = 0; ; frames++) {
    const [type, of, third, event, data] = (await socket.next()) as unknown[];
    expect(of).toBe(topic);
    if (type === 52) positions.push(...(third as LivePosition[]));
    else if (event === 'ended') {
      return { positions, end: data as Record<string, unknown>, frames };
    }
  }
}

interface Stored {
  readonly timeMs: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly speed: number | null;
  readonly course: number | null;
  readonly altitude: number | null;
  readonly accuracy: number | null;
  readonly satellites: number | null;
  readonly attributes: unknown;
  readonly flags: number;
}

const scaled = (value: number | null, scale: number): number | null =>
  value === null ? null : Math.round(value * scale);

/** What the HTTP API has of a track, as positions. */
async function stored(vehicle: string, query: string): Promise<unknown[][]> {
  const user: ApiUser = { sub: 'reader', role: 'viewer' };
  const fixes = await api.all<Stored>(user, `/v1/vehicles/${vehicle}/track?${query}`, 'fixes');
  return fixes.map((fix) => [
    vehicle,
    fix.timeMs,
    Math.round(fix.latitude * 1e7),
    Math.round(fix.longitude * 1e7),
    scaled(fix.speed, 100),
    scaled(fix.course, 100),
    scaled(fix.altitude, 10),
    scaled(fix.accuracy, 10),
    fix.satellites,
    fix.attributes,
    fix.flags,
    1,
  ]);
}

describe('the bus journey', () => {
  it.each(['fleetwire.v1', 'fleetwire.v1.json'])('by %s is the stored track', async (protocol) => {
    const socket = await witness.live(protocol);
    const range = `from=${fromMs}&to=${toMs}`;
    const raw = await call(socket, 1, 'replay.start', { ...journey, speed: 0, raw: true });
    const all = await readAll(socket, String(raw['topic']));
    expect(all.positions).toHaveLength(2_144);
    expect(all.positions.map(([, timeMs]) => timeMs)).toEqual(track.map(({ timeMs }) => timeMs));
    expect(all.positions).toEqual(await stored(bus, `${range}&all=true`));
    expect(all.end).toEqual({ reason: 'complete', shown: 2_144, lastMs: toMs - 1 });

    const good = await call(socket, 2, 'replay.start', journey);
    const shown = await readAll(socket, String(good['topic']));
    expect(shown.positions).toEqual(await stored(bus, range));
    expect(good['topic']).not.toBe(raw['topic']);
    await socket.close();
  });

  it('is shown without what was filtered, unless that is asked for', async () => {
    const device = await witness.ingest('van');
    const accuraciesDm = [30, 3_000, 40, 50_000];
    const fixes = accuraciesDm.map((dm, index) => [index * 1_000, 0, 0, null, null, null, dm]);
    device.send([1, 1, waveMs, fixes]);
    for (let level = 1; level < 2;) level = Number((await device.nextOf(17))[2]);
    const socket = await witness.live();
    const shownBy = async (request: number, raw: boolean): Promise<unknown[]> => {
      const asked = { vehicle: 'van', fromMs: waveMs, toMs: waveMs + 60_000, raw };
      const { topic } = await call(socket, request, 'replay.start', asked);
      return (await readAll(socket, String(topic))).positions.map((position) => position[7]);
    };
    expect(await shownBy(1, true)).toEqual(accuraciesDm);
    expect(await shownBy(2, false)).toEqual([30, 40]);
    await Promise.all([socket.close(), device.close()]);
  });

  it('comes at a pace, and can be changed on its way', async () => {
    const socket = await witness.live();
    const meanwhile: unknown[][] = [];
    const started = await call(socket, 1, 'replay.start', { ...journey, speed: 100, raw: true });
    const { id, topic } = started;
    expect(started).toMatchObject({ isPaused: false, speed: 100, placeMs: fromMs, shown: 0 });
    // The first comes at once and alone.
    const [, of, first] = (await socket.next()) as [number, string, LivePosition[]];
    expect([of, first.map(([, timeMs]) => timeMs)]).toEqual([topic, [fromMs]]);
    await socket.next();
    const paused = await call(socket, 2, 'replay.pause', { id }, meanwhile);
    expect(paused).toMatchObject({ id, topic, isPaused: true });
    const seekMs = fromMs + 600_000;
    const sought = await call(socket, 3, 'replay.seek', { id, timeMs: seekMs });
    expect(sought).toEqual({ ...paused, placeMs: seekMs });
    expect(await call(socket, 4, 'replay.speed', { id, speed: 0 })).toMatchObject({ speed: 0 });
    await call(socket, 5, 'replay.resume', { id });
    const rest = await readAll(socket, String(topic));
    expect(rest.positions.map(([, timeMs]) => timeMs)).toEqual(
      track.map(({ timeMs }) => timeMs).filter((timeMs) => timeMs >= seekMs),
    );
    expect(rest.end['shown']).toBe(Number(paused['shown']) + rest.positions.length);
    await socket.close();
  });

  it('is shown by the client', async () => {
    const { engine } = witness.test;
    const token = await testToken({ sub: 'carl', role: 'viewer' });
    const client = createLiveClient({ url: `${engine.wsUrl}/v1/live`, token });
    const seen: Position[] = [];
    const end = await new Promise<ReplayEnd>((onEnd) => {
      const onPositions = (positions: readonly Position[]) => void seen.push(...positions);
      client.replay({ ...journey, raw: true }, { onPositions, onEnd });
    });
    expect(seen.map(({ timeMs }) => timeMs)).toEqual(track.map(({ timeMs }) => timeMs));
    expect(end).toEqual({ reason: 'complete', shown: 2_144, lastMs: toMs - 1 });
    expect(client.ignored).toBe(0);

    const ended = new Promise<ReplayEnd>((onEnd) => {
      const slow = { ...journey, speed: limits.replaySpeedMin };
      client.replay(slow, { onPositions: () => undefined, onEnd }).ready.then(
        () => client.close(),
        () => undefined,
      );
    });
    expect(await ended).toMatchObject({ reason: 'closed' });
    await expect.poll(open).toBe(0);
  });
});

describe('a call about a replay', () => {
  const dan = { sub: 'dan', role: 'viewer' } as const;

  it.each<[string, Record<string, unknown>, RefusalName]>([
    ['no vehicle', { vehicle: null }, 'badParams'],
    ['a vehicle that is none', { vehicle: 'acme/bus' }, 'badParams'],
    ['raw that is no boolean', { raw: 1 }, 'badParams'],
    ['no begin', { fromMs: null }, 'badTimeRange'],
    ['an end that is text', { toMs: '2026-01-01' }, 'badTimeRange'],
    ['an end before its begin', { toMs: fromMs - 1 }, 'badTimeRange'],
    ['an end at its begin', { toMs: fromMs }, 'badTimeRange'],
    ['a begin before 1970', { fromMs: -1 }, 'badTimeRange'],
    ['a begin within a ms', { fromMs: fromMs + 0.5 }, 'badTimeRange'],
    ['an end that no database has', { toMs: Number.MAX_SAFE_INTEGER }, 'badTimeRange'],
    ['a year', { toMs: fromMs + limits.replayRangeMaxMs + 1 }, 'rangeTooLong'],
    ['a speed under the slowest', { speed: 0.09 }, 'badSpeed'],
    ['a speed over the fastest', { speed: 1_001 }, 'badSpeed'],
    ['a speed backwards', { speed: -1 }, 'badSpeed'],
    ['a speed that is text', { speed: 'fast' }, 'badSpeed'],
    ['an unknown vehicle', { vehicle: 'nobody' }, 'unknownVehicle'],
  ])('with %s', (_name, params, name) =>
    witness.refused(dan, [34, 1, 'replay.start', { ...journey, ...params }], name),
  );

  it.each<[Record<string, unknown>, RefusalName]>([
    [{ tenant: 'acme' }, 'unknownVehicle'],
    [{ vehicles: ['van-*'] }, 'callNotAllowed'],
    [{ role: 'driver' }, 'callNotAllowed'],
  ])('of %j', (claims, name) =>
    witness.refused({ ...dan, ...claims }, [34, 1, 'replay.start', journey], name),
  );

  it.each(['pause', 'resume', 'seek', 'speed', 'stop'])('%s of one that is not there', (verb) =>
    witness.refused(dan, [34, 1, `replay.${verb}`, { id: '1', timeMs: 0 }], 'unknownReplay'),
  );

  it('about one that is there', async () => {
    const socket = await witness.live('fleetwire.v1', dan);
    const params = { ...journey, speed: limits.replaySpeedMin };
    const { id } = await call(socket, 1, 'replay.start', params);
    await socket.nextOf(52);
    await call(socket, 2, 'replay.pause', { id });
    const refused = async (request: number, method: string, more: unknown, name: RefusalName) => {
      socket.send([34, request, method, more]);
      const { code, message } = refusals[name];
      expect(await socket.next()).toEqual([50, request, code, message, false]);
    };
    await refused(3, 'replay.seek', { id, timeMs: fromMs - 1 }, 'badTimeRange');
    await refused(4, 'replay.seek', { id, timeMs: toMs }, 'badTimeRange');
    await refused(5, 'replay.seek', { id }, 'badTimeRange');
    await refused(6, 'replay.speed', { id, speed: 5_000 }, 'badSpeed');
    await refused(7, 'replay.stop', { id: 1 }, 'unknownReplay');
    await refused(8, 'replay.stop', null, 'unknownReplay');
    for (let request = 9; request < 8 + limits.replaysPerConnectionMax; request++) {
      await call(socket, request, 'replay.start', params, []);
    }
    socket.send([34, 99, 'replay.start', params]);
    expect((await socket.nextOf(50)).slice(1, 3)).toEqual([99, refusals.tooManyReplays.code]);
    expect(await open()).toBe(limits.replaysPerConnectionMax);
    // Nothing is left of them but one, and nothing with the connection.
    expect(await call(socket, 100, 'replay.stop', { id })).toMatchObject({ id, shown: 1 });
    expect(await open()).toBe(limits.replaysPerConnectionMax - 1);
    await socket.close();
    await expect.poll(open).toBe(0);
  });

  it('by HTTP, which has no connection to show it to', () =>
    api.refused('connectionOnly', 400, () =>
      api.ask(dan, '/v1/calls/replay.start', { method: 'POST', body: JSON.stringify(journey) }),
    ));

  it('ends with a token that does not allow it any more', async () => {
    const socket = await witness.live('fleetwire.v1', dan);
    const { topic } = await call(socket, 1, 'replay.start', { ...journey, speed: 1 });
    socket.send([9, await testToken({ ...dan, vehicles: ['van-*'] })]);
    const reason = refusals.topicNotAllowed.message;
    expect(await socket.nextOf(54)).toEqual([54, topic, reason]);
    expect(await open()).toBe(0);
    await socket.close();
  });
});

describe('a client that does not read', () => {
  it('stops its own replay, and gets every fix when it reads again', async () => {
    const token = await testToken({ sub: 'slow', role: 'viewer' });
    const url = `${witness.test.engine.wsUrl}/v1/live`;
    const slow = await openSocket(url, { token, protocols: ['fleetwire.v1.json'] });
    await slow.nextOf(48);
    const fast = await witness.live('fleetwire.v1.json', { sub: 'fast' });
    const before = await counter('replays_stalled');
    const rowsBefore = await counter('replay_rows_read');
    const { topic } = await call(slow, 1, 'replay.start', long);
    slow.pause();
    await expect.poll(() => counter('replays_stalled'), { timeout: 30_000 }).toBe(before + 1);
    const rows = await counter('replay_rows_read');
    expect(rows - rowsBefore).toBeLessThan(longFixes);

    // Others go on: a replay of the same track, and what is live.
    const other = await call(fast, 1, 'replay.start', { ...long, toMs: waveMs + 500_000 });
    expect((await readAll(fast, String(other['topic']))).positions).toHaveLength(500);
    await witness.undisturbed();
    expect(await counter('replay_rows_read')).toBe(rows + 500);
    const waitingBytes = await witness.test.engine.counter('fleetwire_sockets_waiting_bytes');
    expect(waitingBytes).toBeLessThan(2 * limits.subscriberHighWaterBytes);

    slow.resume();
    const { positions, end } = await readAll(slow, String(topic));
    expect(end).toMatchObject({ reason: 'complete', shown: longFixes });
    const times = Array.from({ length: longFixes }, (_, index) => waveMs + index * 1_000);
    expect(positions.map(([, timeMs]) => timeMs)).toEqual(times);
    expect(await counter('messages_dropped')).toBe(0);
    await Promise.all([slow.close(), fast.close()]);
  }, 120_000);
});
