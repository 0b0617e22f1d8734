/**
 * One fix as the tuple bytes of PostgreSQL's binary COPY format: the only encoding that a fix ever gets.
 * The journal stores these bytes, a batch is these bytes between `copyHeader` and `copyTrailer`.
 * Invariant: `rowFormat` rises with any change of columns, order or types; a journal of another format
 * is refused, never guessed at.
 * Bound: `rowBytesMax(limits)` bytes a row.
 * Source: PostgreSQL documentation, COPY, "Binary Format"; timestamptz is int64 microseconds since 2000-01-01.
 */
import type { Fix } from '../wire/types.ts';

/** The version of these bytes, written into each journal segment. */
export const rowFormat = 1;

/** The columns in the order of the tuple: what varies in length comes last. */
export const rowColumns =
  'time, received_at, latitude, longitude, speed, course, altitude, accuracy, satellites, flags, attributes, vehicle_id';

const columnCount = 12;
const unknownLength = -1;
const jsonbVersion = 1;

/** Milliseconds from the Unix epoch to PostgreSQL's, 2000-01-01T00:00:00Z. */
export const postgresEpochMs = 946_684_800_000;

/** `PGCOPY\n\377\r\n\0`, no flags, no extension. */
export const copyHeader: Buffer = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
export const copyTrailer: Buffer = Buffer.from('ffff', 'hex');

const encoder = new TextEncoder();

/** Tuples on their way to the journal. The same memory twice: DataView writes many times faster than Buffer. */
export interface Rows {
  readonly bytes: Buffer;
  readonly view: DataView;
  /** Bytes and tuples in it. */
  length: number;
  count: number;
}

/** An empty buffer for tuples; the caller sees to it that they fit (`rowBytesMax` each). */
export function createRows(bytesMax: number): Rows {
  const bytes = Buffer.allocUnsafeSlow(bytesMax);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { bytes, view, length: 0, count: 0 };
}

/** Takes out all tuples; their memory is used again. */
export function clearRows(rows: Rows): void {
  rows.length = 0;
  rows.count = 0;
}

/** Appends the tuple of `fix`. `vehicleKey` is the UTF-8 text of the vehicle's key. */
export function appendRow(
  rows: Rows,
  vehicleKey: Uint8Array,
  fix: Fix,
  receivedAtMs: number,
): void {
  const { bytes, view } = rows;
  view.setInt16(rows.length, columnCount);
  let at = writeTime(view, rows.length + 2, fix.timeMs);
  at = writeTime(view, at, receivedAtMs);
  at = writeDouble(view, at, fix.latE7 / 1e7);
  at = writeDouble(view, at, fix.lonE7 / 1e7);
  at = writeReal(view, at, fix.speedCms, 100);
  at = writeReal(view, at, fix.courseCdeg, 100);
  at = writeReal(view, at, fix.altitudeDm, 10);
  at = writeReal(view, at, fix.accuracyDm, 10);
  at = writeSmallint(view, at, fix.satellites);
  view.setInt32(at, 4);
  view.setInt32(at + 4, fix.flags);
  at = writeJsonb(rows, at + 8, fix.attributes);
  view.setInt32(at, vehicleKey.length);
  at += 4;
  // A key is a few bytes: a loop is faster than a call.
  for (let index = 0; index < vehicleKey.length; index++) {
    bytes[at + index] = vehicleKey[index] as number;
  }
  rows.length = at + vehicleKey.length;
  rows.count += 1;
}

/** What `decodeRow` yields: the fix, whose it is, when it came, and where the next tuple starts. */
export interface DecodedRow {
  readonly vehicleKey: string;
  readonly fix: Fix;
  readonly receivedAtMs: number;
  readonly end: number;
}

/** Reads back the tuple at `offset`; only for bytes that `appendRow` wrote (replay, dead letters). */
export function decodeRow(source: Buffer, offset: number): DecodedRow {
  const fields = fieldOffsets(source, offset);
  const at = (column: number): number => fields[column] as number;
  const real = (column: number, scale: number): number | null =>
    isUnknown(source, at(column)) ? null : Math.round(source.readFloatBE(at(column) + 4) * scale);
  const keyAt = at(11);
  const keyLength = source.readInt32BE(keyAt);
  const attributesAt = at(10);
  return {
    fix: {
      timeMs: readTime(source, at(0)),
      latE7: Math.round(source.readDoubleBE(at(2) + 4) * 1e7),
      lonE7: Math.round(source.readDoubleBE(at(3) + 4) * 1e7),
      speedCms: real(4, 100),
      courseCdeg: real(5, 100),
      altitudeDm: real(6, 10),
      accuracyDm: real(7, 10),
      satellites: isUnknown(source, at(8)) ? null : source.readInt16BE(at(8) + 4),
      flags: source.readInt32BE(at(9) + 4),
      attributes: isUnknown(source, attributesAt)
        ? null
        : source.toString('utf8', attributesAt + 5, keyAt),
      attributesMap: null,
    },
    receivedAtMs: readTime(source, at(1)),
    vehicleKey: source.toString('utf8', keyAt + 4, keyAt + 4 + keyLength),
    end: keyAt + 4 + keyLength,
  };
}

/** The offset behind the tuple at `offset`. */
export function rowEnd(source: Buffer, offset: number): number {
  let at = offset + 2;
  for (let column = 0; column < columnCount; column++) {
    at += 4 + Math.max(0, source.readInt32BE(at));
  }
  return at;
}

function fieldOffsets(source: Buffer, offset: number): number[] {
  const offsets: number[] = [];
  let at = offset + 2;
  for (let column = 0; column < columnCount; column++) {
    offsets.push(at);
    at += 4 + Math.max(0, source.readInt32BE(at));
  }
  return offsets;
}

function isUnknown(source: Buffer, at: number): boolean {
  return source.readInt32BE(at) === unknownLength;
}

// A 64-bit count of microseconds in two halves: BigInt would allocate for every fix.
function writeTime(view: DataView, at: number, unixMs: number): number {
  const micros = (unixMs - postgresEpochMs) * 1_000;
  const high = Math.floor(micros / 4_294_967_296);
  view.setInt32(at, 8);
  view.setInt32(at + 4, high);
  view.setUint32(at + 8, micros - high * 4_294_967_296);
  return at + 12;
}

function readTime(source: Buffer, at: number): number {
  const micros = source.readInt32BE(at + 4) * 4_294_967_296 + source.readUInt32BE(at + 8);
  return Math.round(micros / 1_000) + postgresEpochMs;
}

function writeDouble(view: DataView, at: number, value: number): number {
  view.setInt32(at, 8);
  view.setFloat64(at + 4, value);
  return at + 12;
}

function writeReal(view: DataView, at: number, scaled: number | null, scale: number): number {
  if (scaled === null) return writeUnknown(view, at);
  view.setInt32(at, 4);
  view.setFloat32(at + 4, scaled / scale);
  return at + 8;
}

function writeSmallint(view: DataView, at: number, value: number | null): number {
  if (value === null) return writeUnknown(view, at);
  view.setInt32(at, 2);
  view.setInt16(at + 4, value);
  return at + 6;
}

function writeJsonb({ bytes, view }: Rows, at: number, text: string | null): number {
  if (text === null) return writeUnknown(view, at);
  const { written } = encoder.encodeInto(text, bytes.subarray(at + 5));
  view.setInt32(at, written + 1);
  view.setUint8(at + 4, jsonbVersion);
  return at + 5 + written;
}

function writeUnknown(view: DataView, at: number): number {
  view.setInt32(at, unknownLength);
  return at + 4;
}
