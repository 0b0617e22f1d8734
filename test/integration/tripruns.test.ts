/**
 * A trip that a dispatcher starts, and the real journey of a bus that runs on it: its positions and its totals while it
 * runs, over a kill; its end; what comes late; and that the journey is not told again as a detected trip.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createDeviceClient } from '../../src/client/index.ts';
import { createMeter, takeFix, totalsOf, type TripSpan } from '../../src/fleet/tripmeter.ts';
import { limits } from '../../src/limits.ts';
import { emptyFix } from '../../src/live/vehicles.ts';
import type { Fix } from '../../src/wire/types.ts';
import { createApi } from '../support/api.ts';
import { openTestDesk, stateOf, type Person, type TestDesk } from '../support/desk.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { distinctTrack } from '../support/gpx.ts';

const bus = 'bus-304';
/** Held to the file itself by other code in bustrip.test.ts. */
const trackM = 14_190;
const track = distinctTrack();
const lastMs = track.at(-1)!.timeMs;
/** The journey as if it had ended half a minute ago: nothing of it is a silence that would end a detected trip. */
const byMs = Date.now() - 30_000 - lastMs;
const fixes: readonly Fix[] = track.map(({ timeMs, latE7, lonE7 }) => {
  return Object.assign(emptyFix(timeMs + byMs), { latE7, lonE7 });
});
const timesOf = (some: readonly Fix[]): readonly number[] => some.map(({ timeMs }) => timeMs);

let test: EngineTest;
let desk: TestDesk;

afterEach(async () => {
  await desk.close();
  await test.cleanup();
});

async function open(): Promise<void> {
  test = await openEngineTest({
    FLEETWIRE_FILTER_JUMP_SPEED_CMS: String(limits.filterJumpSpeedCms),
  });
  desk = openTestDesk(test.engine);
}

async function send(some: readonly Fix[]): Promise<void> {
  const client = createDeviceClient({
    url: `${test.engine.wsUrl}/v1/ingest`,
    token: await testToken({ sub: bus, role: 'device' }),
    fixesPerFrame: 40,
    bounds: { clientDelayMinMs: 20, clientDelayMaxMs: 200 },
  });
  for (const { timeMs, latE7, lonE7 } of some) {
    client.send({ timeMs, latitude: latE7 / 1e7, longitude: lonE7 / 1e7 });
  }
  await client.flushed();
  await client.close();
}

/** Everything that a viewer is told of the trip, as it comes. */
interface Watch {
  readonly times: readonly number[];
  readonly events: readonly string[];
  /** The data of the newest state or event of this name. */
  newest(event: string): Record<string, unknown> | undefined;
  /** Once it has come. */
  seen(timeMs: number): Promise<void>;
  told(event: string): Promise<void>;
}

async function watch(topic: string): Promise<Watch> {
  const { socket } = await desk.person({ sub: 'vera', role: 'viewer' });
  const times: number[] = [];
  const events: string[] = [];
  const newest = new Map<string, Record<string, unknown>>();
  const read = async (): Promise<void> => {
    for (;;) {
      const [type, , third, event, data] = (await socket.next()) as readonly unknown[];
      if (type === 49) {
        const { snapshot } = third as { readonly snapshot: readonly (readonly unknown[])[] };
        times.push(...snapshot.map(([, timeMs]) => Number(timeMs)));
        newest.set('answer', third as Record<string, unknown>);
      } else if (type === 52) {
        times.push(...(third as readonly unknown[][]).map(([, timeMs]) => Number(timeMs)));
      } else if (type === 51) {
        newest.set(String(event), data as Record<string, unknown>);
        if (third !== 0) events.push(String(event));
      }
    }
  };
  // It ends with the socket.
  read().catch(() => undefined);
  socket.send([32, 1, topic]);
  const waitFor = async (isThere: () => boolean): Promise<void> => {
    await expect.poll(isThere, { timeout: 20_000, interval: 20 }).toBe(true);
  };
  await waitFor(() => newest.has('answer'));
  return {
    times,
    events,
    newest: (event) => newest.get(event),
    seen: (timeMs) => waitFor(() => times.includes(timeMs)),
    told: (event) => waitFor(() => events.includes(event)),
  };
}

