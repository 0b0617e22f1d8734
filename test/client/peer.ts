/**
 * A scripted WebSocket peer on a real loopback socket, for what the real engine does not do on demand: lost
 * acks, terminal close codes, slow-downs, refusals, garbage. What the engine does is tested against the
 * engine (engine.test.ts).
 * Invariant: every frame and every connection is kept until it is asked for; `close` leaves no socket.
 */
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { parseJson } from '../../src/wire/json.ts';
import { parseMessagePack, toMessagePack } from '../../src/wire/messagepack.ts';

export type Frame = readonly unknown[];

export interface PeerConnection {
  /** The subprotocol items that the client offered. */
  readonly offered: readonly string[];
  /** The next frame of the client. */
  next(): Promise<Frame>;
  /** Frames that came and were not asked for yet. */
  readonly pending: readonly Frame[];
  send(frame: Frame): void;
  sendJson(frame: Frame): void;
  sendRaw(data: Uint8Array | string): void;
  close(code: number, reason?: string): void;
  /** Drops the TCP connection. */
  drop(): void;
  stopReading(): void;
  readonly closed: Promise<number>;
}

export interface Peer {
  readonly url: string;
  /** The next connection of a client. */
  accept(): Promise<PeerConnection>;
  readonly connections: number;
  close(): Promise<void>;
}

/** Reconnects at once, as far as a client goes, and moves an area as soon as it may. */
export const fastBounds = {
  clientDelayMinMs: 1,
  clientDelayMaxMs: 5,
  clientConnectTimeoutMs: 10_000,
  clientHelloTimeoutMs: 10_000,
  clientAreaIntervalMs: 0,
} as const;

export const deviceHello = (session: Record<string, unknown> = {}): Frame => [
  16,
  {
    protocol: 1,
    session: 's',
    ackLevel: 1,
    frameBytesMax: 65_536,
    fixesPerFrameMax: 1_000,
    framesInFlightMax: 64,
    serverTimeMs: 0,
    ...session,
  },
];

export const subscriberHello: Frame = [
  48,
  { protocol: 1, session: 's', topicsMax: 100, serverTimeMs: 0 },
];

export async function startPeer(): Promise<Peer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise<void>((resolve) => server.once('listening', resolve));
  const connections = createQueue<PeerConnection>();
  let count = 0;
  server.on('connection', (socket, request) => {
    count++;
    const offer = request.headers['sec-websocket-protocol'] ?? '';
    connections.push(connectionOf(socket, offer.split(',')));
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accept: () => connections.next(),
    get connections() {
      return count;
    },
    close() {
      for (const socket of server.clients) socket.terminate();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function connectionOf(socket: WebSocket, offered: readonly string[]): PeerConnection {
  const frames = createQueue<Frame>();
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    const parsed = isBinary ? parseMessagePack(data) : parseJson(data.toString());
    if (!('value' in parsed) || !Array.isArray(parsed.value)) throw new Error('not a frame');
    frames.push(parsed.value);
  });
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  return {
    offered: offered.map((item) => item.trim()),
    next: () => frames.next(),
    pending: frames.items,
    send: (frame) => socket.send(toMessagePack(frame)),
    sendJson: (frame) => socket.send(JSON.stringify(frame)),
    sendRaw: (data) => socket.send(data),
    close: (code, reason = '') => socket.close(code, reason),
    drop: () => socket.terminate(),
    stopReading: () => socket.pause(),
    closed,
  };
}

interface Queue<Item> {
  readonly items: Item[];
  push(item: Item): void;
  next(): Promise<Item>;
}

function createQueue<Item>(): Queue<Item> {
  const items: Item[] = [];
  const waiting: ((item: Item) => void)[] = [];
  return {
    items,
    push(item) {
      const resolve = waiting.shift();
      if (resolve === undefined) items.push(item);
      else resolve(item);
    },
    next() {
      const item = items.shift();
      if (item !== undefined) return Promise.resolve(item);
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}
