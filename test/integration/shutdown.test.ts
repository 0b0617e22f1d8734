/** Signals, and what stands when the engine starts again. */
import { afterEach, expect, it } from 'vitest';
import { closeCodes } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket } from '../support/socket.ts';

let test: EngineTest;
afterEach(() => test.cleanup());

it('SIGTERM acks, closes with 3001 and a hint, stores all, and exits 0; a restart shows it', async () => {
  test = await openEngineTest();
  const device = await openSocket(`${test.engine.wsUrl}/v1/ingest`, {
    token: await testToken({ sub: 'veh-1', role: 'device' }),
  });
  await device.nextOf(16);
  const at = Date.now();
  device.send([1, 1, at, [[0, 10, 20, 100, 9_000, 5, 30, 7, { ignition: true }]]]);
  await device.nextOf(17);
  expect(await test.engine.stop()).toBe(0);
  const closed = await device.closed;
  expect(closed.code).toBe(closeCodes.shutdown);
  expect(Number(closed.reason)).toBeGreaterThanOrEqual(0);
  expect(Number(closed.reason)).toBeLessThan(limits.reconnectSpreadMs);
  expect(await test.rows((sql) => sql`select vehicle_id from positions`)).toHaveLength(1);

  await test.engine.restart();
  const viewer = await openSocket(`${test.engine.wsUrl}/v1/live`, {
    token: await testToken({ sub: 'anna', role: 'viewer' }),
  });
  await viewer.nextOf(48);
  viewer.send([32, 1, 'fleet']);
  const [, , result] = (await viewer.nextOf(49)) as [number, number, { snapshot: unknown[] }];
  expect(result.snapshot).toEqual([
    ['veh-1', at, 10, 20, 100, 9_000, 5, 30, 7, { ignition: true }, 0, 1],
  ]);
  await viewer.close();
});

it('the last known position survives a kill before it was written to its table', async () => {
  test = await openEngineTest();
  const device = await openSocket(`${test.engine.wsUrl}/v1/ingest`, {
    token: await testToken({ sub: 'veh-1', role: 'device', tenant: 'acme' }),
  });
  await device.nextOf(16);
  const at = Date.now();
  device.send([1, 1, at, [[0, 10, 20]]]);
  await device.nextOf(17);
  await test.engine.kill();
  await test.engine.restart();
  const viewer = await openSocket(`${test.engine.wsUrl}/v1/live`, {
    token: await testToken({ sub: 'anna', role: 'viewer', tenant: 'acme' }),
    protocols: ['fleetwire.v1.json'],
  });
  await viewer.nextOf(48);
  viewer.sendRaw('[32,1,"vehicle:veh-1"]');
  const [, , result] = (await viewer.nextOf(49)) as [number, number, { snapshot: unknown[] }];
  expect(result.snapshot).toEqual([
    ['veh-1', at, 10, 20, null, null, null, null, null, null, 0, 1],
  ]);
  // The same fix again is a repeat, and known as one although the engine is new.
  const again = await openSocket(`${test.engine.wsUrl}/v1/ingest`, {
    token: await testToken({ sub: 'veh-1', role: 'device', tenant: 'acme' }),
  });
  await again.nextOf(16);
  again.send([1, 1, at, [[0, 10, 20]]]);
  await again.nextOf(17);
  expect(await test.engine.counter('fleetwire_fixes_repeated_total')).toBe(1);
  await again.close();
  await viewer.close();
});

it('a second engine on the same data directory says who holds it', async () => {
  test = await openEngineTest();
  await expect(test.second()).rejects.toThrow('FLEETWIRE_DATA_DIR');
});

it('a second engine on the same port says so', async () => {
  test = await openEngineTest();
  const { port } = new URL(test.engine.url);
  await expect(openEngineTest({ FLEETWIRE_PORT: port })).rejects.toThrow('FLEETWIRE_PORT');
});