/** What the meter makes of the fixes in their order. */
function expected(some: readonly Fix[], span: TripSpan, sinceMs: number) {
  const meter = createMeter();
  for (const fix of some) takeFix(meter, span, fix, limits);
  return totalsOf(meter, span, sinceMs, limits);
}

async function settled(): Promise<void> {
  const late = (): Promise<number> => test.engine.counter('fleetwire_vehicles_late');
  await expect.poll(late, { timeout: 60_000, interval: 200 }).toBe(0);
}

const dispatcher = (): Promise<Person> => desk.person({ sub: 'dora', role: 'dispatcher' });

describe('the journey of bus 304 as a trip that was started', () => {
  it('has its positions and totals, over a kill and with what comes late, and is one trip', async () => {
    await open();
    const id = randomUUID();
    const topic = `trip:${id}`;
    const startMs = fixes[0]!.timeMs;
    const endMs = fixes.at(-10)!.timeMs;
    const ofTrip = fixes.slice(0, -9);
    const half = Math.floor(fixes.length / 2);
    // Kept back by the bus until all else was sent.
    const held = fixes.slice(half + 100, half + 160);
    const second = ofTrip.slice(half).filter((fix) => !held.includes(fix));
    const dora = await dispatcher();
    await dora.call('trip.start', { id, vehicle: bus, timeMs: startMs });

    const before = await watch(topic);
    await send(ofTrip.slice(0, half));
    await before.seen(ofTrip[half - 1]!.timeMs);
    expect(before.times).toEqual(timesOf(ofTrip.slice(0, half)));
    const running = { startMs, pauses: [], endMs: null };
    const soFar = expected(ofTrip.slice(0, half), running, startMs);
    await expect
      .poll(() => before.newest('totals'), { timeout: 20_000, interval: 100 })
      .toEqual(soFar);
    const api = createApi(() => test.engine);
    const viewer = { sub: 'vera', role: 'viewer' } as const;
    const listed = (): Promise<unknown> =>
      api.all(viewer, `/v1/trips?vehicle=${bus}&from=${startMs}`, 'trips');
    await expect.poll(listed, { timeout: 20_000 }).toMatchObject([{ id, totals: soFar }]);

    await test.engine.kill();
    await test.engine.restart();
    desk = openTestDesk(test.engine);
    const after = await watch(topic);
    const follower = await watch(`vehicle:${bus}`);
    // Read again from what is stored: the same.
    await expect
      .poll(() => after.newest('totals'), { timeout: 20_000, interval: 100 })
      .toEqual(soFar);
    await send(second);
    await after.seen(second.at(-1)!.timeMs);
    expect(after.times).toEqual(timesOf([ofTrip[half - 1]!, ...second]));
    const people = await dispatcher();
    const ended = stateOf(await people.call('trip.end', { id, timeMs: endMs }));
    const span = { startMs, pauses: [], endMs };
    const without = ofTrip.filter((fix) => !held.includes(fix));
    expect(ended).toMatchObject({ state: 'ended', endMs, totals: expected(without, span, endMs) });

    // It goes on, but not as this trip.
    await send(fixes.slice(-9));
    await follower.seen(fixes.at(-1)!.timeMs);
    expect(after.times.at(-1)).toBe(endMs);
    await after.told('ended');

    await send(held);
    await after.told('recomputed');
    const whole = expected(ofTrip, span, endMs);
    expect(after.newest('recomputed')).toMatchObject({ id, state: 'ended', totals: whole });
    expect(Math.abs(whole.distanceM - trackM) / trackM).toBeLessThan(0.02);
    // The four of bustrip.test.ts, and before them the stand at the terminus: the trip was started there.
    expect(whole.stopsCount).toBe(5);
    expect(after.times.at(-1)).toBe(endMs);
    expect(after.events).toEqual(['ended', 'recomputed']);
    await settled();
    const rows = await test.rows(
      (sql) => sql<{ id: string; source: string }[]>`
        select id, source from trips where vehicle = ${bus}`,
    );
    expect(rows).toEqual([{ id, source: 'explicit' }]);
  }, 300_000);
});
