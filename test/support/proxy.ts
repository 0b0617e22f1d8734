/**
 * A TCP proxy in front of a server, which can go silent: it holds what it is sent, in one direction or both,
 * and neither side notices. It can also cut, at once or in the middle of what the server sends.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Proxy {
  readonly port: number;
  /** Clients that have a connection. */
  readonly connections: number;
  /** Connections that there have been. */
  readonly accepted: number;
  /** How often there was a connection to cut. */
  readonly cuts: number;
  /** Passes on nothing more that comes from the side named. */
  hold(side: 'server' | 'both'): void;
  /** Holds what comes from the server once its client has sent so many more bytes. */
  holdServerAfter(bytes: number): void;
  /** Passes on what was held, and all that follows. */
  release(): void;
  /** Cuts the connections that there are. */
  cut(): void;
  /** The same once the server has sent so many more bytes, and no byte of it later; once. */
  cutAfter(bytes: number): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

export async function openProxy(targetPort: number): Promise<Proxy> {
  const pairs = new Set<Pair>();
  let held: 'none' | 'server' | 'both' = 'none';
  let bytesUntilHold = Infinity;
  let bytesUntilCut = Infinity;
  let accepted = 0;
  let cuts = 0;

  const listener = createServer((client) => {
    const pair: Pair = { client, server: connect(targetPort, '127.0.0.1') };
    pairs.add(pair);
    accepted += 1;
    flow(pair);
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      pair.server.destroy();
    };
    // A reset is one more way to end.
    client.on('error', end).on('close', end);
    pair.server.on('error', end);
    // What the server sent last may still be on its way to the client.
    pair.server.on('close', () => client.end());
    client.on('data', (bytes) => {
      bytesUntilHold -= bytes.length;
      if (bytesUntilHold <= 0) hold('server');
      pair.server.write(bytes);
    });
    pair.server.on('data', (bytes) => {
      client.write(bytes.subarray(0, Math.min(bytes.length, bytesUntilCut)));
      bytesUntilCut -= bytes.length;
      if (bytesUntilCut <= 0) cut();
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');

  function flow({ client, server }: Pair): void {
    if (held === 'both') client.pause();
    else client.resume();
    if (held === 'none') server.resume();
    else server.pause();
  }

  function hold(side: 'server' | 'both'): void {
    held = side;
    for (const pair of pairs) flow(pair);
  }

  function cut(): void {
    bytesUntilCut = Infinity;
    if (pairs.size > 0) cuts += 1;
    for (const { client, server } of pairs) {
      client.destroy();
      server.destroy();
    }
    pairs.clear();
  }

  return {
    port: address.port,
    get connections() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    get cuts() {
      return cuts;
    },
    hold,
    holdServerAfter(bytes) {
      bytesUntilHold = bytes;
    },
    release() {
      held = 'none';
      bytesUntilHold = Infinity;
      for (const pair of pairs) flow(pair);
    },
    cut,
    cutAfter(bytes) {
      bytesUntilCut = bytes;
    },
    async close() {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}
