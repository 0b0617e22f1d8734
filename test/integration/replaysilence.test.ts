/** A silence in a stored track that is shown again: what is left out of it is told when it begins. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { openTestDesk, type TestDesk } from '../support/desk.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';

const bus = 'bus-1';
const hourMs = 3_600_000;
const firstMs = Date.now() - 5 * hourMs;
const lastMs = firstMs + hourMs;

let test: EngineTest;
let desk: TestDesk;

beforeAll(async () => {
  test = await openEngineTest();
  desk = openTestDesk(test.engine);
});

afterAll(async () => {
  await desk.close();
  await test.cleanup();
});

it('an hour of silence is not waited for', async () => {
  const device = await desk.device(bus);
  device.send(1, firstMs, [
    [0, 526_000_000, -86_000_000],
    [hourMs, 526_100_000, -86_000_000],
  ]);
  for (let level = 1; level < 2;) level = Number((await device.socket.nextOf(17))[2]);
  const { socket } = await desk.person({ sub: 'vera', role: 'viewer' });
  const journey = { vehicle: bus, fromMs: firstMs, toMs: lastMs + 1, speed: 1 };
  socket.send([34, 1, 'replay.start', journey]);
  const [, , started] = await socket.nextOf(49);
  const { id, topic } = started as { readonly id: string; readonly topic: string };
  const [, of, shown] = (await socket.nextOf(52)) as [number, string, unknown[][]];
  expect([of, shown.map(([, timeMs]) => timeMs)]).toEqual([topic, [firstMs]]);
  const [, , offset, event, skipped] = await socket.nextOf(51);
  const { fromMs, toMs } = skipped as { readonly fromMs: number; readonly toMs: number };
  expect([offset, event, toMs]).toEqual([0, 'skipped', lastMs - limits.replaySilenceWaitMs]);
  expect(fromMs).toBeGreaterThanOrEqual(firstMs);
  expect(fromMs).toBeLessThan(toMs);
  socket.send([34, 2, 'replay.speed', { id, speed: 0 }]);
  const [, , rest] = (await socket.nextOf(52)) as [number, string, unknown[][]];
  expect(rest.map(([, timeMs]) => timeMs)).toEqual([lastMs]);
  const end = { reason: 'complete', shown: 2, lastMs };
  expect(await socket.nextOf(51)).toEqual([51, topic, 0, 'ended', end]);
});
