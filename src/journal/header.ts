/**
 * The header of a segment file as bytes, and the name of the file: pure functions.
 *
 *   'FWJL' | u32 journal format | u32 row format | u64 first position | u64 previous end | u32 CRC
 *
 * Invariant: a header verifies only under the name it was written for. `previousEnd` is where the records
 * of the segment before ended when this one was made: what lies between it and `first` is a gap that was
 * known (and reported) then; a hole before `previousEnd` is one that was not.
 * Bound: positions are safe integers, so a name never has more than `nameDigits` digits.
 */
import { crc32 } from 'node:zlib';

/** Rises with any change of the framing of segments or records. */
export const journalFormat = 1;

export const segmentHeaderBytes = 32;

export interface SegmentHeader {
  readonly journalFormat: number;
  readonly rowFormat: number;
  readonly first: number;
  readonly previousEnd: number;
}

const magic = Buffer.from('FWJL');
const nameDigits = 20;
const namePattern = /^\d{20}\.log$/;
const journalFormatAt = 4;
const rowFormatAt = 8;
const firstAt = 12;
const previousEndAt = 20;
const crcAt = 28;

export function encodeHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes);
  bytes.set(magic);
  bytes.writeUInt32LE(header.journalFormat, journalFormatAt);
  bytes.writeUInt32LE(header.rowFormat, rowFormatAt);
  bytes.writeBigUInt64LE(BigInt(header.first), firstAt);
  bytes.writeBigUInt64LE(BigInt(header.previousEnd), previousEndAt);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, crcAt)), crcAt);
  return bytes;
}

/** The header in `bytes`; null where it is cut off or does not verify. */
export function parseHeader(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < segmentHeaderBytes) return null;
  if (!bytes.subarray(0, magic.length).equals(magic)) return null;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt)) return null;
  return {
    journalFormat: bytes.readUInt32LE(journalFormatAt),
    rowFormat: bytes.readUInt32LE(rowFormatAt),
    first: Number(bytes.readBigUInt64LE(firstAt)),
    previousEnd: Number(bytes.readBigUInt64LE(previousEndAt)),
  };
}

export function segmentName(first: number): string {
  return `${String(first).padStart(nameDigits, '0')}.log`;
}

/** The first position that a file name states; null where it is no segment's name. */
export function firstOfName(name: string): number | null {
  return namePattern.test(name) ? Number(name.slice(0, nameDigits)) : null;
}
