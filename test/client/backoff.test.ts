import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelayMs, hintedDelayMs } from '../../src/client/backoff.ts';
import { closeCodes } from '../../src/errors.ts';

const bounds = { clientDelayMinMs: 500, clientDelayMaxMs: 30_000 };
const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe('backoffDelayMs', () => {
  it('stays within the doubling ceiling and the largest pause, however many failures', () => {
    fc.assert(
      fc.property(fc.nat(5_000), share, (failures, random) => {
        const delayMs = backoffDelayMs(failures, () => random, bounds);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(Math.min(30_000, 500 * 2 ** failures));
        expect(Number.isInteger(delayMs)).toBe(true);
      }),
    );
  });

  it('is spread over the whole range: full jitter', () => {
    expect(backoffDelayMs(3, () => 0, bounds)).toBe(0);
    expect(backoffDelayMs(3, () => 0.5, bounds)).toBe(2_000);
    expect(backoffDelayMs(3, () => 0.999_999, bounds)).toBe(3_999);
    expect(backoffDelayMs(60, () => 0.999_999, bounds)).toBe(29_999);
  });
});

describe('hintedDelayMs', () => {
  it('reads the pause that a stopping engine asks for', () => {
    expect(hintedDelayMs(closeCodes.shutdown, '1234', bounds)).toBe(1_234);
    expect(hintedDelayMs(closeCodes.shutdown, '0', bounds)).toBe(0);
  });

  it('never waits longer than the largest pause', () => {
    expect(hintedDelayMs(closeCodes.shutdown, '999999999', bounds)).toBe(30_000);
  });

  it('takes no other text and no other close code for a hint', () => {
    for (const reason of ['', '-5', '1e9', '12 s', '1.5', ' 7', '9999999999']) {
      expect(hintedDelayMs(closeCodes.shutdown, reason, bounds)).toBeNull();
    }
    expect(hintedDelayMs(closeCodes.slow, '1234', bounds)).toBeNull();
  });
});
