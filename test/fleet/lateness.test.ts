import { beforeEach, describe, expect, it } from 'vitest';
import { createLateness, type Lateness } from '../../src/fleet/lateness.ts';
import { limits } from '../../src/limits.ts';

const bounds = { ...limits, recomputeDelayMs: 1_000, recomputeDelayMaxMs: 5_000 };
let nowMs: number;
let lateness: Lateness;

beforeEach(() => {
  nowMs = 0;
  lateness = createLateness({ monotonicMs: () => nowMs, bounds });
});

describe('a mark', () => {
  it('is due once nothing has come for a while, or has come for too long', () => {
    lateness.mark('a', 100, false);
    expect(lateness.next()).toBe(null);
    for (nowMs = 500; nowMs < 5_000; nowMs += 500) {
      lateness.mark('a', nowMs, false);
      expect(lateness.next()).toBe(null);
    }
    lateness.mark('a', 50, false);
    expect(lateness.next()).toMatchObject({ key: 'a', sinceMs: 50, isCertain: false });
    lateness.mark('b', 1, true);
    nowMs += 1_000;
    expect(lateness.next()).toMatchObject({ key: 'b', sinceMs: 1, isCertain: true });
    expect(lateness.next()).toBe(null);
    expect(lateness.size).toBe(2);
  });

  it('is at its earliest time, and unsaved where that is not saved', () => {
    lateness.restore({ key: 'a', sinceMs: 100 });
    expect(lateness.unsaved()).toEqual([]);
    lateness.mark('a', 200, false);
    expect(lateness.unsaved()).toEqual([]);
    lateness.mark('a', 99, false);
    expect(lateness.unsaved()).toMatchObject([{ key: 'a', sinceMs: 99 }]);
  });

  it('that is worked on is still to be saved, and apart from what comes meanwhile', () => {
    lateness.mark('a', 100, false);
    nowMs = 1_000;
    const mark = lateness.next()!;
    expect(lateness.since('a')).toBe(null);
    lateness.mark('a', 300, false);
    expect(lateness.since('a')).toMatchObject({ sinceMs: 300 });
    expect(lateness.unsaved()).toHaveLength(2);
    lateness.done(mark);
    expect(lateness.unsaved()).toMatchObject([{ sinceMs: 300 }]);
    expect(lateness.size).toBe(1);
  });

  it('that is given back is one with what came meanwhile, and not due at once', () => {
    lateness.mark('a', 100, true);
    nowMs = 1_000;
    const mark = lateness.next()!;
    mark.isSaved = true;
    lateness.mark('a', 300, false);
    lateness.giveBack(mark);
    expect(lateness.size).toBe(1);
    expect(lateness.next()).toBe(null);
    nowMs = 2_000;
    expect(lateness.next()).toMatchObject({ sinceMs: 100, isCertain: true, isSaved: true });
  });

  it('of one that has failed rests, and keeps nobody else from being worked on', () => {
    lateness.mark('a', 100, true);
    nowMs = 1_000;
    lateness.fail(lateness.next()!);
    lateness.mark('a', 50, false);
    lateness.mark('b', 1, true);
    nowMs = 5_999;
    expect(lateness.next()).toMatchObject({ key: 'b' });
    expect(lateness.next()).toBe(null);
    nowMs = 6_000;
    expect(lateness.next()).toMatchObject({ key: 'a', sinceMs: 50, isCertain: true });
  });
});
