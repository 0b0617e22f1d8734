import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partsOf, splitAt } from '../../src/store/batch.ts';
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
          for (const { rows, bytes } of parts) {
            expect(bytes).toEqual(rowsOf(fixes.slice(at, at + rows)));
            at += rows;
          }
        },
      ),
    );
  });

  it('without rows has no parts', () => {
    expect(partsOf(batchOf([]), 10)).toEqual([]);
  });

  it('is not copied when it is one chunk', () => {
    const batch = batchOf(track('veh-1', 3));
    expect(partsOf(batch, 10)[0]?.bytes).toBe(batch.chunks[0]);
  });

  it('splits between rows', () => {
    const fixes = track('veh-1', 5);
    const { first, second } = splitAt({ rows: 5, bytes: rowsOf(fixes) }, 2);
    expect(first).toEqual({ rows: 2, bytes: rowsOf(fixes.slice(0, 2)) });
    expect(second).toEqual({ rows: 3, bytes: rowsOf(fixes.slice(2)) });
  });
});
