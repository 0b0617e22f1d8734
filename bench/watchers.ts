/**
 * The process of subscribers that only count: what comes to each of them over the wire, and nothing of what it says. What
 * they must get is held against a plan elsewhere (subscribers.ts); here the process has to stay out of the way.
 * Invariant: a connection that ends, and a subscription that is refused, fail the next call.
 * Bound: `connectionsOfUser` connections a user.
 */
import { parseMessagePack, toMessagePack } from '../src/wire/messagepack.ts';
import { subprotocols, tokenSubprotocolPrefix } from '../src/wire/encode.ts';
import { frameTypes } from '../src/wire/types.ts';
import { testToken } from '../test/support/engine.ts';
import { answerCalls } from './child.ts';
import { clientMessage } from './framing.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import { openMany } from './socket.ts';

export interface WatchersOptions {
  /** `ws://HOST:PORT` */
  readonly url: string;
  readonly count: number;
}

export type WatchersCalls = {
  /** Resolves when the fleet's snapshot has begun to come to all. */
  readonly open: (options: WatchersOptions) => Promise<void>;
  /** So far, of all together. */
  readonly bytesRead: (options: null) => Promise<number>;
};

const connectionsOfUser = 40;
const subscription = clientMessage(toMessagePack([frameTypes.subscribe, 1, 'fleet']));
let sockets: readonly RawSocket[] = [];
let failure: Error | null = null;

async function openWatcher(url: string, index: number): Promise<RawSocket> {
  const sub = `watcher-${Math.floor(index / connectionsOfUser)}`;
  const token = await testToken({ sub, role: 'viewer' });
  let take: (type: unknown) => void = () => undefined;
  const nextType = (): Promise<unknown> => new Promise((resolve) => (take = resolve));
  let isOpening = true;
  const hello = nextType();
  const socket = await openRawSocket({
    url: `${url}/v1/live`,
    subprotocols: [subprotocols.messagepack, `${tokenSubprotocolPrefix}${token}`],
    onMessage(payload) {
      if (!isOpening) return;
      const parsed = parseMessagePack(payload);
      take('value' in parsed ? (parsed.value as readonly unknown[])[0] : null);
    },
    onClosed: (reason) => {
      failure ??= new Error(`a watcher was closed: ${reason}`);
      take(null);
    },
  });
  await hello;
  const answer = nextType();
  socket.write(subscription);
  const type = await answer;
  isOpening = false;
  if (type !== frameTypes.success) throw new Error(`a watcher was answered by ${String(type)}`);
  return socket;
}

const calls: WatchersCalls = {
  async open({ url, count }) {
    sockets = await openMany(count, (index) => openWatcher(url, index));
  },
  async bytesRead() {
    if (failure !== null) throw failure;
    return sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
  },
};

answerCalls(calls);
