/**
 * A WebSocket of the tests' own that speaks bytes: it can say what the clients never would.
 * Invariant: every message is kept until somebody asks for it; `closed` always settles.
 * Bound: `waitMs` for anything that is waited for, so that a missing answer is a failure and not a hang.
 */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack, toMessagePack } from '../../src/wire/messagepack.ts';

const waitMs = 10_000;

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export interface TestSocket {
  /** Sends an array as a MessagePack frame. */
  send(frame: readonly unknown[]): void;
  /** Sends bytes as they are, or text as a text frame. */
  sendRaw(message: Uint8Array | string): void;
  /** The next message, parsed. */
  next(): Promise<unknown>;
  /** The next message whose type is `type`; others before it are dropped. */
  nextOf(type: number): Promise<readonly unknown[]>;
  readonly closed: Promise<Closed>;
  readonly protocol: string;
  /** What was agreed on, such as `permessage-deflate`; empty for nothing. */
  readonly extensions: string;
  /** What has come over the network, compressed as it came. */
  readonly bytesRead: number;
  /** Stops reading from the network. */
  pause(): void;
  resume(): void;
  /** Drops the connection without a close frame. */
  terminate(): void;
  close(code?: number, reason?: string): Promise<void>;
}

export interface SocketOptions {
  readonly token?: string;
  readonly header?: boolean;
  readonly protocols?: readonly string[];
  /** The origin of the page, as a browser would say it. */
  readonly origin?: string;
  /** Other headers; of a list each is a line of its own. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Offers permessage-deflate. */
  readonly deflate?: boolean;
}

/** Opens a socket; rejects when the upgrade is refused, with the HTTP status in the message. */
export async function openSocket(url: string, options: SocketOptions = {}): Promise<TestSocket> {
  const { token, header = false, protocols = ['fleetwire.v1'] } = options;
  const bearer = token === undefined || header ? [] : [`bearer.${token}`];
  const socket = new WebSocket(url, [...protocols, ...bearer], {
    headers: {
      ...options.headers,
      ...(token !== undefined && header ? { authorization: `Bearer ${token}` } : {}),
    },
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    perMessageDeflate: options.deflate ?? false,
  });
  const messages: unknown[] = [];
  let wake: () => void = () => undefined;
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    const parsed = isBinary ? parseMessagePack(data) : parseJson(data.toString());
    messages.push('value' in parsed ? parsed.value : parsed);
    wake();
  });
  const closed = new Promise<Closed>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      wake();
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.on('error', reject);
  });

  const wire = (socket as unknown as { readonly _socket: Socket })._socket;

  async function next(): Promise<unknown> {
    const deadline = Date.now() + waitMs;
    while (messages.length === 0) {
      if (socket.readyState === WebSocket.CLOSED) throw new Error('the socket is closed');
      if (Date.now() > deadline) throw new Error(`no message within ${waitMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return messages.shift();
  }

  return {
    send: (frame) => socket.send(toMessagePack(frame)),
    sendRaw: (message) => socket.send(message),
    next,
    async nextOf(type) {
      for (;;) {
        const message = await next();
        if (Array.isArray(message) && message[0] === type) return message;
      }
    },
    closed,
    protocol: socket.protocol,
    extensions: socket.extensions,
    get bytesRead() {
      return wire.bytesRead;
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    terminate: () => socket.terminate(),
    async close(code, reason) {
      socket.close(code, reason);
      await closed;
    },
  };
}

/** The HTTP status with which an upgrade is refused. */
export async function refusedUpgrade(url: string, options: SocketOptions = {}): Promise<string> {
  try {
    const socket = await openSocket(url, options);
    await socket.close();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the upgrade was not refused');
}
