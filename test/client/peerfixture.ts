/** A scripted peer for each test, and the clients that end with it. */
import { afterEach, beforeEach } from 'vitest';
import { startPeer, type Frame, type Peer, type PeerConnection } from './peer.ts';

interface Client {
  close(): Promise<void>;
}

export interface PeerFixture {
  readonly peer: Peer;
  /** Closes the client after the test. */
  track<Kind extends Client>(client: Kind): Kind;
  /** The next connection, after its hello. */
  acceptWith(hello: Frame): Promise<PeerConnection>;
  /** Closes the peer and starts another one at another port. */
  replacePeer(): Promise<void>;
}

/** Registers hooks that start and end it for each test. */
export function usePeer(): PeerFixture {
  let peer: Peer;
  let clients: Client[] = [];

  beforeEach(async () => {
    peer = await startPeer();
    clients = [];
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await peer.close();
  });

  return {
    get peer() {
      return peer;
    },
    track(client) {
      clients.push(client);
      return client;
    },
    async acceptWith(hello) {
      const connection = await peer.accept();
      connection.send(hello);
      return connection;
    },
    async replacePeer() {
      await peer.close();
      peer = await startPeer();
    },
  };
}

/** Resolves when `condition` holds; the event loop turns in between, no time is waited for. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
