/** Tokens that expire on live connections: a grace for these, none for new ones. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeCodes, refusals } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

const graceS = 4;
let test: EngineTest;

beforeAll(async () => {
  test = await openEngineTest({ FLEETWIRE_TOKEN_GRACE_S: String(graceS) });
});

afterAll(() => test.cleanup());

/** What is taken for expired `inS` seconds from now. */
const tokenOf = (inS: number, sub = 'bus-1'): Promise<string> =>
  testToken({ sub, role: 'device', ttlS: inS - limits.clockToleranceS });

const connect = (token: string): Promise<TestSocket> =>
  openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });

/** How a new connection with the token is answered: by a hello (16), or a close code. */
async function answerTo(token: string): Promise<number> {
  const socket = await connect(token);
  const hello = socket.nextOf(16).then(() => 16);
  const answer = await Promise.race([socket.closed.then(({ code }) => code), hello]);
  hello.catch(() => undefined);
  await socket.close();
  return answer;
}

it('goes on without a word for the grace, then is closed with 3005', async () => {
  const goodUntilMs = Date.now() + 2_000;
  const tokens = [await tokenOf(2), await tokenOf(2, 'bus-2')] as const;
  const socket = await connect(tokens[0]);
  await socket.nextOf(16);
  // What expires with it is let in no more, which is how the test knows.
  await expect.poll(() => answerTo(tokens[1]), { timeout: 10_000 }).toBe(closeCodes.tokenExpired);
  socket.send([1, 1, Date.now(), [[0, 1, 1]]]);
  expect((await socket.nextOf(17))[1]).toBe(1);
  expect((await socket.closed).code).toBe(closeCodes.tokenExpired);
  // Tokens count in whole seconds.
  expect(Date.now()).toBeGreaterThan(goodUntilMs + (graceS - 1) * 1_000);
});

it('may be replaced in the grace, but not by an expired one', async () => {
  const socket = await connect(await tokenOf(2));
  await socket.nextOf(16);
  socket.send([9, await testToken({ sub: 'bus-1', role: 'device' })]);
  socket.send([1, 1, Date.now(), [[0, 1, 1]]]);
  expect((await socket.nextOf(17))[1]).toBe(1);
  socket.send([9, await tokenOf(-10)]);
  expect(await socket.closed).toEqual({
    code: closeCodes.tokenExpired,
    reason: refusals.tokenExpired.message,
  });
});
