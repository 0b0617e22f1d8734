/** A live client and a scripted peer for each test, with a record of all that handlers are told. */
import { afterEach, beforeEach } from 'vitest';
import {
  createLiveClient,
  type LiveClient,
  type LiveClientOptions,
  type PlainMap,
  type Position,
} from '../../src/client/index.ts';
import type { LivePosition } from '../../src/wire/types.ts';
import { fastBounds, startPeer, subscriberHello, type Peer, type PeerConnection } from './peer.ts';

export interface LiveFixture {
  readonly peer: Peer;
  connect(options?: Partial<LiveClientOptions>): LiveClient;
  /** The next connection, after its hello. */
  acceptOpen(): Promise<PeerConnection>;
}

/** Registers hooks that start and end it for each test. */
export function useLive(): LiveFixture {
  let peer: Peer;
  let clients: LiveClient[] = [];

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
    connect(options = {}) {
      const client = createLiveClient({
        url: peer.url,
        token: 'jwt',
        bounds: fastBounds,
        ...options,
      });
      clients.push(client);
      return client;
    },
    async acceptOpen() {
      const connection = await peer.accept();
      connection.send(subscriberHello);
      return connection;
    },
  };
}

export const bus: LivePosition = [
  'bus-1',
  1_550_475_950_000,
  526_291_510,
  -86_617_460,
  1_234,
  27_150,
  195,
  null,
  11,
  { ignition: true },
  2,
  3,
];

export const busAsFriend: Position = {
  vehicle: 'bus-1',
  timeMs: 1_550_475_950_000,
  latitude: 52.629151,
  longitude: -8.661746,
  speed: 12.34,
  course: 271.5,
  altitude: 19.5,
  accuracy: null,
  satellites: 11,
  attributes: { ignition: true },
  flags: 2,
  count: 3,
};

export const resultOf = (snapshot: readonly LivePosition[] = [], offset = 0) => ({
  epoch: 'e1',
  offset,
  wasRecovering: false,
  recovered: false,
  snapshot,
});

/** Subscribes and writes down, in order, all that the handlers are told. */
export function listen(client: LiveClient, topic: string, options?: PlainMap) {
  const told: unknown[] = [];
  const waiting: (() => void)[] = [];
  const tell = (...entry: unknown[]): void => {
    told.push(entry);
    for (const resolve of waiting.splice(0)) resolve();
  };
  const handle = client.subscribe(
    topic,
    {
      onSnapshot: (positions) => tell('snapshot', positions),
      onPositions: (positions) => tell('positions', positions),
      onEvent: (event) => tell('event', event.event, event.data),
      onConflated: (conflated) => tell('conflated', conflated),
      onError: (error) => tell('error', error.kind, error.code),
      onUnsubscribed: (reason) => tell('unsubscribed', reason),
    },
    options,
  );
  return {
    ...handle,
    told,
    async count(entries: number): Promise<void> {
      while (told.length < entries) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
