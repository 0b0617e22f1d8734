/**
 * What a client reads: the engine's frames, from values parsed off the wire.
 * Invariant: a frame of the right shape or `null`; a client ignores what it does not know, so that an
 * engine may say more than an old client understands, and never throws on what it is sent.
 * Bound: work follows the frame's length.
 */
import { isCount, isPlain, isPlainMap } from './attributes.ts';
import type { Parsed } from './messagepack.ts';
import {
  frameTypes,
  type AckLevel,
  type DeviceReply,
  type DeviceSession,
  type LivePosition,
  type SubscriberReply,
  type SubscriberSession,
} from './types.ts';

/** The frame of the device plane in `parsed`, or `null` where it is none that this client knows. */
export function readDeviceReply(parsed: Parsed): DeviceReply | null {
  const frame = arrayOf(parsed);
  if (frame === null) return null;
  const [type, first, second, third] = frame;
  switch (type) {
    case frameTypes.deviceHello:
      return isDeviceSession(first) ? { type, session: first } : null;
    case frameTypes.ack:
      return isCount(first) && isAckLevel(second) ? { type, seq: first, level: second } : null;
    case frameTypes.refused: {
      const indexes = frame[4] ?? null;
      if (!isCount(first) || !isCount(second) || typeof third !== 'string') return null;
      if (indexes !== null && !isCounts(indexes)) return null;
      return { type, seq: first, code: second, message: third, indexes };
    }
    case frameTypes.slowDown:
      return isCount(first) ? { type, retryAfterMs: first } : null;
    case frameTypes.settings: {
      const vehicle = second ?? null;
      if (!isPlainMap(first) || (vehicle !== null && typeof vehicle !== 'string')) return null;
      return { type, settings: first, vehicle };
    }
    case frameTypes.command: {
      const args = third ?? null;
      const vehicle = frame[4] ?? null;
      if (typeof first !== 'string' || typeof second !== 'string' || !isPlain(args)) return null;
      if (vehicle !== null && typeof vehicle !== 'string') return null;
      return { type, commandId: first, name: second, arguments: args, vehicle };
    }
    default:
      return null;
  }
}

/** The frame of the subscriber plane in `parsed`, or `null` where it is none that this client knows. */
export function readSubscriberReply(parsed: Parsed): SubscriberReply | null {
  const frame = arrayOf(parsed);
  if (frame === null) return null;
  const [type, first, second, third] = frame;
  switch (type) {
    case frameTypes.subscriberHello:
      return isSubscriberSession(first) ? { type, session: first } : null;
    case frameTypes.success: {
      const result = second ?? null;
      return isCount(first) && isPlain(result) ? { type, request: first, result } : null;
    }
    case frameTypes.error:
      if (!isCount(first) || !isCount(second) || typeof third !== 'string') return null;
      return { type, request: first, code: second, message: third, temporary: frame[4] === true };
    case frameTypes.event: {
      const data = frame[4] ?? null;
      if (typeof first !== 'string' || !isCount(second) || typeof third !== 'string') return null;
      return isPlain(data) ? { type, topic: first, offset: second, event: third, data } : null;
    }
    case frameTypes.livePositions:
      if (typeof first !== 'string' || !isPositions(second)) return null;
      return { type, topic: first, positions: second };
    case frameTypes.conflated: {
      if (typeof first !== 'string' || !isPlainMap(second)) return null;
      const { skipped, durationMs } = second;
      return isCount(skipped) && isCount(durationMs)
        ? { type, topic: first, skipped, durationMs }
        : null;
    }
    case frameTypes.unsubscribed:
      if (typeof first !== 'string' || typeof second !== 'string') return null;
      return { type, topic: first, reason: second };
    default:
      return null;
  }
}

/** True where `value` is an array of positions of the known shape. */
export function isPositions(value: unknown): value is readonly LivePosition[] {
  return Array.isArray(value) && value.every(isPosition);
}

function isPosition(value: unknown): value is LivePosition {
  return (
    Array.isArray(value) &&
    value.length >= 12 &&
    typeof value[0] === 'string' &&
    value.slice(1, 4).every(Number.isSafeInteger) &&
    value.slice(4, 9).every((field) => field === null || Number.isSafeInteger(field)) &&
    (value[9] === null || isPlainMap(value[9])) &&
    isCount(value[10]) &&
    isCount(value[11])
  );
}

function arrayOf(parsed: Parsed): readonly unknown[] | null {
  return 'value' in parsed && Array.isArray(parsed.value) ? parsed.value : null;
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isCount);
}

function isAckLevel(value: unknown): value is AckLevel {
  return value === 1 || value === 2;
}

function isDeviceSession(value: unknown): value is DeviceSession {
  if (!isPlainMap(value)) return false;
  return (
    value['protocol'] === 1 &&
    typeof value['session'] === 'string' &&
    isAckLevel(value['ackLevel']) &&
    isCount(value['frameBytesMax']) &&
    isCount(value['fixesPerFrameMax']) &&
    isCount(value['framesInFlightMax']) &&
    isCount(value['serverTimeMs'])
  );
}

function isSubscriberSession(value: unknown): value is SubscriberSession {
  if (!isPlainMap(value)) return false;
  return (
    value['protocol'] === 1 &&
    typeof value['session'] === 'string' &&
    isCount(value['topicsMax']) &&
    isCount(value['serverTimeMs'])
  );
}
