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

  const anyChunks = fc.array(fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)));
  const anyBytesMax = fc.integer({ min: 8, max: 80 });

  it('goes in pieces that together are its bytes', () => {
    fc.assert(
      fc.property(anyChunks, anyBytesMax, (chunks, bytesMax) => {
        const pieces = [...piecesOf(chunks, bytesMax)];
        expect(joined(pieces)).toEqual(joined(chunks));
        for (const { length } of pieces) expect(length).toBeLessThanOrEqual(bytesMax);
        expect(pieces.every(({ length }) => length > 0)).toBe(true);
      }),
    );
  });

  it('goes in few pieces where its chunks are small', () => {
    fc.assert(
      fc.property(anyChunks, (chunks) => {
        const bytesMax = 8 * 61;
        const bytes = [...piecesOf(chunks, bytesMax)].map(({ length }) => length);
        for (let at = 1; at < bytes.length; at++) {
          expect((bytes[at - 1] ?? 0) + (bytes[at] ?? 0)).toBeGreaterThan(bytesMax);
        }
      }),
    );
  });

  it('is not copied where its chunks are large', () => {
    const chunks = [Buffer.alloc(100), Buffer.alloc(8), Buffer.alloc(20)];
    const pieces = [...piecesOf(chunks, 64)];
    expect(pieces.map(({ length }) => length)).toEqual([64, 36, 8, 20]);
    for (const [at, chunk] of [0, 0, 1, 2].entries()) {
      expect(pieces[at]?.buffer).toBe(chunks[chunk]?.buffer);
    }
  });

  it('splits between rows', () => {
    const fixes = track('veh-1', 5);
    const { first, second } = splitAt(batchOf(fixes), 2);
    expect(first).toEqual({ rows: 2, chunks: [{ rows: 2, bytes: rowsOf(fixes.slice(0, 2)) }] });
    expect(second).toEqual({ rows: 3, chunks: [{ rows: 3, bytes: rowsOf(fixes.slice(2)) }] });
  });
});
