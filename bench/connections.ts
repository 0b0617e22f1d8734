/**
 * What does an idle connection weigh? Devices of the engine, each with its token, against clients of bare uWebSockets.js,
 * of ws and of Socket.IO, which all are connected at the same time, each to a server process of its own.
 * Invariant: what a connection weighs is what the server grows by beyond the first ones, which it needs its code and
 * its pools for, garbage collected until nothing more goes. At the end all are still connected, else the run fails.
 * Bound: `connectionsMax` of the engine, under the 20,000 files that a process often may have; two rounds, in processes
 * that are new.
 */
import type { EngineTest } from '../test/support/enginetest.ts';
import { startChild, type Child } from './child.ts';
import { collectedBytes, collectorEnv } from './collected.ts';
import { connectionsFigures, idleTargets, type Held, type Weights } from './connectionsfigures.ts';
import { residentBytes } from './cpu.ts';
import { openBenchEngine } from './engine.ts';
import type { IdlersCalls, IdleTarget } from './idlers.ts';
import type { IdleServerCalls, IdleServerKind } from './idleserver.ts';
import type { Suite, SuiteContext } from './suite.ts';

/** Connections that do not count, then those at which memory is read. */
const firstFull = 1_000;
const firstQuick = 300;
const countsFull = [10_000, 18_000] as const;
const countsQuick = [2_000] as const;
const rounds = 2;
/** What a collection frees the process gives back some time later, and code that rests only after several. */
const readingsMax = 20;
const settleMs = 150;
const stillBytes = 100_000;

interface Arm {
  readonly target: IdleTarget;
  readonly url: string;
  readonly from: string;
  readonly idlers: Child<IdlersCalls>;
  resident(): number;
  collect(): Promise<unknown>;
  count(): Promise<number>;
  stop(): Promise<void>;
}

export const connectionsSuite: Suite = {
  name: 'connections',
  summary: 'the memory of an idle device, against bare uWebSockets.js, ws and Socket.IO',
  options: {},
  async run(context) {
    const results: Weights[] = [];
    for (let round = 0; round < rounds; round++) {
      context.say(`round ${round}`);
      results.push(await runRound(context));
    }
    return connectionsFigures(results);
  },
};

async function runRound({ isQuick, say }: SuiteContext): Promise<Weights> {
  const arms: Arm[] = [];
  try {
    for (const [index, target] of idleTargets.entries()) arms.push(await startArm(target, index));
    const counts = [isQuick ? firstQuick : firstFull, ...(isQuick ? countsQuick : countsFull)];
    const held: Held[][] = arms.map(() => []);
    let before = 0;
    for (const count of counts) {
      say(`${count} connections to each`);
      const more = count - before;
      for (const arm of arms) await connect(arm, more);
      const weighed = await Promise.all(arms.map(weigh));
      for (const [index, one] of weighed.entries()) held[index]?.push(one);
      before = count;
    }
    return { counts, held, failures: await failuresOf(arms, before) };
  } finally {
    await Promise.all(arms.map((arm) => arm.stop()));
  }
}

async function connect({ target, url, from, idlers }: Arm, more: number): Promise<void> {
  await idlers.call('open', { target, url, from, count: more });
}

async function weigh(arm: Arm): Promise<Held> {
  const asItIs = arm.resident();
  let collected = asItIs;
  for (let reading = 0; reading < readingsMax; reading++) {
    await arm.collect();
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const before = collected;
    collected = Math.min(collected, arm.resident());
    if (reading > 0 && before - collected < stillBytes) break;
  }
  return { asItIs, collected };
}

async function failuresOf(arms: readonly Arm[], expected: number): Promise<string[]> {
  const failures: string[] = [];
  for (const arm of arms) {
    const closed = await arm.idlers.call('failures', null);
    failures.push(...closed.slice(0, 1));
    const count = await arm.count();
    if (count !== expected) failures.push(`${arm.target}: ${count} of ${expected} are connected`);
  }
  return failures;
}

/** Every arm connects from an address of its own. */
async function startArm(target: IdleTarget, index: number): Promise<Arm> {
  const idlers = startChild<IdlersCalls>(new URL('idlers.ts', import.meta.url));
  const from = `127.0.0.${index + 2}`;
  const server = target === 'engine' ? await startEngineArm() : await startServerArm(target);
  return {
    target,
    from,
    idlers,
    ...server,
    async stop() {
      await idlers.stop();
      await server.stop();
    },
  };
}

type ServerArm = Pick<Arm, 'url' | 'resident' | 'collect' | 'count' | 'stop'>;

async function startEngineArm(): Promise<ServerArm> {
  const test: EngineTest = await openBenchEngine({ env: collectorEnv });
  const { engine } = test;
  return {
    url: engine.wsUrl,
    resident: () => residentBytes(engine.pid),
    collect: () => collectedBytes(engine),
    count: () => engine.counter('fleetwire_connections'),
    stop: () => test.cleanup(),
  };
}

async function startServerArm(kind: IdleServerKind): Promise<ServerArm> {
  const server = startChild<IdleServerCalls>(new URL('idleserver.ts', import.meta.url));
  const port = await server.call('listen', kind);
  return {
    url: `ws://127.0.0.1:${port}`,
    resident: () => residentBytes(server.pid),
    collect: () => server.call('collect', null),
    count: () => server.call('count', null),
    stop: () => server.stop(),
  };
}
