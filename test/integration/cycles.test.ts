/**
 * 10,000 subscribers that come and go, in every way that one can go: nothing of them is left in the engine, neither
 * a connection nor a topic nor memory.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testToken } from '../support/engine.ts';
import { openEngineTest, type EngineTest } from '../support/enginetest.ts';
import { openGate } from '../support/gate.ts';
import { heapEnv, readHeap } from '../support/heap.ts';
import { openSocket, type TestSocket } from '../support/socket.ts';

const cycles = 10_000;
/** Before the first reading: what is made once and kept is made by then. */
const warmUpCycles = 1_000;
const atOnce = 20;
/** 100 bytes a cycle. */
const heapGrowthMaxBytes = 1_000_000;
const buses = Array.from({ length: 10 }, (_, index) => `bus-${index}`);
const users = Array.from({ length: 10 }, (_, index) => `user-${index}`);

interface Cycle {
  readonly socket: TestSocket;
  readonly topics: readonly string[];
  /** Of the same user, for one bus. */
  readonly narrowToken: string;
}

let test: EngineTest;
let tokens: readonly { readonly wide: string; readonly narrow: string }[];

beforeAll(async () => {
  test = await openEngineTest(heapEnv);
  tokens = await Promise.all(
    users.map(async (sub) => ({
      wide: await testToken({ sub, role: 'viewer' }),
      narrow: await testToken({ sub, role: 'viewer', vehicles: ['bus-none'] }),
    })),
  );
});

afterAll(() => test.cleanup());

/** How far a subscriber gets, and how it goes. */
const ways: readonly ((cycle: Cycle) => Promise<void> | void)[] = [
  async (cycle) => {
    await subscribe(cycle);
    await cycle.socket.close();
  },
  async (cycle) => {
    await subscribe(cycle);
    cycle.socket.terminate();
  },
  async (cycle) => {
    await subscribe(cycle);
    const { socket, topics } = cycle;
    for (const [index, topic] of topics.entries()) socket.send([33, index + 1, topic]);
    await answered(cycle);
    await socket.close();
  },
  // Its area is moved, and its token replaced by one that sees less.
  async (cycle) => {
    await subscribe(cycle);
    const { socket, narrowToken } = cycle;
    socket.send([32, 6, 'area:10,52,11,53']);
    socket.send([9, narrowToken]);
    await socket.nextOf(54);
    await socket.nextOf(54);
    socket.terminate();
  },
  // Without waiting: for the hello, or for an answer.
  ({ socket }) => socket.terminate(),
  ({ socket }) => socket.close(),
  async (cycle) => {
    await cycle.socket.nextOf(48);
    ask(cycle);
    cycle.socket.terminate();
  },
  async (cycle) => {
    await cycle.socket.nextOf(48);
    ask(cycle, { minIntervalMs: 3_600_000 });
    await cycle.socket.close();
  },
];

function ask({ socket, topics }: Cycle, options: unknown = null): void {
  for (const [index, topic] of topics.entries()) socket.send([32, index + 1, topic, options]);
}

/** Every topic has had its answer, and none was refused. */
async function answered({ socket, topics }: Cycle): Promise<void> {
  const requests = new Set(topics.map((_, index) => index + 1));
  while (requests.size > 0) {
    const frame = (await socket.next()) as [type: number, request: number];
    if (frame[0] === 49) requests.delete(frame[1]);
    else if (frame[0] === 50) throw new Error(JSON.stringify(frame));
  }
}

async function subscribe(cycle: Cycle): Promise<void> {
  await cycle.socket.nextOf(48);
  ask(cycle);
  await answered(cycle);
}

async function runOne(index: number): Promise<void> {
  const user = index % users.length;
  const token = tokens[user];
  const way = ways[index % ways.length];
  if (token === undefined || way === undefined) throw new Error(`no user or way for ${index}`);
  const socket = await openSocket(`${test.engine.wsUrl}/v1/live`, { token: token.wide });
  const west = (index % 100) - 50;
  const topics = [
    'fleet',
    `area:${west},52,${west + 1},53`,
    `vehicle:bus-${index % buses.length}`,
    'emergency',
    `notification:user-${user}`,
  ];
  await way({ socket, topics, narrowToken: token.narrow });
  await socket.closed;
}

async function run(count: number): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await runOne(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

const counter = (name: string): Promise<number> => test.engine.counter(`fleetwire_${name}`);

/** The heap once only `devices` are left, and the rows of those that are gone are in the database. */
async function settledHeap(devices: number): Promise<number> {
  await expect.poll(() => counter('connections'), { timeout: 10_000 }).toBe(devices);
  expect(await counter('topics')).toBe(0);
  const unwritten = async (): Promise<number> =>
    (await counter('connections_closed_total')) - (await counter('sessions_flushed_total'));
  await expect.poll(unwritten, { timeout: 20_000 }).toBeLessThanOrEqual(0);
  return readHeap(test.engine);
}

it('leave nothing behind', async () => {
  const gate = await openGate(test);
  for (const bus of buses) await gate.move(bus, { lat: 52.5, lon: -8.5 });
  await gate.settled();
  await run(warmUpCycles);
  const before = await settledHeap(1);
  await run(cycles);
  const after = await settledHeap(1);
  expect(after - before).toBeLessThan(heapGrowthMaxBytes);
  await gate.close();
  await expect.poll(() => counter('connections')).toBe(0);
  expect(await counter('topics')).toBe(0);
  expect(await counter('vehicles_connected')).toBe(0);
  expect(await counter('connections_opened_total')).toBe(await counter('connections_closed_total'));
  expect(await counter('messages_dropped_total')).toBe(0);
}, 180_000);
