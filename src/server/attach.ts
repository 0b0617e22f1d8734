/**
 * What stands behind a new connection: it is greeted, then its messages go to its plane's stage.
 * Invariant: the hello is the first frame of every connection; a device has one connection, the newest.
 * Bound: one handler a connection, gone when its socket is.
 */
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { refusals } from '../errors.ts';
import { vehicleKey } from '../identity.ts';
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

  // The older connection is most often one that the network has lost and nobody has noticed.
  function replaceOlder(peer: Peer): string {
    const key = vehicleKey(peer.identity.tenant, peer.identity.subject);
    const older = current.get(key);
    current.set(key, peer);
    if (older !== undefined) {
      metrics.refused.newerConnection += 1;
      older.close('duplicateSession', refusals.newerConnection.message);
    }
    return key;
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
    const key = peer.identity.role === 'device' ? replaceOlder(peer) : null;
    return {
      receive(bytes, isBinary) {
        if (isBinary) pipeline.receive(device, bytes);
        else pipeline.refuseText(device);
      },
      drained: () => undefined,
      // The device asks for its identity whenever it needs it.
      refreshed: () => undefined,
      // Acks are small: a device that lets so many wait reads nothing any more.
      dropped: () => peer.close('slow', 'too much is waiting to be read'),
      gone(reason) {
        device.gone(reason);
        if (key !== null && current.get(key) === peer) current.delete(key);
      },
    };
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
