/**
 * Bad input and a witness: while something bad is sent, a good device streams on and must not notice.
 * Invariant: `counted` expects that the refusal was counted and that the witness is still acked.
 */
import { expect } from 'vitest';
import { refusals, type CloseName, type RefusalName } from '../../src/errors.ts';
import type { TokenClaims } from '../../src/server/token.ts';
import { testToken, type TestEngineOptions } from './engine.ts';
import { openEngineTest, type EngineTest } from './enginetest.ts';
import { openSocket, type TestSocket } from './socket.ts';

export interface Witness {
  readonly test: EngineTest;
  /** A device that has its hello. */
  ingest(sub: string): Promise<TestSocket>;
  /** A viewer that has its hello, or whoever the claims say. */
  live(protocol?: string, claims?: Partial<TokenClaims>): Promise<TestSocket>;
  closed(name: CloseName): Promise<number>;
  /** Sends one more good fix, which must be acked. */
  undisturbed(): Promise<void>;
  /** Runs `act`; the reason must be counted, and the witness undisturbed. */
  counted(name: RefusalName, act: () => Promise<void>): Promise<void>;
  /** Sends a request of whoever the claims say, which must be answered so, and its connection go on. */
  refused(
    claims: Partial<TokenClaims>,
    frame: readonly unknown[],
    name: RefusalName,
  ): Promise<void>;
  cleanup(): Promise<void>;
}

export async function openWitness(env: TestEngineOptions['env'] = {}): Promise<Witness> {
  const test = await openEngineTest(env);
  const witness = await ingest('witness');
  let seq = 0;

  async function ingest(sub: string): Promise<TestSocket> {
    const token = await testToken({ sub, role: 'device' });
    const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });
    await socket.nextOf(16);
    return socket;
  }

  async function live(
    protocol = 'fleetwire.v1',
    claims: Partial<TokenClaims> = {},
  ): Promise<TestSocket> {
    const token = await testToken({ sub: 'anna', role: 'viewer', ...claims });
    const url = `${test.engine.wsUrl}/v1/live`;
    const socket = await openSocket(url, { token, protocols: [protocol] });
    await socket.nextOf(48);
    return socket;
  }

  async function undisturbed(): Promise<void> {
    seq += 1;
    witness.send([1, seq, Date.now(), [[0, 526_000_000, -86_000_000]]]);
    for (;;) {
      const ack = await witness.nextOf(17);
      if (ack[1] === seq) return;
    }
  }

  const countOf = (name: RefusalName): Promise<number> =>
    test.engine.counter(`fleetwire_refused_total{reason="${name}"}`);

  async function counted(name: RefusalName, act: () => Promise<void>): Promise<void> {
    const before = await countOf(name);
    await act();
    expect(await countOf(name)).toBeGreaterThan(before);
    await undisturbed();
  }

  return {
    test,
    ingest,
    live,
    closed: (name) => test.engine.counter(`fleetwire_closed_total{code="${name}"}`),
    undisturbed,
    counted,
    refused: (claims, frame, name) =>
      counted(name, async () => {
        const socket = await live('fleetwire.v1', claims);
        socket.send(frame);
        const { code, message } = refusals[name];
        expect(await socket.next()).toEqual([50, frame[1], code, message, false]);
        socket.send([33, 99, 'fleet']);
        expect((await socket.next()) as unknown[]).toEqual(
          expect.arrayContaining([50, 99, refusals.notSubscribed.code]),
        );
        await socket.close();
      }),
    async cleanup() {
      await witness.close();
      await test.cleanup();
    },
  };
}
