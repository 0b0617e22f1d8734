/**
 * WebSockets of the load processes: opened a few at a time, with the bytes that came over the wire counted. Sockets of
 * bytes, but where the engine is to compress, which a library has to undo.
 * Invariant: `onClosed` is called once, however the socket ends; a load that loses a socket has failed.
 * Bound: `openingMax` handshakes at a time, so that the engine's accept queue does not decide anything.
 */
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { clientMessage } from './framing.ts';
import { openRawSocket, type RawSocket } from './rawsocket.ts';

const openingMax = 50;

export interface LoadSocketOptions {
  readonly url: string;
  readonly token: string;
  /** Offers permessage-deflate. */
  readonly isCompressed: boolean;
  /** `bytes` are lent. */
  onMessage(bytes: Buffer): void;
  onClosed(reason: string): void;
}

export interface LoadSocket {
  /** Rejects when it does not come to that. */
  readonly opened: Promise<void>;
  /** The two sides agreed on permessage-deflate. */
  readonly isCompressed: boolean;
  /** As they came over the wire, headers included. */
  readonly bytesRead: number;
  send(frame: Uint8Array): void;
  /** Reads no more from the network. */
  pause(): void;
}

export function createLoadSocket(options: LoadSocketOptions): LoadSocket {
  return options.isCompressed ? createCompressed(options) : createPlain(options);
}

function createPlain({ url, token, onMessage, onClosed }: LoadSocketOptions): LoadSocket {
  let raw: RawSocket | null = null;
  const opening = openRawSocket({ url, subprotocols: offer(token), onMessage, onClosed });
  return {
    opened: opening.then((socket) => void (raw = socket)),
    isCompressed: false,
    get bytesRead() {
      return raw?.bytesRead ?? 0;
    },
    send: (frame) => raw?.write(clientMessage(frame)),
    pause: () => raw?.pause(),
  };
}

function offer(token: string): readonly string[] {
  return ['fleetwire.v1', `bearer.${token}`];
}

function createCompressed(options: LoadSocketOptions): LoadSocket {
  const { hostname, port } = new URL(options.url);
  const raw: Socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const socket = new WebSocket(options.url, [...offer(options.token)], {
    perMessageDeflate: true,
    createConnection: () => raw,
  });
  socket.on('message', (bytes: Buffer) => options.onMessage(bytes));
  socket.on('close', (code, reason) => options.onClosed(`${code} ${reason.toString()}`));
  const opened = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.once('open', resolve);
  });
  return {
    opened,
    get isCompressed() {
      return socket.extensions !== '';
    },
    get bytesRead() {
      return raw.bytesRead;
    },
    send: (frame) => socket.send(frame),
    pause: () => socket.pause(),
  };
}

/** Runs `open` for each number below `count`, `openingMax` at a time; the results are in order. */
export async function openMany<Opened>(
  count: number,
  open: (index: number) => Promise<Opened>,
): Promise<Opened[]> {
  const opened: Opened[] = [];
  for (let start = 0; start < count; start += openingMax) {
    const size = Math.min(openingMax, count - start);
    const some = Array.from({ length: size }, (_, offset) => open(start + offset));
    opened.push(...(await Promise.all(some)));
  }
  return opened;
}
