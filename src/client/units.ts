/**
 * Positions in the units of people to the integers of the wire, and back.
 * Invariant: degrees survive to 1e-7, speed to 1 cm/s, course to 0.01 degree, metres to 1 dm.
 * What is unknown or not finite is `null` on the wire (browsers report a heading of NaN at rest); only
 * time, latitude and longitude must be there.
 */
import type { RefusalName } from '../errors.ts';
import { limits } from '../limits.ts';
import { checkAttributes } from '../wire/attributes.ts';
import { toMessagePack } from '../wire/messagepack.ts';
import type { LivePosition, PlainMap, WireFix } from '../wire/types.ts';

/** One fix as an application has it. */
export interface DeviceFix {
  /** Unix ms, UTC. */
  readonly timeMs: number;
  /** Degrees, WGS-84. */
  readonly latitude: number;
  readonly longitude: number;
  /** m/s */
  readonly speed?: number | null | undefined;
  /** Degrees clockwise from true north. */
  readonly course?: number | null | undefined;
  /** Metres. */
  readonly altitude?: number | null | undefined;
  readonly accuracy?: number | null | undefined;
  readonly satellites?: number | null | undefined;
  readonly attributes?: PlainMap | null | undefined;
  /** Only of a gateway, whose token speaks for several vehicles. */
  readonly vehicle?: string | undefined;
}

/** A position as an application gets it from a topic. */
export interface Position {
  readonly vehicle: string;
  readonly timeMs: number;
  readonly latitude: number;
  readonly longitude: number;
  readonly speed: number | null;
  readonly course: number | null;
  readonly altitude: number | null;
  readonly accuracy: number | null;
  readonly satellites: number | null;
  readonly attributes: PlainMap | null;
  /** Bits of `fixFlags`. */
  readonly flags: number;
  /** How many fixes it stands for; it is the newest of them. */
  readonly count: number;
}

type Mutable<Tuple> = { -readonly [Index in keyof Tuple]: Tuple[Index] };

/** A `WireFix` whose `dtMs` is filled in when its frame is made. */
export type MutableWireFix = Mutable<WireFix>;

/** A fix in wire units with the most bytes that it takes in a frame, or why there is none. */
export type Converted =
  | { readonly timeMs: number; readonly wire: MutableWireFix; readonly bytes: number }
  | { readonly refused: RefusalName };

/** The bytes of an array header and of a `dtMs` that needs 64 bits. */
const fixOverheadBytes = 1 + 9;

export function toWireFix(fix: DeviceFix): Converted {
  const timeMs = Math.round(fix.timeMs);
  const latE7 = Math.round(fix.latitude * 1e7);
  const lonE7 = Math.round(fix.longitude * 1e7);
  if (![timeMs, latE7, lonE7].every(Number.isSafeInteger)) return { refused: 'fixNotInteger' };
  const scaled = [
    scale(fix.speed, 100),
    scale(fix.course, 100),
    scale(fix.altitude, 10),
    scale(fix.accuracy, 10),
    scale(fix.satellites, 1),
  ];
  let bytes = fixOverheadBytes + integerBytes(latE7) + integerBytes(lonE7);
  for (const value of scaled) bytes += integerBytes(value);
  const attributes = fix.attributes ?? null;
  if (attributes !== null) {
    // Refused here, because a fix that no frame can hold would close every connection it is sent on.
    const checked = checkAttributes(attributes, limits);
    if ('refused' in checked) return checked;
    bytes += toMessagePack(attributes).length;
  }
  const wire = trimmed([0, latE7, lonE7, ...scaled, attributes]) as MutableWireFix;
  return { timeMs, wire, bytes };
}

export function fromLivePosition(position: LivePosition): Position {
  const [vehicle, timeMs, latE7, lonE7, speedCms, courseCdeg, altitudeDm, accuracyDm] = position;
  return {
    vehicle,
    timeMs,
    latitude: latE7 / 1e7,
    longitude: lonE7 / 1e7,
    speed: unscale(speedCms, 100),
    course: unscale(courseCdeg, 100),
    altitude: unscale(altitudeDm, 10),
    accuracy: unscale(accuracyDm, 10),
    satellites: position[8],
    attributes: position[9],
    flags: position[10],
    count: position[11],
  };
}

function scale(value: number | null | undefined, factor: number): number | null {
  if (value === null || value === undefined) return null;
  const scaled = Math.round(value * factor);
  return Number.isSafeInteger(scaled) ? scaled : null;
}

function unscale(value: number | null, factor: number): number | null {
  return value === null ? null : value / factor;
}

function trimmed(values: readonly unknown[]): unknown[] {
  let length = values.length;
  while (values[length - 1] === null) length--;
  return values.slice(0, length);
}

/** The bytes of an integer (or nil) in MessagePack: its specification, "int format family". */
function integerBytes(value: number | null): number {
  if (value === null || (value >= -32 && value < 128)) return 1;
  if (value >= -128 && value < 256) return 2;
  if (value >= -32_768 && value < 65_536) return 3;
  if (value >= -2_147_483_648 && value < 4_294_967_296) return 5;
  return 9;
}
