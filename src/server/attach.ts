/**
 * What stands behind a new connection: it is greeted, then its messages go to its plane's stage.
 * Invariant: the hello is the first frame of every connection; a device has one connection, the newest.
 * Bound: one handler a connection, gone when its socket is.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { refusals } from '../errors.ts';
import { vehicleKey } from '../identity.ts';
import type { Device } from '../ingest/device.ts';
import type { Pipeline } from '../ingest/pipeline.ts';
import type { Call } from '../live/calls.ts';
import { createSubscriber } from '../live/subscriber.ts';
import type { Metrics } from '../metrics.ts';
import { encodeDeviceReply, encodeSubscriberReply } from '../wire/encode.ts';
import {
  ackLevels,
  frameTypes,
  type DeviceSession,
  type SubscriberSession,
} from '../wire/types.ts';
import type { Handler, Peer } from './peer.ts';
import type { Stages } from './stages.ts';

export interface AttachOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly stages: Pick<Stages, 'pipeline' | 'plane' | 'desk'>;
  readonly call: Call;
}

export function createAttach(options: AttachOptions): (peer: Peer) => Handler {
  const { clock, metrics, stages, call } = options;
  const { pipeline, plane, desk } = stages;
  const { bounds, ack } = options.config;
  /** The connection of each device, by tenant and subject. */
  const current = new Map<string, Peer>();
  const ingest: Ingest = {
    pipeline,
    left(peer) {
      const key = keyOf(peer);
      if (current.get(key) === peer) current.delete(key);
    },
  };

  // The older connection is most often one that the network has lost and nobody has noticed.
  function replaceOlder(peer: Peer): void {
    const key = keyOf(peer);
    const older = current.get(key);
    current.set(key, peer);
    if (older === undefined) return;
    metrics.refused.newerConnection += 1;
    older.close('duplicateSession', refusals.newerConnection.message);
  }

  function attachDevice(peer: Peer): Handler {
    const session: DeviceSession = {
      protocol: 1,
      session: peer.id,
      ackLevel: ackLevels[ack],
      frameBytesMax: bounds.frameBytesMax,
      fixesPerFrameMax: bounds.fixesPerFrameMax,
      framesInFlightMax: bounds.framesInFlightMax,
      serverTimeMs: clock.nowMs(),
    };
    peer.send(encodeDeviceReply({ type: frameTypes.deviceHello, session }));
    const device = pipeline.open(peer);
    // Only now: a vehicle that changes connections is not offline between them.
    if (peer.identity.role === 'device') replaceOlder(peer);
    return new DeviceHandler(peer, device, ingest);
  }

  function attachSubscriber(peer: Peer): Handler {
    const session: SubscriberSession = {
      protocol: 1,
      session: peer.id,
      topicsMax: bounds.topicsPerConnectionMax,
      serverTimeMs: clock.nowMs(),
    };
    peer.send(encodeSubscriberReply({ type: frameTypes.subscriberHello, session }, peer.codec));
    desk.notifications.connected(peer.identity);
    return createSubscriber({
      socket: peer,
      codec: peer.codec,
      identity: () => peer.identity,
      plane,
      call,
    });
  }

  return (peer) => (peer.plane === 'ingest' ? attachDevice(peer) : attachSubscriber(peer));
}

/** The same for all devices. */
interface Ingest {
  readonly pipeline: Pipeline;
  left(peer: Peer): void;
}

class DeviceHandler implements Handler {
  private readonly peer: Peer;
  private readonly device: Device;
  private readonly ingest: Ingest;

  constructor(peer: Peer, device: Device, ingest: Ingest) {
    this.peer = peer;
    this.device = device;
    this.ingest = ingest;
  }

  receive(bytes: Uint8Array, isBinary: boolean): void {
    if (isBinary) this.ingest.pipeline.receive(this.device, bytes);
    else this.ingest.pipeline.refuseText(this.device);
  }

  drained(): void {
    // What a device is told is small, and nothing waits for room.
  }

  // Acks are small: a device that lets so many wait reads nothing any more.
  dropped(): void {
    this.peer.close('slow', 'too much is waiting to be read');
  }

  refreshed(): void {
    // The device asks for its identity whenever it needs it.
  }

  gone(reason: string): void {
    this.device.gone(reason);
    this.ingest.left(this.peer);
  }
}

function keyOf({ identity }: Peer): string {
  return vehicleKey(identity.tenant, identity.subject);
}
