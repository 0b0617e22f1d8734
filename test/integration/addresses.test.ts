/** Connections of one address, behind a proxy that is trusted and behind one that is not. */
import { afterEach, expect, it } from 'vitest';
import { refusals } from '../../src/errors.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket, refusedUpgrade, type TestSocket } from '../support/socket.ts';

let test: EngineTest;
afterEach(() => test.cleanup());

const forwarded = (...lines: string[]) => ({ headers: { 'x-forwarded-for': lines } });

async function connect(options = {}, sub = 'bus-1'): Promise<TestSocket> {
  const token = await testToken({ sub, role: 'device' });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token, ...options });
  await socket.nextOf(16);
  return socket;
}

const refusedHere = (options = {}): Promise<string> =>
  refusedUpgrade(`${test.engine.wsUrl}/v1/live`, { token: 'any', ...options });

it('are counted by what the trusted proxy says, and recorded under it', async () => {
  test = await openEngineTest({
    FLEETWIRE_ADDRESS_CONNECTIONS_MAX: '2',
    FLEETWIRE_TRUSTED_PROXIES: '127.0.0.1, ::1',
  });
  const first = await connect(forwarded('6.6.6.6, 203.0.113.7'), 'bus-1');
  // A line of its own, as some proxies add it: what the client wrote is in the one before.
  await connect(forwarded('6.6.6.6', '203.0.113.7'), 'bus-2');
  expect(await refusedHere(forwarded('203.0.113.7'))).toContain('429');
  expect(await refusedHere(forwarded('203.0.113.8, ::ffff:203.0.113.7'))).toContain('429');
  await connect(forwarded('203.0.113.7, 203.0.113.8'), 'bus-3');
  await connect({}, 'bus-4');
  expect(await test.engine.counter('fleetwire_refused_total{reason="tooManyOfAddress"}')).toBe(2);
  await first.close();
  await connect(forwarded('2001:DB8:0::7'), 'bus-5');
  await connect(forwarded('203.0.113.7'), 'bus-6');
  const rows = await test.rows((sql) => sql`select subject, address from sessions order by 1`);
  expect(rows.map(({ subject, address }) => [subject, address])).toEqual([
    ['bus-1', '203.0.113.7'],
    ['bus-2', '203.0.113.7'],
    ['bus-3', '203.0.113.8'],
    ['bus-4', '127.0.0.1'],
    ['bus-5', '2001:db8::7'],
    ['bus-6', '203.0.113.7'],
  ]);
}, 120_000);

it('are counted by the socket where its proxy is not trusted, before the token is looked at', async () => {
  test = await openEngineTest({ FLEETWIRE_ADDRESS_CONNECTIONS_MAX: '2' });
  const first = await connect(forwarded('203.0.113.1'));
  // It has no token, but its place is taken until it is closed.
  const second = await openSocket(`${test.engine.wsUrl}/v1/live`, forwarded('203.0.113.2'));
  await second.closed;
  const third = await connect(forwarded('203.0.113.3'), 'bus-2');
  const response = await fetch(`${test.engine.url}/v1/live`, {
    headers: { 'x-forwarded-for': '203.0.113.4' },
  });
  // Only an upgrade takes a place.
  expect(response.status).toBe(426);
  expect(await refusedHere(forwarded('203.0.113.4'))).toContain('429');
  expect(refusals.tooManyOfAddress.code).toBe(509);
  await first.close();
  await third.close();
  await connect();
}, 120_000);
