/**
 * Frames to the arrays that travel, and those to MessagePack bytes or JSON text.
 * Invariant: the inverse of `decode` and `reply` (round-trip properties hold it).
 * Bound: an array is as long as its frame; the caller bounds fixes and positions.
 */
import { toJson } from './json.ts';
import { toMessagePack } from './messagepack.ts';
import {
  frameTypes,
  type DeviceFrame,
  type DeviceReply,
  type SubscriberFrame,
  type SubscriberReply,
} from './types.ts';

/** `messagepack` is subprotocol fleetwire.v1, `json` is fleetwire.v1.json. */
export type Codec = 'messagepack' | 'json';

export const codecs: readonly Codec[] = ['messagepack', 'json'];

export const subprotocols = {
  messagepack: 'fleetwire.v1',
  json: 'fleetwire.v1.json',
} as const satisfies Record<Codec, string>;

/** The prefix of a subprotocol item that carries the token. */
export const tokenSubprotocolPrefix = 'bearer.';

export function encodeDeviceFrame(frame: DeviceFrame): Uint8Array {
  return toMessagePack(deviceFrameArray(frame));
}

export function encodeDeviceReply(reply: DeviceReply): Uint8Array {
  return toMessagePack(deviceReplyArray(reply));
}

export function encodeSubscriberFrame(frame: SubscriberFrame, codec: Codec): Uint8Array | string {
  return encodeArray(subscriberFrameArray(frame), codec);
}

export function encodeSubscriberReply(reply: SubscriberReply, codec: Codec): Uint8Array | string {
  return encodeArray(subscriberReplyArray(reply), codec);
}

function encodeArray(array: readonly unknown[], codec: Codec): Uint8Array | string {
  return codec === 'json' ? toJson(array) : toMessagePack(array);
}

function deviceFrameArray(frame: DeviceFrame): readonly unknown[] {
  switch (frame.type) {
    case frameTypes.positions:
      return withVehicle([frame.type, frame.seq, frame.baseMs, frame.fixes], frame.vehicle);
    case frameTypes.trip: {
      const { type, seq, tripId, action, timeMs, attributes } = frame;
      return withVehicle([type, seq, tripId, action, timeMs, attributes], frame.vehicle);
    }
    case frameTypes.emergency: {
      const { type, seq, emergencyId, kind, timeMs, latE7, lonE7, message } = frame;
      const array = [type, seq, emergencyId, kind, timeMs, latE7, lonE7, message];
      return withVehicle(array, frame.vehicle);
    }
    case frameTypes.status:
      return withVehicle([frame.type, frame.seq, frame.timeMs, frame.attributes], frame.vehicle);
    case frameTypes.commandAnswer:
      return [frame.type, frame.seq, frame.commandId, frame.status, frame.result];
    case frameTypes.refresh:
      return [frame.type, frame.token];
  }
}

/** Optional, and last. */
function withVehicle(array: unknown[], vehicle: string | null): readonly unknown[] {
  if (vehicle !== null) array.push(vehicle);
  return array;
}

function deviceReplyArray(reply: DeviceReply): readonly unknown[] {
  switch (reply.type) {
    case frameTypes.deviceHello:
      return [reply.type, reply.session];
    case frameTypes.ack:
      return [reply.type, reply.seq, reply.level];
    case frameTypes.refused: {
      const array: unknown[] = [reply.type, reply.seq, reply.code, reply.message];
      if (reply.indexes !== null) array.push(reply.indexes);
      return array;
    }
    case frameTypes.slowDown:
      return [reply.type, reply.retryAfterMs];
    case frameTypes.settings:
      return withVehicle([reply.type, reply.settings], reply.vehicle);
    case frameTypes.command: {
      const { type, commandId, name, arguments: given } = reply;
      return withVehicle([type, commandId, name, given], reply.vehicle);
    }
  }
}

function subscriberFrameArray(frame: SubscriberFrame): readonly unknown[] {
  switch (frame.type) {
    case frameTypes.subscribe: {
      const array: unknown[] = [frame.type, frame.request, frame.topic];
      if (frame.options !== null) array.push(frame.options);
      return array;
    }
    case frameTypes.unsubscribe:
      return [frame.type, frame.request, frame.topic];
    case frameTypes.call:
      return [frame.type, frame.request, frame.method, frame.params];
    case frameTypes.refresh:
      return [frame.type, frame.token];
  }
}

function subscriberReplyArray(reply: SubscriberReply): readonly unknown[] {
  switch (reply.type) {
    case frameTypes.subscriberHello:
      return [reply.type, reply.session];
    case frameTypes.success:
      return [reply.type, reply.request, reply.result];
    case frameTypes.error:
      return [reply.type, reply.request, reply.code, reply.message, reply.temporary];
    case frameTypes.event:
      return [reply.type, reply.topic, reply.offset, reply.event, reply.data];
    case frameTypes.livePositions:
      return [reply.type, reply.topic, reply.positions];
    case frameTypes.conflated:
      return [reply.type, reply.topic, { skipped: reply.skipped, durationMs: reply.durationMs }];
    case frameTypes.unsubscribed:
      return [reply.type, reply.topic, reply.reason];
  }
}
