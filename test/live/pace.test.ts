/** The pace of a replay: which time of the track belongs to which moment of the clock. */
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import {
  dueUntilMs,
  held,
  movedTo,
  paceFrom,
  placeAt,
  running,
  shortened,
  sought,
  waitMsOf,
  withSpeed,
  type Pace,
} from '../../src/live/pace.ts';

/** At 1,000 of the track when the clock says 50. */
const at = (speed: number): Pace => movedTo(running(paceFrom(0, speed), 50), 1_000, 50);

describe('a pace', () => {
  it.each([
    // speed, the clock, the place, the wait for a fix at 2,000
    [1, 50, 1_000, 1_000],
    [1, 550, 1_500, 500],
    [1, 1_050, 2_000, 0],
    [1, 9_050, 10_000, 0],
    [10, 100, 1_500, 50],
    [0.1, 1_050, 1_100, 9_000],
    [1_000, 51, 2_000, 0],
    [0, 90_000, 1_000, 0],
  ])('of %d at %d is at %d, and waits %d ms', (speed, nowMs, placeMs, waitMs) => {
    expect(placeAt(at(speed), nowMs)).toBeCloseTo(placeMs, 6);
    expect(waitMsOf(at(speed), 2_000, nowMs)).toBeCloseTo(waitMs, 6);
    expect(dueUntilMs(at(speed), nowMs)).toBe(speed === 0 ? Infinity : placeAt(at(speed), nowMs));
  });

  it('stands still while it is held, and goes on from there', () => {
    const still = held(at(2), 150);
    expect(placeAt(still, 10_000)).toBe(1_200);
    expect(waitMsOf(still, 2_000, 10_000)).toBe(Infinity);
    expect(dueUntilMs(still, 10_000)).toBe(-Infinity);
    expect(held(still, 20_000)).toEqual(still);
    const again = running(still, 10_000);
    expect(placeAt(again, 10_100)).toBe(1_400);
    expect(running(again, 10_100)).toBe(again);
  });

  it('changes its speed where it is', () => {
    const faster = withSpeed(at(1), 100, 150);
    expect(placeAt(faster, 150)).toBe(1_100);
    expect(placeAt(faster, 151)).toBe(1_200);
    const still = withSpeed(held(at(1), 150), 100, 900);
    expect(placeAt(still, 2_000)).toBe(1_100);
    expect(still).toMatchObject({ sinceMs: null, speed: 100 });
  });

  it('waits for nothing at the first fix, and counts from it', () => {
    const fresh = running(paceFrom(500, 2), 10);
    expect(placeAt(fresh, 10_000)).toBe(500);
    const begun = movedTo(fresh, 3_000, 10_000);
    expect(placeAt(begun, 10_010)).toBe(3_020);
    const back = sought(begun, 700);
    expect(placeAt(back, 90_000)).toBe(700);
    expect(withSpeed(back, 9, 90_000)).toMatchObject({ isFresh: true, placeMs: 700, speed: 9 });
  });
});

describe('a silence', () => {
  const hourMs = 3_600_000;

  it.each([
    // speed, from the last fix to the next, what is left out
    [1, 60_000, 0],
    [1, 60_001, 60_001 - 10_000],
    [1, hourMs, hourMs - 10_000],
    [0.1, 60_000, 0],
    [0.1, 60_001, 60_001 - 1_000],
    [60, 600_000, 0],
    [60, hourMs, hourMs - 600_000],
    [1_000, hourMs, 0],
    [1_000, 10 * hourMs, 26_000_000],
    [0, 10 * hourMs, 0],
  ])('at speed %d of %d ms loses %d', (speed, silenceMs, leftOutMs) => {
    const nextMs = 1_000 + silenceMs;
    const after = shortened(at(speed), 1_000, nextMs, 50, limits);
    if (leftOutMs === 0) return expect(after).toBeNull();
    expect(placeAt(after as Pace, 50)).toBeCloseTo(1_000 + leftOutMs, 6);
    // What is left of it is not shortened again.
    expect(waitMsOf(after as Pace, nextMs, 50)).toBeCloseTo(limits.replaySilenceWaitMs, 6);
    expect(shortened(after as Pace, 1_000, nextMs, 50, limits)).toBeNull();
  });

  it('is none while the track stands still', () => {
    expect(shortened(held(at(1), 50), 1_000, hourMs, 50, limits)).toBeNull();
  });
});
