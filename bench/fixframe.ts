/**
 * Frames of positions for thousands of devices: one message a device, copied for each send, with seq, time and the fixes
 * of that time written into its bytes. A ring of frames (framering.ts) costs less to send and more to keep.
 * Invariant: what it yields is what the protocol's encoder makes of the same fixes, but for a seq that always takes five
 * bytes and a base that takes nine.
 * Bound: one message a device; its fixes are `stepMs` apart.
 */
import { emptyFix } from '../src/live/vehicles.ts';
import { toMessagePack } from '../src/wire/messagepack.ts';
import { frameTypes, type Fix } from '../src/wire/types.ts';
import { benchStartMs, roadSteps, stepMs, wireFix, writeFix } from './fixes.ts';
import { clientMessage } from './framing.ts';

/** The whole WebSocket message, in memory of its own: a socket may keep it for a while. */
export type FrameOf = (seq: number, baseMs: number) => Buffer;

const seqAt = 3;
const baseAt = 8;
const headBytes = 16;
/** From the end of a fix to its latitude, longitude and course: each follows the code of its type. */
const fromEnd = { latitude: 19, longitude: 14, course: 6 } as const;

/** The fix of a vehicle at a time that is a whole number of steps after the start of benches. */
export function fixAt(vehicle: number, timeMs: number, fix: Fix = emptyFix(0)): Fix {
  writeFix(fix, vehicle, (timeMs - benchStartMs) / stepMs, roadSteps);
  return fix;
}

export function createFrames(vehicle: number, fixes: number): FrameOf {
  const fix = emptyFix(0);
  const wire = Array.from({ length: fixes }, (_, index) =>
    wireFix(fixAt(vehicle, benchStartMs + index * stepMs, fix), benchStartMs),
  );
  const head = Buffer.alloc(headBytes);
  head.set([0x94, frameTypes.positions, 0xce]);
  head[baseAt - 1] = 0xcf;
  const list = toMessagePack(wire);
  const message = clientMessage(Buffer.concat([head, list]));
  const payloadAt = message.length - head.length - list.length;
  const ends = endsOf(wire, message.length);
  return (seq, baseMs) => {
    const frame = Buffer.from(message);
    frame.writeUInt32BE(seq, payloadAt + seqAt);
    frame.writeBigUInt64BE(BigInt(baseMs), payloadAt + baseAt);
    for (const [index, end] of ends.entries()) {
      fixAt(vehicle, baseMs + index * stepMs, fix);
      frame.writeUInt32BE(fix.latE7, end - fromEnd.latitude);
      frame.writeInt32BE(fix.lonE7, end - fromEnd.longitude);
      frame.writeUInt16BE(fix.courseCdeg ?? 0, end - fromEnd.course);
    }
    return frame;
  };
}

/** Where each fix ends; the last one ends with the message. */
function endsOf(wire: readonly (readonly number[])[], messageBytes: number): readonly number[] {
  const lengths = wire.map((fix) => toMessagePack(fix).length);
  let end = messageBytes - lengths.reduce((sum, length) => sum + length, 0);
  return lengths.map((length) => (end += length));
}
