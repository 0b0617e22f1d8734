/**
 * The process of clients that connect, are greeted, and then say nothing: devices of the engine with a token each, or
 * clients of a server that asks for none.
 * Invariant: one that is closed is told by `failures`; whoever is asked whether it is there answers.
 * Bound: as many as files are allowed, from an address of their own.
 * Source: Engine.IO protocol 4 (0 open, 2 ping, 3 pong, 4 message) and Socket.IO protocol 5 (0 connect).
 */
import { testToken } from '../test/support/engine.ts';
import { answerCalls } from './child.ts';
import { vehicleId } from './fixes.ts';
import { clientMessage, opcodes } from './framing.ts';
import type { IdleServerKind } from './idleserver.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';
import { openMany } from './socket.ts';

export type IdleTarget = 'engine' | IdleServerKind;

export interface IdlersOptions {
  readonly target: IdleTarget;
  /** `ws://HOST:PORT` */
  readonly url: string;
  /** The address to connect from. */
  readonly from: string;
  readonly count: number;
}

export type IdlersCalls = {
  /** Opens so many more. */
  readonly open: (options: IdlersOptions) => Promise<void>;
  readonly failures: (argument: null) => Promise<readonly string[]>;
};

const pong = clientMessage(Buffer.from('3'), opcodes.text);
const connectToNamespace = clientMessage(Buffer.from('40'), opcodes.text);
const failures: string[] = [];
let opened = 0;

interface Hello {
  readonly path: string;
  readonly subprotocols: readonly string[];
  /** What a message makes the client do: answer, be greeted, or nothing. */
  read(payload: Buffer, socket: () => RawSocket, greeted: () => void): void;
}

async function helloOf(target: IdleTarget, index: number): Promise<Hello> {
  if (target === 'socketio') {
    return { path: '/socket.io/?EIO=4&transport=websocket', subprotocols: [], read: readSocketIo };
  }
  if (target !== 'engine') return { path: '/', subprotocols: [], read: () => undefined };
  const token = await testToken({ sub: vehicleId('idle', index), role: 'device' });
  return {
    path: '/v1/ingest',
    subprotocols: ['fleetwire.v1', `bearer.${token}`],
    read: (_payload, _socket, greeted) => greeted(),
  };
}

function readSocketIo(payload: Buffer, socket: () => RawSocket, greeted: () => void): void {
  const text = payload.toString('latin1');
  if (text === '2') socket().write(pong);
  else if (text.startsWith('40')) greeted();
  else if (text.startsWith('0')) socket().write(connectToNamespace);
}

async function openIdler({ target, url, from }: IdlersOptions, index: number): Promise<void> {
  const hello = await helloOf(target, index);
  const says = target === 'engine' || target === 'socketio';
  let greeted: () => void = () => undefined;
  const greeting = says ? new Promise<void>((resolve) => (greeted = resolve)) : null;
  const socket = await openRawSocket({
    url: `${url}${hello.path}`,
    subprotocols: hello.subprotocols,
    from,
    onMessage: (payload) => hello.read(payload, () => socket, greeted),
    onClosed: (reason) => void failures.push(`${target}: closed: ${reason}`),
  });
  await greeting;
}

const calls: IdlersCalls = {
  async open(options) {
    const before = opened;
    opened += options.count;
    await openMany(options.count, (index) => openIdler(options, before + index));
  },
  failures: async () => failures,
};

answerCalls(calls);
