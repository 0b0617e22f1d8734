/** Calls over HTTP, what one user may ask in a second, and the pages beside the API. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { createApi, type Api, type ApiUser } from '../support/api.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openGate, type Gate } from '../support/gate.ts';
import { openSocket } from '../support/socket.ts';

let test: EngineTest;
let api: Api;
let gate: Gate;

let users = 0;
function viewer(): ApiUser {
  users += 1;
  return { sub: `caller-${users}`, role: 'viewer' };
}

beforeAll(async () => {
  test = await openEngineTest();
  api = createApi(() => test.engine);
  gate = await openGate(test);
  await gate.move('bus-01', { lat: 52, lon: -8 });
  await gate.move('bus-03', { lat: 52, lon: -8 });
  await gate.settled();
});

afterAll(async () => {
  await gate.close();
  await test.cleanup();
});

describe('POST /v1/calls/{method}', () => {
  const post = (user: ApiUser, method: string, body?: string) =>
    api.ask(user, `/v1/calls/${method}`, {
      method: 'POST',
      ...(body === undefined ? {} : { body }),
    });

  it('answers with the result of the call', async () => {
    const answer = await post(viewer(), 'presence', '{"vehicle":"bus-03"}');
    expect(answer.json).toMatchObject({ vehicle: 'bus-03', state: 'online', watchers: 0 });
    const admin: ApiUser = { sub: 'root', role: 'admin' };
    const event = { topic: 'emergency', id: 'e-1', event: 'raised', data: { vehicle: 'bus-03' } };
    const published = await post(admin, 'publish', JSON.stringify(event));
    expect(published.json).toMatchObject({ offset: 1, isRepeat: false });
  });

  it.each<[string, string | undefined, RefusalName, number]>([
    ['explode', '{}', 'unknownMethod', 404],
    ['presence', '{}', 'badParams', 400],
    ['presence', undefined, 'badParams', 400],
    ['presence', '[1]', 'badParams', 400],
    ['presence', '{"vehicle":"nobody"}', 'unknownVehicle', 404],
    ['publish', '{}', 'callNotAllowed', 403],
    ['presence', '{', 'badBody', 400],
    ['presence', `"${'x'.repeat(limits.apiBodyBytesMax)}"`, 'bodyTooLarge', 413],
  ])('%s refused', async (method, body, name, status) => {
    await api.refused(name, status, () => post(viewer(), method, body));
  });

  it('a body that grows beyond the bound without saying so is refused too', async () => {
    const token = await testToken(viewer());
    const chunk = 'x'.repeat(10_000);
    const body = new ReadableStream({
      pull(controller) {
        for (let index = 0; index < 10; index++) controller.enqueue(Buffer.from(chunk));
        controller.close();
      },
    });
    const response = await fetch(`${test.engine.url}/v1/calls/presence`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body,
      duplex: 'half',
    });
    expect(response.status).toBe(413);
  });
});

it('one user may not ask without end, and another does not notice', async () => {
  const user = viewer();
  const burst = Array.from({ length: limits.apiUserRequestsMax * 30 }, () =>
    api.ask(user, '/v1/vehicles/bus-01'),
  );
  const answers = await Promise.all(burst);
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]?.json).toMatchObject({ error: 'tooManyOfCaller', temporary: true });
  expect(refused[0]?.headers.get('retry-after')).toBe('1');
  expect((await api.ask(viewer(), '/v1/vehicles/bus-01')).status).toBe(200);
});

it('the pages that were there are there', async () => {
  const healthy = await fetch(`${test.engine.url}/healthz`);
  expect(await healthy.text()).toBe('ok\n');
  const upgrade = await fetch(`${test.engine.url}/v1/live`);
  expect(upgrade.status).toBe(426);
  const missing = await fetch(`${test.engine.url}/nothing`);
  expect(await missing.json()).toMatchObject({ error: 'notFound' });
  const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, {
    token: await testToken(viewer()),
  });
  await socket.nextOf(48);
  await socket.close();
});
