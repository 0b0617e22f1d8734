/**
 * Bad input and a witness: while something bad is sent, a good device streams on and must not notice.
 * Invariant: `counted` expects that the refusal was counted and that the witness is still acked.
 */
import { expect } from 'vitest';
import type { CloseName, RefusalName } from '../../src/errors.ts';
import { testToken } from './engine.ts';
import { openEngineTest, type EngineTest } from './enginetest.ts';
import { openSocket, type TestSocket } from './socket.ts';

export interface Witness {
  readonly test: EngineTest;
  /** A device that has its hello. */
  ingest(sub: string): Promise<TestSocket>;
  /** A viewer that has its hello. */
  live(protocol?: string): Promise<TestSocket>;
  closed(name: CloseName): Promise<number>;
  /** Sends one more good fix, which must be acked. */
  undisturbed(): Promise<void>;
  /** Runs `act`; the reason must be counted, and the witness undisturbed. */
  counted(name: RefusalName, act: () => Promise<void>): Promise<void>;
  cleanup(): Promise<void>;
}

export async function openWitness(): Promise<Witness> {
  const test = await openEngineTest();
  const witness = await ingest('witness');
  let seq = 0;

  async function ingest(sub: string): Promise<TestSocket> {
    const token = await testToken({ sub, role: 'device' });
    const socket = await openSocket(`${test.engine.wsUrl}/v1/ingest`, { token });
    await socket.nextOf(16);
    return socket;
  }

  async function live(protocol = 'fleetwire.v1'): Promise<TestSocket> {
    const token = await testToken({ sub: 'anna', role: 'viewer' });
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

  const refused = (name: RefusalName): Promise<number> =>
    test.engine.counter(`fleetwire_refused_total{reason="${name}"}`);

  return {
    test,
    ingest,
    live,
    closed: (name) => test.engine.counter(`fleetwire_closed_total{code="${name}"}`),
    undisturbed,
    async counted(name, act) {
      const before = await refused(name);
      await act();
      expect(await refused(name)).toBeGreaterThan(before);
      await undisturbed();
    },
    async cleanup() {
      await witness.close();
      await test.cleanup();
    },
  };
}
