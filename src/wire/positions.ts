/**
 * Frames of positions built from positions that are already encoded: one encoding serves every topic.
 * Invariant: a client reads the same from them as from `encodeSubscriberReply` (a property holds it).
 * Bound: a frame is cut before it passes the bytes the caller gives.
 */
import { frameTypes, type Fix, type LivePosition, type PlainMap } from './types.ts';
import { toJson } from './json.ts';
import { toMessagePack } from './messagepack.ts';
import type { Codec } from './encode.ts';

/** One position, or a frame: bytes for MessagePack, text for JSON. */
export type Encoded = Uint8Array | string;

/** The wire form of a vehicle's fix that stands for `count` fixes. */
export function livePosition(vehicleId: string, fix: Fix, count: number): LivePosition {
  return [
    vehicleId,
    fix.timeMs,
    fix.latE7,
    fix.lonE7,
    fix.speedCms,
    fix.courseCdeg,
    fix.altitudeDm,
    fix.accuracyDm,
    fix.satellites,
    fix.attributes === null ? null : (JSON.parse(fix.attributes) as PlainMap),
    fix.flags,
    count,
  ];
}

export function encodePosition(position: LivePosition, codec: Codec): Encoded {
  return codec === 'json' ? toJson(position) : toMessagePack(position);
}

export interface PositionFrame {
  readonly message: Encoded;
  /** How many positions are in it. */
  readonly positions: number;
}

/** `[52, topic, positions]` in as few frames of at most about `bytesMax` as they take. */
export function positionFrames(
  topic: string,
  positions: readonly Encoded[],
  codec: Codec,
  bytesMax: number,
): PositionFrame[] {
  const frames: PositionFrame[] = [];
  for (let start = 0; start < positions.length;) {
    let end = start;
    let length = 0;
    do {
      length += (positions[end] as Encoded).length;
      end += 1;
    } while (end < positions.length && length + (positions[end] as Encoded).length <= bytesMax);
    const message = frameOf(topic, positions.slice(start, end), codec);
    frames.push({ message, positions: end - start });
    start = end;
  }
  return frames;
}

function frameOf(topic: string, positions: readonly Encoded[], codec: Codec): Encoded {
  if (codec === 'json') {
    return `[${frameTypes.livePositions},${toJson(topic)},[${positions.join(',')}]]`;
  }
  const parts = positions as readonly Uint8Array[];
  const topicBytes = toMessagePack(topic);
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = new Uint8Array(2 + topicBytes.length + 3 + size);
  // MessagePack: fixarray of 3, positive fixint, the text, array 16.
  frame[0] = 0x93;
  frame[1] = frameTypes.livePositions;
  frame.set(topicBytes, 2);
  let at = 2 + topicBytes.length;
  frame[at] = 0xdc;
  frame[at + 1] = parts.length >> 8;
  frame[at + 2] = parts.length & 0xff;
  at += 3;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** True where `message` is a frame of positions, by its first bytes. */
export function isPositionFrame(message: Uint8Array): boolean {
  // MessagePack: fixarray of 3 and the type; JSON: `[52,`.
  if (message[0] === 0x93) return message[1] === frameTypes.livePositions;
  return message[0] === 0x5b && message[1] === 0x35 && message[2] === 0x32 && message[3] === 0x2c;
}
