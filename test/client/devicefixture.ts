/** A device client and a scripted peer for each test, with a record of all that the client told. */
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
import { deviceHello, fastBounds, type PeerConnection } from './peer.ts';
import { usePeer, type PeerFixture } from './peerfixture.ts';

export interface Connected {
  readonly client: DeviceClient;
  readonly states: readonly ConnectionState[];
  readonly acks: readonly DeviceAck[];
  readonly refusals: readonly DeviceRefusal[];
  readonly drops: readonly DeviceDrop[];
  /** The next state of this name. */
  state(name: ConnectionState['name']): Promise<ConnectionState>;
}

export interface DeviceFixture extends Pick<PeerFixture, 'peer' | 'replacePeer'> {
  connect(options?: Partial<DeviceClientOptions>): Connected;
  /** The next connection, after its hello. */
  acceptOpen(session?: Record<string, unknown>): Promise<PeerConnection>;
}

/** Registers hooks that start and end it for each test. */
export function useDevice(): DeviceFixture {
  const fixture = usePeer();
  return {
    get peer() {
      return fixture.peer;
    },
    replacePeer: fixture.replacePeer,
    connect(options = {}) {
      const connected = connectTo(fixture.peer.url, options);
      fixture.track(connected.client);
      return connected;
    },
    acceptOpen: (session = {}) => fixture.acceptWith(deviceHello(session)),
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
