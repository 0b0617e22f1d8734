/** FLEETWIRE_ACK=stored: a device is acked when its fixes are in the database, and only then. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDeviceClient } from '../../src/client/index.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket } from '../support/socket.ts';

let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest({ FLEETWIRE_ACK: 'stored' });
});

afterAll(() => test.cleanup());

it('acks new, repeated and refused frames at level 2, in order', async () => {
  const token = await testToken({ sub: 'veh-1', role: 'device' });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });
  const [, hello] = (await socket.nextOf(16)) as [number, { ackLevel: number }];
  expect(hello.ackLevel).toBe(2);
  const now = Date.now();
  socket.send([1, 1, now, [[0, 1, 1]]]);
  expect(await socket.nextOf(17)).toEqual([17, 1, 2]);
  // Nothing else is on its way to the database that could carry these acks.
  socket.send([1, 2, now, [[0, 1, 1]]]);
  expect(await socket.nextOf(17)).toEqual([17, 2, 2]);
  socket.send([1, 3, now, [['x', 1, 1]]]);
  expect(await socket.nextOf(17)).toEqual([17, 3, 2]);
  await socket.close();
});

it('the client is done when all is stored, also when it sends again', async () => {
  const client = createDeviceClient({
    url: `${test.engine.wsUrl}/v1/ingest`,
    token: await testToken({ sub: 'veh-2', role: 'device' }),
    ackLevel: 'stored',
  });
  const fix = { timeMs: Date.now(), latitude: 52.6, longitude: -8.6 };
  client.send(fix);
  await client.flushed();
  client.send(fix);
  await client.flushed();
  await client.close();
  const rows = await test.rows((sql) => sql`select from positions where vehicle_id = 'veh-2'`);
  expect(rows).toHaveLength(1);
});
