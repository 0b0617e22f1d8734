/** A client of the embedded database's socket that sends single messages and leaves when it is told to. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawClient {
  /** Sends messages and waits until an answer that ends with `until` has come. */
  exchange(messages: Buffer, until: string): Promise<void>;
  /** Hangs up without a goodbye. */
  vanish(): Promise<void>;
}

export async function openRawClient(
  path: string,
  options: { readonly isGreetingOnly?: boolean } = {},
): Promise<RawClient> {
  const socket = connect(path);
  await once(socket, 'connect');
  const received: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => received.push(bytes));

  async function exchange(messages: Buffer, until: string): Promise<void> {
    received.length = 0;
    socket.write(messages);
    while (!Buffer.concat(received).toString('latin1').includes(until)) await once(socket, 'data');
  }

  const parameters = 'user\0postgres\0database\0template1\0\0';
  const startup = Buffer.alloc(8 + parameters.length);
  startup.writeInt32BE(startup.length, 0);
  startup.writeInt32BE(196_608, 4);
  startup.write(parameters, 8);
  await exchange(startup, 'R');
  if (options.isGreetingOnly !== true) {
    await exchange(message('p', 'secret\0'), 'Z\0\0\0\x05I');
  }
  return { exchange, vanish: () => vanish(socket) };
}

export function message(type: string, body: string): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0);
  bytes.writeInt32BE(body.length + 4, 1);
  bytes.write(body, 5, 'latin1');
  return bytes;
}

async function vanish(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
}
