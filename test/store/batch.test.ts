import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, joined, partsOf, piecesOf, splitAt } from '../../src/store/batch.ts';
import { anyPlaced, batchOf, rowsOf, track } from './fixes.ts';

describe('a batch', () => {
  it('falls into parts of whole rows that together are the batch', () => {
    fc.assert(
      fc.property(
        fc.array(anyPlaced, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 10 }),
        (fixes, rowsMax, rowsPerChunk) => {
          const parts = partsOf(batchOf(fixes, rowsPerChunk), rowsMax);
          const sizes = parts.map(({ rows }) => rows);
          expect(Math.max(...sizes)).toBeLessThanOrEqual(rowsMax);
          expect(sizes.reduce((sum, rows) => sum + rows, 0)).toBe(fixes.length);
          let at = 0;
          for (const part of parts) {
            const { rows, chunks } = part;
            expect(joined(bytesOf(part))).toEqual(rowsOf(fixes.slice(at, at + rows)));
            expect(chunks.reduce((sum, chunk) => sum + chunk.rows, 0)).toBe(rows);
            expect(chunks.every((chunk) => chunk.rows > 0)).toBe(true);
            at += rows;
          }
        },
      ),
    );
  });

  it('without rows has no parts', () => {
    expect(partsOf(batchOf([]), 10)).toEqual([]);
  });

  it('is not copied when it is one part', () => {
    const batch = batchOf(track('veh-1', 3));
    expect(partsOf(batch, 10)[0]?.chunks).toBe(batch.chunks);
  });

  it('goes in pieces that together are its bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 12 })),
        fc.integer({ min: 1, max: 30 }),
        (chunks, bytesMax) => {
          const batch = chunks.map((chunk) => Buffer.from(chunk));
          const pieces = [...piecesOf(batch, bytesMax)];
          expect(joined(pieces)).toEqual(joined(batch));
          const longest = Math.max(0, ...batch.map(({ length }) => length));
          for (const { length } of pieces)
            expect(length).toBeLessThanOrEqual(Math.max(bytesMax, longest));
          expect(pieces.every(({ length }) => length > 0)).toBe(true);
          const bytes = pieces.map(({ length }) => length);
          for (let at = 1; at < bytes.length; at++) {
            expect((bytes[at - 1] ?? 0) + (bytes[at] ?? 0)).toBeGreaterThan(bytesMax);
          }
        },
      ),
    );
  });

  it('splits between rows', () => {
    const fixes = track('veh-1', 5);
    const { first, second } = splitAt(batchOf(fixes), 2);
    expect(first).toEqual({ rows: 2, chunks: [{ rows: 2, bytes: rowsOf(fixes.slice(0, 2)) }] });
    expect(second).toEqual({ rows: 3, chunks: [{ rows: 3, bytes: rowsOf(fixes.slice(2)) }] });
  });
});
