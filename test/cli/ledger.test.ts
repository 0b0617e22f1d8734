import { describe, expect, it } from 'vitest';
import { createLedger } from '../../src/cli/ledger.ts';

function filled() {
  const ledger = createLedger(4);
  for (const timeMs of [10, 20, 30]) ledger.send('a', timeMs);
  ledger.ack('a', 10);
  ledger.ack('a', 20);
  return ledger;
}

const row = (timeMs: number, count = 1) => ({ timeMs, count });

describe('ledger', () => {
  it('finds every acked fix that is there', () => {
    expect(filled().compare('a', [row(10), row(20)])).toEqual({
      stored: 2,
      lost: 0,
      duplicates: 0,
    });
  });

  it('does not mind a fix that was sent, stored and never acked', () => {
    expect(filled().compare('a', [row(10), row(20), row(30)])).toMatchObject({
      stored: 2,
      duplicates: 0,
    });
  });

  it('tells what was acked and is not there', () => {
    expect(filled().compare('a', [row(20), row(30)])).toMatchObject({ stored: 1, lost: 1 });
  });

  it('tells rows that are there twice, and rows that nobody sent', () => {
    expect(filled().compare('a', [row(10, 3), row(20), row(99, 2)])).toEqual({
      stored: 2,
      lost: 0,
      duplicates: 4,
    });
  });

  it('counts an ack once, however often it comes', () => {
    const ledger = filled();
    ledger.ack('a', 10);
    expect(ledger).toMatchObject({ sent: 3, acked: 2, isFull: false });
    ledger.send('b', 5);
    expect(ledger.isFull).toBe(true);
    expect([...ledger.vehicles]).toEqual(['a', 'b']);
    expect(ledger.span('a')).toEqual({ firstMs: 10, lastMs: 30 });
  });

  it('does not take what cannot be: two fixes at one time, an ack for nothing', () => {
    expect(() => filled().send('a', 10)).toThrow('two places');
    expect(() => filled().ack('a', 11)).toThrow('never sent');
  });
});
