/**
 * The only place where a client's untrusted values become frames: a frame or a coded refusal, never a throw.
 * Invariant: what comes out has exactly the types of `types.ts`; elements behind the known ones are
 * ignored, so that fields can be added.
 * Bound: work and memory follow the frame's length; fixes are counted before any is looked at.
 */
import type { RefusalName } from '../errors.ts';
import type { Limits } from '../limits.ts';
import {
  checkAttributes,
  isCleanText,
  isPlain,
  isPlainMap,
  type AttributeBounds,
} from './attributes.ts';
import { parseMessagePack, type Parsed } from './messagepack.ts';
import {
  frameTypes,
  type DeviceFrame,
  type Fix,
  type PlainMap,
  type SubscriberFrame,
} from './types.ts';

/** A frame that is not taken. `id` is its seq or request number, where that much could be read. */
export interface Refused {
  readonly refused: RefusalName;
  readonly id: number | null;
}

export type FrameBounds = Pick<Limits, 'fixesPerFrameMax' | 'tokenBytesMax' | 'topicBytesMax'>;

/** The longest id, name or message text inside an event frame, in characters. */
const textLengthMax = 1_024;

/** Decodes one binary message of the device plane. */
export function decodeDeviceFrame(bytes: Uint8Array, bounds: FrameBounds): DeviceFrame | Refused {
  const parsed = parseMessagePack(bytes);
  if ('refused' in parsed) return refuse(parsed.refused);
  const frame = parsed.value;
  if (!isFrame(frame)) return refuse('notAFrame');
  const id = integerFrom1(frame[1]);
  switch (frame[0]) {
    case frameTypes.positions:
      return positions(frame, id, bounds);
    case frameTypes.trip:
      return id === null ? refuse('badSeq') : trip(frame, id);
    case frameTypes.emergency:
      return id === null ? refuse('badSeq') : emergency(frame, id);
    case frameTypes.status:
      return id === null ? refuse('badSeq') : status(frame, id);
    case frameTypes.commandAnswer:
      return id === null ? refuse('badSeq') : commandAnswer(frame, id);
    case frameTypes.refresh:
      return refresh(frame, bounds);
    default:
      return refuse('unknownType', id);
  }
}

/** Reads the value of one message of the subscriber plane, parsed from MessagePack or JSON. */
export function decodeSubscriberFrame(
  parsed: Parsed,
  bounds: FrameBounds,
): SubscriberFrame | Refused {
  if ('refused' in parsed) return refuse(parsed.refused);
  const frame = parsed.value;
  if (!isFrame(frame)) return refuse('notAFrame');
  const type = frame[0];
  if (type === frameTypes.refresh) return refresh(frame, bounds);
  const request = integerFrom1(frame[1]);
  if (
    type !== frameTypes.subscribe &&
    type !== frameTypes.unsubscribe &&
    type !== frameTypes.call
  ) {
    return refuse('unknownType', request);
  }
  if (request === null) return refuse('badRequestId');
  const name = frame[2];
  if (!isText(name) || name.length > bounds.topicBytesMax) return refuse('malformedFrame', request);
  const rest = frame[3] ?? null;
  if (type === frameTypes.unsubscribe) return { type, request, topic: name };
  if (type === frameTypes.subscribe) {
    if (rest !== null && !isPlainMap(rest)) return refuse('malformedFrame', request);
    return { type, request, topic: name, options: rest };
  }
  if (!isPlain(rest)) return refuse('malformedFrame', request);
  return { type, request, method: name, params: rest };
}

/**
 * Reads one untrusted fix into `fix` (which keeps rubbish where this returns a refusal).
 * Types only: whether the numbers make sense is `ingest/validate`'s question.
 */
export function decodeFix(
  raw: unknown,
  baseMs: number,
  fix: Fix,
  bounds: AttributeBounds,
): RefusalName | null {
  if (!Array.isArray(raw) || raw.length < 3) return 'fixMalformed';
  const fields = raw as readonly unknown[];
  const dtMs = fields[0];
  const latE7 = fields[1];
  const lonE7 = fields[2];
  if (!isInteger(dtMs) || !isInteger(latE7) || !isInteger(lonE7)) return 'fixNotInteger';
  fix.timeMs = baseMs + dtMs;
  fix.latE7 = latE7;
  fix.lonE7 = lonE7;
  const speedCms = fields[3] ?? null;
  const courseCdeg = fields[4] ?? null;
  const altitudeDm = fields[5] ?? null;
  const accuracyDm = fields[6] ?? null;
  const satellites = fields[7] ?? null;
  if (!isIntegerOrNull(speedCms) || !isIntegerOrNull(courseCdeg)) return 'fixNotInteger';
  if (!isIntegerOrNull(altitudeDm) || !isIntegerOrNull(accuracyDm)) return 'fixNotInteger';
  if (!isIntegerOrNull(satellites)) return 'fixNotInteger';
  fix.speedCms = speedCms;
  fix.courseCdeg = courseCdeg;
  fix.altitudeDm = altitudeDm;
  fix.accuracyDm = accuracyDm;
  fix.satellites = satellites;
  fix.attributes = null;
  fix.attributesMap = null;
  fix.flags = 0;
  return decodeAttributes(fields[8] ?? null, fix, bounds);
}

