import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeHeader,
  firstOfName,
  parseHeader,
  segmentHeaderBytes,
  segmentName,
} from '../../src/journal/header.ts';
import { flip, seeded } from './fixture.ts';

const position = fc.maxSafeNat();
const header = fc.record({
  journalFormat: fc.nat(0xffff_ffff),
  rowFormat: fc.nat(0xffff_ffff),
  first: position,
  previousEnd: position,
});

describe('the header of a segment', () => {
  it('comes back as it was written, in 32 bytes', () => {
    fc.assert(
      fc.property(header, (written) => {
        const bytes = encodeHeader(written);
        expect(bytes).toHaveLength(segmentHeaderBytes);
        expect(parseHeader(bytes)).toEqual(written);
      }),
      seeded,
    );
  });

  it('does not verify with any bit changed, or any byte missing', () => {
    const bytes = encodeHeader({ journalFormat: 1, rowFormat: 3, first: 77, previousEnd: 70 });
    for (let bit = 0; bit < bytes.length * 8; bit++)
      expect(parseHeader(flip(bytes, bit))).toBeNull();
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(parseHeader(bytes.subarray(0, cut))).toBeNull();
    }
  });
});

describe('the name of a segment', () => {
  it('states its first position in 20 digits, and sorts by it', () => {
    expect(segmentName(1234)).toBe('00000000000000001234.log');
    fc.assert(
      fc.property(position, position, (one, other) => {
        expect(firstOfName(segmentName(one))).toBe(one);
        expect(segmentName(one) < segmentName(other)).toBe(one < other);
      }),
      seeded,
    );
  });

  it.each(['checkpoint', 'lock', '12.log', '00000000000000001234.log.40.damaged', ''])(
    'is not %j',
    (name) => {
      expect(firstOfName(name)).toBeNull();
    },
  );
});
