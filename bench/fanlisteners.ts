/**
 * The connections that listen: to the engine as viewers, each topic subscribed to and answered; to the bare server by
 * their URL.
 * Invariant: when `openListeners` resolves, each has all its topics.
 * Bound: `connectionsOfUser` connections a user, fewer than the engine allows.
 */
import { parseMessagePack, toMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes } from '../src/wire/types.ts';
import { testToken } from '../test/support/engine.ts';
import { firstTopicOf, topicOf, type Scene } from './fanscene.ts';
import { clientMessage } from './framing.ts';
import { openRawSocket } from './rawsocket.ts';
import { openMany } from './socket.ts';

export interface ListenersOptions {
  readonly target: 'engine' | 'bare';
  readonly scene: Scene;
  readonly url: string;
  /** `payload` is lent. */
  readonly onMessage: (payload: Buffer) => void;
  readonly onClosed: (reason: string) => void;
}

const connectionsOfUser = 50;

export async function openListeners(options: ListenersOptions): Promise<void> {
  const { scene, target } = options;
  const open = target === 'engine' ? openViewer : openBare;
  await openMany(scene.connections, (index) => open(options, index));
}

async function openBare({ scene, url, onMessage, onClosed }: ListenersOptions, index: number) {
  const query = `first=${firstTopicOf(scene, index)}&topics=${scene.topicsPerConnection}`;
  await openRawSocket({ url: `${url}/publish?${query}`, subprotocols: [], onMessage, onClosed });
}

async function openViewer(options: ListenersOptions, index: number): Promise<void> {
  const { scene, url, onMessage, onClosed } = options;
  const token = await testToken({
    sub: `fan-${Math.floor(index / connectionsOfUser)}`,
    role: 'viewer',
  });
  let isOpen = false;
  let answered = 0;
  let joined: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const whole = new Promise<void>((resolve, reject) => {
    joined = resolve;
    fail = reject;
  });
  const socket = await openRawSocket({
    url: `${url}/v1/live`,
    subprotocols: ['fleetwire.v1', `bearer.${token}`],
    onMessage(payload) {
      if (isOpen) return onMessage(payload);
      const type = payload[1];
      if (type === frameTypes.subscriberHello) return socket.write(requests(scene, index));
      if (type === frameTypes.success) answered += 1;
      else if (type === frameTypes.error) fail(new Error(`refused: ${textOf(payload)}`));
      isOpen = answered === scene.topicsPerConnection;
      if (isOpen) joined();
    },
    onClosed,
  });
  await whole;
}

function requests(scene: Scene, index: number): Buffer {
  const first = firstTopicOf(scene, index);
  return Buffer.concat(
    Array.from({ length: scene.topicsPerConnection }, (_, offset) =>
      clientMessage(
        toMessagePack([frameTypes.subscribe, offset + 1, topicOf(scene, first + offset)]),
      ),
    ),
  );
}

function textOf(payload: Buffer): string {
  const parsed = parseMessagePack(payload);
  return JSON.stringify('value' in parsed ? parsed.value : parsed);
}
