/** Connections in the `sessions` table: after a graceful stop, and after a kill. */
import type { ISql } from 'postgres';
import { afterEach, expect, it } from 'vitest';
import { lostReason } from '../../src/store/connections.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

let test: EngineTest;
afterEach(() => test.cleanup());

async function device(sub: string): Promise<TestSocket> {
  const token = await testToken({ sub, role: 'device', tenant: 'acme' });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });
  await socket.nextOf(16);
  return socket;
}

async function viewer(sub: string): Promise<TestSocket> {
  const token = await testToken({ sub, role: 'viewer' });
  const protocols = ['fleetwire.v1.json'];
  const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, { token, protocols });
  await socket.nextOf(48);
  return socket;
}

const sessions = (sql: ISql) => sql`
  select tenant, subject, role, plane, address, close_code, close_reason, node,
    started_at <= ended_at as is_ended, frames_received::integer, bytes_received::integer,
    frames_sent::integer, bytes_sent::integer
  from sessions order by subject, started_at`;

it('after a stop all are there, with how they ended and what they carried', async () => {
  test = await openEngineTest();
  const bus = await device('bus-1');
  const frame = [1, 1, Date.now(), [[0, 10, 20]]];
  bus.send(frame);
  await bus.nextOf(17);
  const dropped = await device('bus-2');
  dropped.terminate();
  const leaving = await viewer('anna');
  leaving.sendRaw('[32,1,"vehicle:bus-7"]');
  await leaving.nextOf(49);
  await leaving.close(4001, 'nul\0');
  const refused = await openSocket(`${test.engine.wsUrl}/v1/live`, { token: 'abc' });
  await refused.closed;
  const staying = await viewer('bob');
  const rows = await test.rows(sessions);
  expect((await staying.closed).code).toBe(3001);
  expect(rows).toHaveLength(4);
  const [anna, bob, first, second] = rows;
  expect(anna).toMatchObject({
    tenant: 'default',
    subject: 'anna',
    role: 'viewer',
    plane: 'live',
    address: '127.0.0.1',
    close_code: 4001,
    close_reason: 'nul\uFFFD',
    is_ended: true,
    frames_received: 1,
    bytes_received: '[32,1,"vehicle:bus-7"]'.length,
    frames_sent: 2,
  });
  expect(bob).toMatchObject({ close_code: 3001, close_reason: (await staying.closed).reason });
  expect(first).toMatchObject({
    tenant: 'acme',
    subject: 'bus-1',
    role: 'device',
    plane: 'ingest',
    close_code: 3001,
    frames_received: 1,
  });
  expect(first?.['frames_sent']).toBeGreaterThanOrEqual(2);
  expect(first?.['bytes_sent']).toBeGreaterThan(first?.['frames_sent'] as number);
  expect(second).toMatchObject({ subject: 'bus-2', close_code: 1006, frames_received: 0 });
}, 120_000);

it('after a kill the next start ends what was open, under the same node', async () => {
  test = await openEngineTest();
  await device('bus-1');
  await expect
    .poll(() => test.engine.counter('fleetwire_sessions_flushed_total'), { timeout: 20_000 })
    .toBe(1);
  await test.engine.kill();
  await test.engine.restart();
  const again = await device('bus-1');
  await again.close(1000, 'done');
  const rows = await test.rows(sessions);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({
    subject: 'bus-1',
    close_code: null,
    close_reason: lostReason,
    is_ended: true,
    frames_received: null,
  });
  expect(rows[1]).toMatchObject({ close_code: 1000, close_reason: 'done', is_ended: true });
  expect(rows[0]?.['node']).toBe(rows[1]?.['node']);
}, 120_000);
