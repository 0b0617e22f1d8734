/** A device client and a scripted peer for each test, with a record of all that the client told. */
import { afterEach, beforeEach } from 'vitest';
import {
  createDeviceClient,
  type ConnectionState,
  type DeviceAck,
  type DeviceClient,
  type DeviceClientOptions,
  type DeviceDrop,
  type DeviceFix,
  type DeviceRefusal,
} from '../../src/client/index.ts';
import { deviceHello, fastBounds, startPeer, type Peer, type PeerConnection } from './peer.ts';

export interface Connected {
  readonly client: DeviceClient;
  readonly states: readonly ConnectionState[];
  readonly acks: readonly DeviceAck[];
  readonly refusals: readonly DeviceRefusal[];
  readonly drops: readonly DeviceDrop[];
  /** The next state of this name. */
  state(name: ConnectionState['name']): Promise<ConnectionState>;
}

export interface DeviceFixture {
  readonly peer: Peer;
  connect(options?: Partial<DeviceClientOptions>): Connected;
  /** The next connection, after its hello. */
  acceptOpen(session?: Record<string, unknown>): Promise<PeerConnection>;
  /** Closes the peer and starts another one at another port. */
  replacePeer(): Promise<void>;
}

/** Registers hooks that start and end it for each test. */
export function useDevice(): DeviceFixture {
  let peer: Peer;
  let clients: DeviceClient[] = [];

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
      const connected = connectTo(peer.url, options);
      clients.push(connected.client);
      return connected;
    },
    async acceptOpen(session = {}) {
      const connection = await peer.accept();
      connection.send(deviceHello(session));
      return connection;
    },
    async replacePeer() {
      await peer.close();
      peer = await startPeer();
    },
  };
}

function connectTo(url: string, options: Partial<DeviceClientOptions>): Connected {
  const states: ConnectionState[] = [];
  const waiting: { readonly name: string; resolve(state: ConnectionState): void }[] = [];
  const acks: DeviceAck[] = [];
  const refusals: DeviceRefusal[] = [];
  const drops: DeviceDrop[] = [];
  const client = createDeviceClient({
    url,
    token: 'jwt',
    bounds: fastBounds,
    onState(state) {
      states.push(state);
      const index = waiting.findIndex(({ name }) => name === state.name);
      if (index >= 0) waiting.splice(index, 1)[0]?.resolve(state);
    },
    onAck: (ack) => acks.push(ack),
    onRefused: (refusal) => refusals.push(refusal),
    onDropped: (drop) => drops.push(drop),
    ...options,
  });
  return {
    client,
    states,
    acks,
    refusals,
    drops,
    state: (name) => new Promise((resolve) => waiting.push({ name, resolve })),
  };
}

export const fixAt = (timeMs: number): DeviceFix => ({ timeMs, latitude: 52.5, longitude: -8.5 });

export function sendMany(client: DeviceClient, firstMs: number, count: number): void {
  for (let index = 0; index < count; index++) client.send(fixAt(firstMs + index));
}

/** The times of the fixes in a positions frame. */
export function timesOf(frame: readonly unknown[]): number[] {
  const [, , baseMs, fixes] = frame as [number, number, number, number[][]];
  return fixes.map((fix) => baseMs + (fix[0] ?? NaN));
}

/** Resolves when `condition` holds; the event loop turns in between, no time is waited for. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}
