import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits, rowBytesMax } from '../../src/limits.ts';
import { decodeRow, rowColumns, rowEnd } from '../../src/store/row.ts';
import { anyPlaced, placed, rowsOf } from './fixes.ts';

describe('a row', () => {
  it('reads back as the fix that was written', () => {
    fc.assert(
      fc.property(anyPlaced, ({ key, fix, receivedAtMs }) => {
        const bytes = rowsOf([{ key, fix, receivedAtMs }]);
        expect(decodeRow(bytes, 0)).toEqual({
          vehicleKey: key,
          fix,
          receivedAtMs,
          end: bytes.length,
        });
      }),
    );
  });

  it('ends where the next begins', () => {
    fc.assert(
      fc.property(fc.array(anyPlaced, { minLength: 1, maxLength: 8 }), (fixes) => {
        const bytes = rowsOf(fixes);
        const keys: string[] = [];
        let at = 0;
        while (at < bytes.length) {
          const row = decodeRow(bytes, at);
          expect(rowEnd(bytes, at)).toBe(row.end);
          keys.push(row.vehicleKey);
          at = row.end;
        }
        expect(keys).toEqual(fixes.map(({ key }) => key));
      }),
    );
  });

  it('has a field for each column', () => {
    const bytes = rowsOf([placed('veh-1', 0)]);
    expect(bytes.readInt16BE(0)).toBe(rowColumns.split(', ').length);
  });

  it('takes no more than its bound', () => {
    const key = 't'.repeat(limits.tenantBytesMax) + '/' + 'v'.repeat(limits.vehicleIdBytesMax);
    const attributes = JSON.stringify({ a: 'x'.repeat(limits.attributesBytesMax - 8) });
    expect(attributes).toHaveLength(limits.attributesBytesMax);
    expect(rowsOf([placed(key, 0, { attributes })]).length).toBeLessThanOrEqual(
      rowBytesMax(limits),
    );
  });

  it('holds a time as microseconds since 2000', () => {
    const bytes = rowsOf([placed('veh-1', 0, { timeMs: 946_684_800_001 })]);
    expect(bytes.readBigInt64BE(6)).toBe(1_000n);
  });
});
