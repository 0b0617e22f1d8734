/**
 * A record as bytes: the framing of the journal, pure functions over buffers.
 *
 *   u32 payload bytes | u32 CRC | u8 kind, u24 header check | u32 rows | payload      (little endian)
 *
 * The header check is the upper part of a hash of position, length, kind and rows; the CRC-32 of the
 * payload starts from that hash. So a length is believed before its payload is there, which tells a torn
 * tail from damage, and a record that belongs to another position never verifies.
 * Bound: a length is only taken from a header that verifies, and read only as far as its file goes.
 */
import { crc32 } from 'node:zlib';

/** One record; `payload` is a view of the buffer that it was read into. */
export interface JournalRecord {
  /** What the payload is, 0 to 255; the journal only carries it. */
  readonly kind: number;
  readonly rows: number;
  /** Position of its first byte, header included. */
  readonly start: number;
  /** Position behind its last byte, where the next record starts unless there is a gap. */
  readonly end: number;
  readonly payload: Buffer;
}

export const recordHeaderBytes = 16;

const crcAt = 4;
const kindAt = 8;
const rowsAt = 12;
const kindMask = 0xff;

/** Throws for what has no room in a header: it would spoil the header, and the record with it. */
export function checkFields(kind: number, rows: number): void {
  if ((kind & kindMask) !== kind) throw new Error(`journal: ${kind} is no kind of record`);
  if (rows >>> 0 !== rows) throw new Error(`journal: ${rows} is no number of rows`);
}

/** Makes a record, at `at`, of the payload that is there already behind `recordHeaderBytes`. */
export function writeHeader(
  target: Buffer,
  at: number,
  position: number,
  kind: number,
  rows: number,
  payloadBytes: number,
): void {
  checkFields(kind, rows);
  const hash = hashHeader(position, payloadBytes, kind, rows);
  const payloadAt = at + recordHeaderBytes;
  putUint32(target, at, payloadBytes);
  putUint32(target, at + crcAt, crc32(target.subarray(payloadAt, payloadAt + payloadBytes), hash));
  putUint32(target, at + kindAt, (hash & ~kindMask) | kind);
  putUint32(target, at + rowsAt, rows);
}

// `writeUInt32LE` checks again what is known here, and that took a seventh of an append.
function putUint32(target: Buffer, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}

/**
 * The bytes, header included, of the record whose header is at `at`; null where the header does not verify.
 * The caller makes sure that the whole header is there.
 */
export function recordBytes(source: Buffer, at: number, position: number): number | null {
  const length = source.readUInt32LE(at);
  const kindAndCheck = source.readUInt32LE(at + kindAt);
  const hash = hashHeader(
    position,
    length,
    kindAndCheck & kindMask,
    source.readUInt32LE(at + rowsAt),
  );
  return (hash ^ kindAndCheck) >>> 8 === 0 ? recordHeaderBytes + length : null;
}

/** The record at `at`, whose header verifies and whose payload is there; its CRC is not looked at. */
export function viewRecord(source: Buffer, at: number, position: number): JournalRecord {
  const bytes = recordHeaderBytes + source.readUInt32LE(at);
  return {
    kind: source.readUInt8(at + kindAt),
    rows: source.readUInt32LE(at + rowsAt),
    start: position,
    end: position + bytes,
    payload: source.subarray(at + recordHeaderBytes, at + bytes),
  };
}

/** What `parseRecords` found: `fault` is why it stopped before the end of the bytes. */
export interface Parsed {
  readonly records: readonly JournalRecord[];
  /** Position behind the last record. */
  readonly end: number;
  readonly fault: 'incomplete' | 'damaged' | null;
  /** With `incomplete`: the bytes from `end` on that the next step needs. */
  readonly bytesWanted: number;
}

/** The whole records of `source`, whose first byte is at `position`, up to the first that is not one. */
export function parseRecords(source: Buffer, position: number): Parsed {
  const records: JournalRecord[] = [];
  let at = 0;
  const stop = (fault: Parsed['fault'], bytesWanted: number): Parsed => ({
    records,
    end: position + at,
    fault,
    bytesWanted,
  });
  while (at < source.length) {
    if (source.length - at < recordHeaderBytes) return stop('incomplete', recordHeaderBytes);
    const bytes = recordBytes(source, at, position + at);
    if (bytes === null) return stop('damaged', 0);
    if (source.length - at < bytes) return stop('incomplete', bytes);
    const record = viewRecord(source, at, position + at);
    if (!isIntact(source, at, record)) return stop('damaged', 0);
    records.push(record);
    at += bytes;
  }
  return stop(null, 0);
}

function isIntact(source: Buffer, at: number, record: JournalRecord): boolean {
  const hash = hashHeader(record.start, record.payload.length, record.kind, record.rows);
  return crc32(record.payload, hash) === source.readUInt32LE(at + crcAt);
}

// Each step is a bijection of the word that goes in, so a change of one word always changes the hash.
function hashHeader(position: number, length: number, kind: number, rows: number): number {
  let hash = mix(0x464c5754, Math.floor(position / 4_294_967_296));
  hash = mix(hash, position >>> 0);
  hash = mix(hash, length);
  hash = mix(hash, rows);
  return mix(hash, kind) >>> 0;
}

function mix(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
}
