/**
 * The process of the echo: as many connections as there are devices, each sends a message when it is due, whether or not
 * the one before it has come back (open loop), to a server that sends it back and does nothing else.
 * Invariant: latency runs from the time at which a message was due, so that a late send counts; every message comes back,
 * or the run fails.
 * Bound: `settleDeadlineMs` for the last ones.
 */
import { answerCalls } from './child.ts';
import { roadSteps } from './fixes.ts';
import { positionsFrame } from './framering.ts';
import { clientMessage } from './framing.ts';
import { createLatencies, summaryOf, wallMs, type LatencySummary } from './latency.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import { openMany } from './socket.ts';

export interface EchoersOptions {
  readonly url: string;
  readonly connections: number;
}

export interface EchoRunOptions {
  /** Each of every connection. */
  readonly intervalMs: number;
  readonly messages: number;
  /** Messages of each before it are a warm-up. */
  readonly firstMessage: number;
}

export interface EchoResult {
  readonly latency: LatencySummary;
  readonly failures: readonly string[];
}

export type EchoersCalls = {
  readonly open: (options: EchoersOptions) => Promise<void>;
  readonly run: (options: EchoRunOptions) => Promise<EchoResult>;
};

interface Echoers {
  run(options: EchoRunOptions): Promise<EchoResult>;
}

const leadMs = 200;
const settleDeadlineMs = 10_000;
const lookMs = 20;

async function openEchoers({ url, connections }: EchoersOptions): Promise<Echoers> {
  const message = clientMessage(positionsFrame(0, 1, 0, 1, roadSteps));
  const failures: string[] = [];
  /** Messages that have come back, of each connection. */
  const returned = new Int32Array(connections);
  let onReturned: (connection: number) => void = () => undefined;

  function open(connection: number): Promise<RawSocket> {
    return openRawSocket({
      url,
      subprotocols: [],
      onMessage: () => onReturned(connection),
      onClosed: (reason) => void failures.push(`an echo was closed: ${reason}`),
    });
  }

  const sockets = await openMany(connections, open);

  async function sendAll(messages: number, dueMs: (connection: number, index: number) => number) {
    for (let index = 0; index < messages; index++) {
      for (const [connection, socket] of sockets.entries()) {
        for (let aheadMs = aheadOf(dueMs(connection, index)); aheadMs > 0;) {
          await new Promise((resolve) => setTimeout(resolve, aheadMs));
          aheadMs = aheadOf(dueMs(connection, index));
        }
        socket.write(message);
      }
    }
  }

  return {
    async run({ intervalMs, messages, firstMessage }) {
      const latencies = createLatencies();
      const startMs = wallMs() + leadMs;
      const dueMs = (connection: number, index: number): number =>
        startMs + index * intervalMs + Math.floor((connection * intervalMs) / connections);
      let waiting = connections * messages;
      returned.fill(0);
      onReturned = (connection) => {
        const index = returned[connection] as number;
        returned[connection] = index + 1;
        waiting -= 1;
        if (index >= firstMessage) latencies.record(wallMs() - dueMs(connection, index));
      };
      await sendAll(messages, dueMs);
      const deadlineMs = wallMs() + settleDeadlineMs;
      while (waiting > 0 && wallMs() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, lookMs));
      }
      if (waiting !== 0) failures.push(`${waiting} echoes did not come back`);
      return { latency: summaryOf(latencies), failures: [...failures] };
    },
  };
}

function aheadOf(atMs: number): number {
  return atMs - wallMs();
}

let echoers: Echoers | null = null;

const calls: EchoersCalls = {
  async open(options) {
    echoers = await openEchoers(options);
  },
  run(options) {
    if (echoers === null) throw new Error('echoers: run before open');
    return echoers.run(options);
  },
};

answerCalls(calls);
