/**
 * Who is let in besides the token: pages of allowed origins, and so many connections of one user.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeCodes } from '../../src/errors.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket } from '../support/socket.ts';

let test: EngineTest;
let url: string;

beforeAll(async () => {
  test = await openEngineTest({
    FLEETWIRE_ORIGINS: 'https://fleet.example, https://map.example',
    FLEETWIRE_USER_CONNECTIONS_MAX: '2',
  });
  url = `${test.engine.wsUrl}/v1/live`;
});

afterAll(() => test.cleanup());

const refused = (name: string): Promise<number> =>
  test.engine.counter(`fleetwire_refused_total{reason="${name}"}`);

it('lets pages of named origins in, and no others', async () => {
  const token = await testToken({ sub: 'anna', role: 'viewer' });
  const socket = await openSocket(url, { token, origin: 'https://map.example' });
  await socket.nextOf(48);
  await socket.close();
  await expect(openSocket(url, { token, origin: 'https://evil.example' })).rejects.toThrow('403');
  expect(await refused('originNotAllowed')).toBe(1);
});

it('closes one connection of a user too many, whose place is free again after a close', async () => {
  const token = await testToken({ sub: 'bob', role: 'viewer' });
  const first = await openSocket(url, { token });
  await first.nextOf(48);
  const second = await openSocket(url, { token });
  await second.nextOf(48);
  const third = await openSocket(url, { token });
  expect((await third.closed).code).toBe(closeCodes.connectionLimit);
  expect(await refused('tooManyOfUser')).toBe(1);

  const ofAnother = await testToken({ sub: 'bob', role: 'viewer', tenant: 'acme' });
  const other = await openSocket(url, { token: ofAnother });
  await other.nextOf(48);
  await first.close();
  await second.close();
  const fourth = await openSocket(url, { token });
  await fourth.nextOf(48);
  await fourth.close();
  await other.close();
});