function decodeAttributes(value: unknown, fix: Fix, bounds: AttributeBounds): RefusalName | null {
  if (value === null) return null;
  const attributes = checkAttributes(value, bounds);
  if ('refused' in attributes) return attributes.refused;
  fix.attributes = attributes.text;
  fix.attributesMap = attributes.map;
  return null;
}

type RawFrame = readonly [type: number, ...rest: unknown[]];

function positions(
  frame: RawFrame,
  seq: number | null,
  bounds: FrameBounds,
): DeviceFrame | Refused {
  if (seq === null) return refuse('badSeq');
  const baseMs = frame[2];
  const fixes = frame[3];
  const vehicle = frame[4] ?? null;
  if (!isInteger(baseMs) || !Array.isArray(fixes)) return refuse('malformedFrame', seq);
  if (vehicle !== null && typeof vehicle !== 'string') return refuse('malformedFrame', seq);
  if (fixes.length > bounds.fixesPerFrameMax) return refuse('tooManyFixes', seq);
  return { type: frameTypes.positions, seq, baseMs, fixes, vehicle };
}

function trip(frame: RawFrame, seq: number): DeviceFrame | Refused {
  const [, , tripId, action, timeMs] = frame;
  const attributes = frame[5] ?? null;
  const vehicle = frame[6] ?? null;
  if (!isText(tripId) || !isText(action) || !isInteger(timeMs) || !isMapOrNull(attributes)) {
    return refuse('malformedFrame', seq);
  }
  if (!isTextOrNull(vehicle)) return refuse('malformedFrame', seq);
  return { type: frameTypes.trip, seq, tripId, action, timeMs, attributes, vehicle };
}

function emergency(frame: RawFrame, seq: number): DeviceFrame | Refused {
  const [, , emergencyId, kind, timeMs, latE7, lonE7] = frame;
  const message = frame[7] ?? null;
  const vehicle = frame[8] ?? null;
  if (!isText(emergencyId) || !isText(kind) || !isInteger(timeMs)) {
    return refuse('malformedFrame', seq);
  }
  if (!isInteger(latE7) || !isInteger(lonE7) || !isTextOrNull(message) || !isTextOrNull(vehicle)) {
    return refuse('malformedFrame', seq);
  }
  const place = { latE7, lonE7, message, vehicle };
  return { type: frameTypes.emergency, seq, emergencyId, kind, timeMs, ...place };
}

function status(frame: RawFrame, seq: number): DeviceFrame | Refused {
  const [, , timeMs, attributes] = frame;
  const vehicle = frame[4] ?? null;
  if (!isInteger(timeMs) || !isPlainMap(attributes) || !isTextOrNull(vehicle)) {
    return refuse('malformedFrame', seq);
  }
  return { type: frameTypes.status, seq, timeMs, attributes, vehicle };
}

function commandAnswer(frame: RawFrame, seq: number): DeviceFrame | Refused {
  const [, , commandId, answer] = frame;
  const result = frame[4] ?? null;
  if (!isText(commandId) || !isText(answer) || !isPlain(result)) {
    return refuse('malformedFrame', seq);
  }
  return { type: frameTypes.commandAnswer, seq, commandId, status: answer, result };
}

function refresh(
  frame: RawFrame,
  bounds: FrameBounds,
): { readonly type: typeof frameTypes.refresh; readonly token: string } | Refused {
  const token = frame[1];
  if (typeof token !== 'string' || token.length > bounds.tokenBytesMax) {
    return refuse('malformedFrame');
  }
  return { type: frameTypes.refresh, token };
}

function refuse(refused: RefusalName, id: number | null = null): Refused {
  return { refused, id };
}

function isFrame(value: unknown): value is RawFrame {
  return Array.isArray(value) && isInteger(value[0]);
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

function isIntegerOrNull(value: unknown): value is number | null {
  return value === null || Number.isSafeInteger(value);
}

function isMapOrNull(value: unknown): value is PlainMap | null {
  return value === null || isPlainMap(value);
}

function integerFrom1(value: unknown): number | null {
  return isInteger(value) && value >= 1 ? value : null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= textLengthMax && isCleanText(value);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}
