/**
 * One subscriber of the bench: its connection, its subscribe, and then each message with the time at which
 * this process had it.
 * Invariant: `onAnswer` comes before any `onMessage`; a stalled one reads nothing after its answer.
 * Bound: `answerDeadlineMs` from the open socket to the answer.
 */
import { toMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes } from '../src/wire/types.ts';
import { testToken } from '../test/support/engine.ts';
import { readContent } from './frames.ts';
import type { FleetPlan } from './fleetplan.ts';
import { wallMs } from './latency.ts';
import { createLoadSocket, type LoadSocket } from './socket.ts';

export type SubscribeAnswer = Readonly<Record<string, unknown>>;

export interface SubscriberOptions {
  readonly url: string;
  readonly user: string;
  readonly topic: string;
  readonly plan: FleetPlan;
  readonly isCompressed: boolean;
  readonly isStalled: boolean;
  onAnswer(answer: SubscribeAnswer, nowMs: number): void;
  onMessage(bytes: Buffer, nowMs: number): void;
  onClosed(reason: string): void;
}

const answerDeadlineMs = 30_000;

/** Resolves when the subscribe is answered; rejects when it is refused. */
export async function openSubscriber(options: SubscriberOptions): Promise<LoadSocket> {
  const { plan, topic } = options;
  let isAnswered = false;
  let resolveAnswer: () => void = () => undefined;
  let rejectAnswer: (error: Error) => void = () => undefined;
  const answered = new Promise<void>((resolve, reject) => {
    resolveAnswer = resolve;
    rejectAnswer = reject;
  });
  // The socket may fail first, and then nobody waits for it.
  answered.catch(() => undefined);
  let hello: () => void = () => undefined;
  const greeted = new Promise<void>((resolve) => {
    hello = resolve;
  });
  const timer = setTimeout(
    () => rejectAnswer(new Error(`no answer to ${topic} in ${answerDeadlineMs} ms`)),
    answerDeadlineMs,
  );

  function begin(bytes: Buffer, nowMs: number): void {
    const content = readContent(bytes, plan);
    if (content.kind === 'hello') return hello();
    if (content.kind !== 'answer') {
      const text = content.kind === 'other' ? content.text : content.kind;
      return rejectAnswer(new Error(`${topic} was answered by ${text}`));
    }
    isAnswered = true;
    if (options.isStalled) socket.pause();
    options.onAnswer(content.result, nowMs);
    resolveAnswer();
  }

  const socket = createLoadSocket({
    url: options.url,
    token: await testToken({ sub: options.user, role: 'viewer' }),
    isCompressed: options.isCompressed,
    onMessage(bytes) {
      const nowMs = wallMs();
      if (isAnswered) options.onMessage(bytes, nowMs);
      else begin(bytes, nowMs);
    },
    onClosed(reason) {
      rejectAnswer(new Error(`${topic}: closed with ${reason}`));
      options.onClosed(reason);
    },
  });
  await socket.opened;
  await greeted;
  socket.send(toMessagePack([frameTypes.subscribe, 1, topic]));
  await answered.finally(() => clearTimeout(timer));
  return socket;
}
