/**
 * Frames of positions as a load sends them: made once, and then only their seq, their time and their places written into
 * the bytes.
 * Invariant: what it yields is what the protocol's encoder makes of the same fixes, but for a seq that always takes five
 * bytes. A vehicle drives up and down a street of its own at 10 m/s, by the time of its fixes, so that no fix repeats the
 * one before and none is a jump.
 * Bound: a frame of `fixes` fixes, one a second.
 * Source of the codes: MessagePack specification, uint 8, 16, 32 and 64 (0xcc to 0xcf), int 32 (0xd2), arrays (0x90, 0xdc).
 */
import { frameTypes } from '../src/wire/types.ts';
import { clientMessage } from './framing.ts';

export interface FixPlace {
  readonly latE7: number;
  readonly lonE7: number;
}

export const fixIntervalMs = 1_000;
export const fixValues = {
  speedCms: 1_000,
  courseCdeg: 9_000,
  altitudeDm: 195,
  accuracyDm: 30,
  satellites: 9,
} as const;

const origin = { latE7: 526_000_000, lonE7: -86_000_000 } as const;
const apartE7 = 1_000;
/** 10 m/s on a meridian. */
const latE7PerS = 898;
const streetS = 200;
const seqAt = 3;
const baseAt = 8;

/** Where the vehicle is at this time. */
export function placeAtMs(vehicle: number, timeMs: number): FixPlace {
  const seconds = (timeMs / 1_000) % (2 * streetS);
  const along = seconds < streetS ? seconds : 2 * streetS - seconds;
  return {
    latE7: origin.latE7 + vehicle * apartE7 + Math.round(along * latE7PerS),
    lonE7: origin.lonE7 - vehicle * apartE7,
  };
}

/** The whole WebSocket message, in memory of its own: a socket may keep it for a while. */
export type FrameOf = (seq: number, baseMs: number) => Buffer;

export function createFrames(vehicle: number, fixes: number): FrameOf {
  const head = Buffer.from([
    0x94,
    frameTypes.positions,
    0xce,
    0,
    0,
    0,
    0,
    0xcf,
    ...Array(8).fill(0),
  ]);
  const fixBytes = Array.from({ length: fixes }, (_, index) => oneFix(vehicle, index));
  const payload = Buffer.concat([head, arrayHead(fixes), ...fixBytes.map(({ bytes }) => bytes)]);
  const message = clientMessage(payload);
  const payloadAt = message.length - payload.length;
  let fixAt = payloadAt + head.length + arrayHead(fixes).length;
  const latsAt = fixBytes.map(({ bytes, latAt }) => {
    fixAt += bytes.length;
    return fixAt - bytes.length + latAt;
  });
  return (seq, baseMs) => {
    const frame = Buffer.from(message);
    frame.writeUInt32BE(seq, payloadAt + seqAt);
    frame.writeBigUInt64BE(BigInt(baseMs), payloadAt + baseAt);
    for (const [index, at] of latsAt.entries()) {
      frame.writeUInt32BE(placeAtMs(vehicle, baseMs + index * fixIntervalMs).latE7, at);
    }
    return frame;
  };
}

function oneFix(
  vehicle: number,
  index: number,
): { readonly bytes: Buffer; readonly latAt: number } {
  const { speedCms, courseCdeg, altitudeDm, accuracyDm, satellites } = fixValues;
  const interval = index === 0 ? Buffer.from([0]) : uint16(index * fixIntervalMs);
  const place = Buffer.alloc(10);
  place[0] = 0xce;
  place[5] = 0xd2;
  place.writeInt32BE(placeAtMs(vehicle, 0).lonE7, 6);
  const rest = Buffer.from([0xcc, altitudeDm, accuracyDm, satellites]);
  const bytes = Buffer.concat([
    Buffer.from([0x98]),
    interval,
    place,
    uint16(speedCms),
    uint16(courseCdeg),
    rest,
  ]);
  return { bytes, latAt: 1 + interval.length + 1 };
}

function uint16(value: number): Buffer {
  const bytes = Buffer.from([0xcd, 0, 0]);
  bytes.writeUInt16BE(value, 1);
  return bytes;
}

function arrayHead(length: number): Buffer {
  return length < 16
    ? Buffer.from([0x90 | length])
    : Buffer.from([0xdc, length >> 8, length & 0xff]);
}
