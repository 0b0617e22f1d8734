import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRecords, recordHeaderBytes, writeHeader } from '../../src/journal/record.ts';
import { contentOf, flip, type Content, seeded } from './fixture.ts';

const content: fc.Arbitrary<Content> = fc.record({
  kind: fc.nat(255),
  rows: fc.nat(0xffff_ffff),
  hex: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('hex')),
});
const position = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 53 - 100_000 }));

function frame(contents: readonly Content[], start: number): Buffer {
  const payloads = contents.map(({ hex }) => Buffer.from(hex, 'hex'));
  const bytes = payloads.reduce((sum, { length }) => sum + recordHeaderBytes + length, 0);
  const target = Buffer.alloc(bytes);
  let at = 0;
  for (const [index, payload] of payloads.entries()) {
    const { kind, rows } = contents[index] as Content;
    target.set(payload, at + recordHeaderBytes);
    writeHeader(target, at, start + at, kind, rows, payload.length);
    at += recordHeaderBytes + payload.length;
  }
  return target;
}

describe('records as bytes', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(content, { maxLength: 8 }), position, (contents, start) => {
        const bytes = frame(contents, start);
        const parsed = parseRecords(bytes, start);
        expect(parsed).toMatchObject({ fault: null, end: start + bytes.length });
        expect(parsed.records.map(contentOf)).toEqual(contents);
      }),
      seeded,
    );
  });

  it('are found up to a cut, which wants what is missing', () => {
    fc.assert(
      fc.property(content, content, position, fc.nat(), (first, second, start, cut) => {
        const firstBytes = frame([first], start).length;
        const bytes = frame([first, second], start);
        const kept = bytes.subarray(0, firstBytes + 1 + (cut % (bytes.length - firstBytes - 1)));
        const parsed = parseRecords(kept, start);
        expect(parsed).toMatchObject({ fault: 'incomplete', end: start + firstBytes });
        expect(parsed.records.map(contentOf)).toEqual([first]);
        const keptOfSecond = kept.length - firstBytes;
        const isHeaderCut = keptOfSecond < recordHeaderBytes;
        expect(parsed.bytesWanted).toBe(
          isHeaderCut ? recordHeaderBytes : bytes.length - firstBytes,
        );
      }),
      seeded,
    );
  });

  it('are damaged by any one bit', () => {
    fc.assert(
      fc.property(content, content, position, fc.nat(), (first, second, start, bit) => {
        const firstBytes = frame([first], start).length;
        const bytes = frame([first, second], start);
        const secondBits = (bytes.length - firstBytes) * 8;
        const parsed = parseRecords(flip(bytes, firstBytes * 8 + (bit % secondBits)), start);
        expect(parsed).toMatchObject({ fault: 'damaged', end: start + firstBytes });
        expect(parsed.records.map(contentOf)).toEqual([first]);
      }),
      seeded,
    );
  });

  it('do not verify at another position', () => {
    fc.assert(
      fc.property(content, position, position, (only, start, elsewhere) => {
        fc.pre(start !== elsewhere);
        expect(parseRecords(frame([only], start), elsewhere)).toMatchObject({
          records: [],
          fault: 'damaged',
        });
      }),
      seeded,
    );
  });

  it('are never found in zeroes or noise', () => {
    expect(parseRecords(Buffer.alloc(200), 0)).toMatchObject({ records: [], fault: 'damaged' });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 200 }), position, (noise, start) => {
        const parsed = parseRecords(Buffer.from(noise), start);
        expect(parsed).toMatchObject({ records: [], fault: 'damaged', end: start });
      }),
      seeded,
    );
  });
});
