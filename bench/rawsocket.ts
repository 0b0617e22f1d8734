/**
 * A WebSocket of a load process down to its bytes: a TCP socket, an upgrade, and messages that were made beforehand.
 * A library's client costs more a message than the server under test; this one leaves the machine to the server.
 * Invariant: what `write` is given goes out as it is; a ping is answered and told to nobody; `onClosed` is called once, however the socket ends.
 * Bound: one read buffer for all sockets of a process, whose bytes are lent for the call.
 */
import { connect } from 'node:net';
import { messageOf } from '../src/errors.ts';
import { clientMessage, createMessageReader, opcodes, type OnMessage } from './framing.ts';

export interface RawSocketOptions {
  /** `ws://HOST:PORT/PATH` */
  readonly url: string;
  readonly subprotocols: readonly string[];
  /** An own address to connect from: one address has some 28,000 ports. */
  readonly from?: string;
  readonly onMessage: OnMessage;
  readonly onClosed: (reason: string) => void;
}

export interface RawSocket {
  /** Since the upgrade. */
  readonly bytesRead: number;
  write(bytes: Uint8Array): void;
  /** Reads no more from the network. */
  pause(): void;
  end(): void;
}

const readBufferBytes = 256 * 1024;
const upgradeBytesMax = 8 * 1024;
const readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);

/** Resolves when the server has agreed to the upgrade. */
export function openRawSocket(options: RawSocketOptions): Promise<RawSocket> {
  return new Promise((resolve, reject) => {
    const { hostname, port, pathname, search } = new URL(options.url);
    let read = createUpgradeReader((error, rest) => {
      if (error !== null) return void socket.destroy(error);
      read = (chunk) => {
        bytesRead += chunk.length;
        readMessages(chunk);
      };
      resolve(opened);
      // Not before whoever opens it has it, and before another chunk can come.
      if (rest.length > 0) queueMicrotask(() => read(rest));
    });
    const readMessages = createMessageReader((payload, opcode) => {
      if (opcode === opcodes.ping) opened.write(clientMessage(payload, opcodes.pong));
      else if (opcode === opcodes.close) socket.destroy(new Error(closeText(payload)));
      else options.onMessage(payload, opcode);
    });
    let bytesRead = 0;
    const socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      ...(options.from === undefined ? {} : { localAddress: options.from }),
      onread: {
        buffer: readBuffer,
        callback(length) {
          read(readBuffer.subarray(0, length));
          return true;
        },
      },
    });
    let failure: Error | null = null;
    socket.once('connect', () =>
      socket.write(upgradeRequest(hostname, `${pathname}${search}`, options.subprotocols)),
    );
    socket.once('error', (error) => (failure = error));
    socket.once('close', () => {
      const reason = failure === null ? 'the server ended it' : messageOf(failure);
      reject(new Error(`${options.url}: ${reason}`));
      options.onClosed(reason);
    });
    const opened: RawSocket = {
      get bytesRead() {
        return bytesRead;
      },
      write: (bytes) => void socket.write(bytes),
      pause: () => void socket.pause(),
      end: () => void socket.destroy(),
    };
  });
}

/** Of a close frame: its code and its reason. */
function closeText(payload: Buffer): string {
  if (payload.length < 2) return '1005 ';
  return `${payload.readUInt16BE()} ${payload.toString('utf8', 2)}`;
}

function upgradeRequest(host: string, path: string, subprotocols: readonly string[]): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    // The key of the RFC's own example: nobody here looks at what the server makes of it.
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...(subprotocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${subprotocols.join(', ')}`]),
    '',
    '',
  ].join('\r\n');
}

/** Calls `done` with what follows the answer to the upgrade. */
function createUpgradeReader(
  done: (error: Error | null, rest: Buffer) => void,
): (chunk: Buffer) => void {
  let bytes = Buffer.alloc(0);
  return (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0 && bytes.length <= upgradeBytesMax) return;
    const line = bytes.toString('latin1', 0, Math.max(0, bytes.indexOf('\r\n')));
    const isUpgraded = end >= 0 && line.startsWith('HTTP/1.1 101 ');
    const error = isUpgraded ? null : new Error(`not upgraded: ${line}`);
    done(error, bytes.subarray(end + 4));
  };
}
