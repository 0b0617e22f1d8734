/** A token is revoked by a call: its connections end, it opens no other, also after a restart. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeCodes, refusals } from '../../src/errors.ts';
import type { TokenClaims } from '../../src/server/token.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest();
});

afterAll(() => test.cleanup());

const revoked = { code: closeCodes.invalidToken, reason: refusals.tokenRevoked.message };

type Claims = Partial<TokenClaims> & Pick<TokenClaims, 'sub' | 'role'>;

async function open(plane: 'ingest' | 'live', claims: Claims): Promise<TestSocket> {
  const token = await testToken({ tenant: 'acme', ...claims });
  return openSocket(`${test.engine.wsUrl}/v1/${plane}`, { token });
}

async function admin(tenant = 'acme'): Promise<TestSocket> {
  const socket = await open('live', { sub: 'root', role: 'admin', tenant });
  await socket.nextOf(48);
  return socket;
}

const phone: Claims = { sub: 'bus-1', role: 'device', tokenId: 'lost-phone' };
const browser: Claims = { sub: 'anna', role: 'viewer', tokenId: 'lost-browser' };

it('closes the connections of the token at once, of both planes, and no others', async () => {
  const bus = await open('ingest', phone);
  await bus.nextOf(16);
  const anna = await open('live', browser);
  await anna.nextOf(48);
  const others = [
    await open('live', { ...browser, tenant: 'globex' }),
    await open('live', { ...browser, tokenId: 'another' }),
  ];
  for (const other of others) await other.nextOf(48);
  const root = await admin();
  root.send([34, 1, 'revoke', { tokenId: 'lost-phone' }]);
  expect(await root.nextOf(49)).toEqual([49, 1, null]);
  expect(await bus.closed).toEqual(revoked);
  root.send([34, 2, 'revoke', { tokenId: 'lost-browser', expiresAtMs: Date.now() + 3_600_000 }]);
  expect(await root.nextOf(49)).toEqual([49, 2, null]);
  expect(await anna.closed).toEqual(revoked);
  for (const other of others) {
    other.send([32, 1, 'vehicle:bus-9']);
    await other.nextOf(49);
    await other.close();
  }
  await root.close();
});

it('refuses the token to new connections and on live ones, counted', async () => {
  const before = await test.engine.counter('fleetwire_refused_total{reason="tokenRevoked"}');
  const bus = await open('ingest', phone);
  expect(await bus.closed).toEqual(revoked);
  const fresh = await open('live', { ...browser, tokenId: 'fresh' });
  await fresh.nextOf(48);
  fresh.send([9, await testToken({ tenant: 'acme', ...browser })]);
  expect(await fresh.closed).toEqual(revoked);
  expect(await test.engine.counter('fleetwire_refused_total{reason="tokenRevoked"}')).toBe(
    before + 2,
  );
});

it('is nothing that others may ask for, nor for other tenants', async () => {
  const viewer = await open('live', { sub: 'bob', role: 'viewer' });
  await viewer.nextOf(48);
  viewer.send([34, 1, 'revoke', { tokenId: 'good' }]);
  expect((await viewer.nextOf(50))[2]).toBe(refusals.callNotAllowed.code);
  const root = await admin('globex');
  root.send([34, 1, 'revoke', { tokenId: 'good', tenant: 'acme' }]);
  await root.nextOf(49);
  const good = await open('live', { sub: 'bob', role: 'viewer', tokenId: 'good' });
  await good.nextOf(48);
  root.send([34, 2, 'revoke', { tokenId: 'good', expiresAtMs: Date.now() / 1_000 }]);
  expect((await root.nextOf(50))[2]).toBe(refusals.badParams.code);
  for (const socket of [viewer, root, good]) await socket.close();
});

it('stands after a kill and a restart', async () => {
  await test.engine.kill();
  await test.engine.restart();
  const bus = await open('ingest', phone);
  expect(await bus.closed).toEqual(revoked);
  const other = await open('ingest', { ...phone, tokenId: 'new-phone' });
  await other.nextOf(16);
  await other.close();
});
