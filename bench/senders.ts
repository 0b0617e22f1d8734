/**
 * The process of devices that send as fast as their acks come: messages made beforehand, as many in flight as allowed.
 * Invariant: every fix has a time of its own in its vehicle, so nothing sent is a repeat; what was sent is stored when
 * `send` resolves, for the ack of level 2 of every device's last frame has come.
 * Bound: `connections` sockets, their frames in flight; `settleDeadlineMs` without any ack.
 */
import { parseMessagePack } from '../src/wire/messagepack.ts';
import { ackLevels, frameTypes } from '../src/wire/types.ts';
import { testToken } from '../test/support/engine.ts';
import { answerCalls } from './child.ts';
import { restSteps, roadSteps, vehicleId } from './fixes.ts';
import { createFrameRing, type FrameRing } from './framering.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import { openMany } from './socket.ts';

export interface SendersOptions {
  readonly url: string;
  readonly connections: number;
  readonly fixesPerFrame: number;
  readonly framesInFlight: number;
  /** Names the vehicles of this run. */
  readonly run: string;
}

export interface SentResult {
  /** From the first frame to the last ack of each level. */
  readonly journaledSeconds: number;
  readonly storedSeconds: number;
  readonly fixes: number;
  readonly bytes: number;
  /** Why it is not all stored; empty where it is. */
  readonly failures: readonly string[];
}

export type SendersCalls = {
  readonly open: (options: SendersOptions) => Promise<void>;
  /** So many frames of each device. */
  readonly send: (frames: number) => Promise<SentResult>;
};

interface Sender {
  sent: number;
  journaled: number;
  stored: number;
  /** The last seq of this call. */
  last: number;
}

interface Senders {
  send(frames: number): Promise<SentResult>;
}

const settleDeadlineMs = 60_000;
const lookMs = 500;

async function openSenders(options: SendersOptions): Promise<Senders> {
  const { connections, fixesPerFrame, framesInFlight } = options;
  const failures: string[] = [];
  const senders = Array.from({ length: connections }, createSender);
  let journaledAtMs = 0;
  let storedAtMs = 0;
  let ackedAtMs = 0;
  let unstored = 0;
  let done: () => void = () => undefined;
  let bytes = 0;

  function sendMore(sender: Sender, ring: FrameRing, socket: RawSocket): void {
    const room = Math.min(sender.last, sender.journaled + framesInFlight) - sender.sent;
    if (room <= 0) return;
    for (const piece of ring.take(sender.sent + 1, room)) socket.write(piece);
    sender.sent += room;
    bytes += room * ring.messageBytes;
  }

  function acked(sender: Sender, seq: number, level: number): void {
    ackedAtMs = performance.now();
    if (level === ackLevels.journaled) {
      sender.journaled = seq;
      if (seq === sender.last) journaledAtMs = ackedAtMs;
    } else {
      sender.stored = seq;
      if (seq !== sender.last) return;
      storedAtMs = ackedAtMs;
      unstored -= 1;
      if (unstored === 0) done();
    }
  }

  async function open(index: number): Promise<() => void> {
    const sender = senders[index] as Sender;
    const id = vehicleId(options.run, index);
    const frames = roadSteps / fixesPerFrame;
    const ring = createFrameRing({ vehicle: index, fixesPerFrame, frames });
    let greeted: () => void = () => undefined;
    const hello = new Promise<void>((resolve) => (greeted = resolve));
    const token = await testToken({ sub: id, role: 'device' });
    const socket = await openRawSocket({
      url: options.url,
      subprotocols: ['fleetwire.v1', `bearer.${token}`],
      onMessage(payload) {
        const parsed = parseMessagePack(payload);
        const frame = 'value' in parsed ? (parsed.value as readonly unknown[]) : [];
        if (frame[0] === frameTypes.deviceHello) greeted();
        else if (frame[0] === frameTypes.refused) failures.push(`refused: ${String(frame[3])}`);
        else if (frame[0] === frameTypes.ack) {
          acked(sender, Number(frame[1]), Number(frame[2]));
          sendMore(sender, ring, socket);
        }
      },
      onClosed: (reason) => void failures.push(`${id} was closed: ${reason}`),
    });
    await hello;
    return () => {
      ring.skip(restSteps);
      sendMore(sender, ring, socket);
    };
  }

  const starts = await openMany(connections, open);

  return {
    async send(frames) {
      const bytesBefore = bytes;
      unstored = connections;
      const stored = new Promise<void>((resolve) => (done = resolve));
      const startedMs = performance.now();
      ackedAtMs = startedMs;
      for (const sender of senders) sender.last += frames;
      for (const start of starts) start();
      const watch = setInterval(() => {
        if (failures.length === 0 && performance.now() - ackedAtMs < settleDeadlineMs) return;
        failures.push(`${unstored} devices wait for their last ack`);
        done();
      }, lookMs);
      await stored;
      clearInterval(watch);
      return {
        journaledSeconds: (journaledAtMs - startedMs) / 1_000,
        storedSeconds: (storedAtMs - startedMs) / 1_000,
        fixes: frames * connections * fixesPerFrame,
        bytes: bytes - bytesBefore,
        failures,
      };
    },
  };
}

function createSender(): Sender {
  return { sent: 0, journaled: 0, stored: 0, last: 0 };
}

let senders: Senders | null = null;

const calls: SendersCalls = {
  async open(options) {
    senders = await openSenders(options);
  },
  send(frames) {
    if (senders === null) throw new Error('senders: send before open');
    return senders.send(frames);
  },
};

answerCalls(calls);
