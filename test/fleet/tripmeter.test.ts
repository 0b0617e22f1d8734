/** The meter of a trip that was started: its totals by tables, and what no sequence of fixes and pauses can do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createMeter,
  takeFix,
  totalsOf,
  type TripSpan,
  type TripTotals,
} from '../../src/fleet/tripmeter.ts';
import { isSameSpan, isTakenAlike } from '../../src/fleet/tripspan.ts';
import { limits } from '../../src/limits.ts';
import type { Fix } from '../../src/wire/types.ts';
import { drive, fixAt, secondsOf, stand, startMs } from './journeys.ts';

const at = (seconds: number): number => startMs + seconds * 1_000;

function spanOf(endS: number | null, ...pauses: readonly number[]): TripSpan {
  return { startMs, pauses: pauses.map(at), endMs: endS === null ? null : at(endS) };
}

function measure(fixes: readonly Fix[], span: TripSpan, sinceMs = startMs): TripTotals {
  const meter = createMeter();
  for (const fix of fixes) takeFix(meter, span, fix, limits);
  return totalsOf(meter, span, sinceMs, limits);
}

const stopsOf = ({ stops }: TripTotals): readonly unknown[] =>
  stops.map((stop) => [
    secondsOf(stop.startMs),
    stop.endMs === null ? null : secondsOf(stop.endMs),
  ]);

/** 600 m in a minute, two and a half minutes of standing, 600 m in a minute. */
const withStop = [...drive(0, 60, 0, 600), ...stand(65, 210, 600), ...drive(210, 270, 600, 1_200)];

describe('the totals of a trip', () => {
  it('are those of its way, with its stops', () => {
    const totals = measure(withStop, spanOf(270));
    expect(totals).toMatchObject({
      durationMs: 270_000,
      pausedMs: 0,
      stopsCount: 1,
      untilMs: at(270),
    });
    expect(totals.distanceM).toBeGreaterThan(1_195);
    expect(totals.distanceM).toBeLessThan(1_210);
    expect(totals.movingMs).toBeGreaterThan(110_000);
    // Out of the stand it may have moved as slowly as one can.
    expect(totals.movingMs).toBeLessThan(170_000);
    expect(totals.topSpeedCms).toBeGreaterThan(950);
    expect(totals.topSpeedCms).toBeLessThan(1_050);
    expect(totals.averageSpeedCms).toBe(Math.round((totals.distanceM * 100) / 270));
    const [[from, to]] = stopsOf(totals) as [[number, number]];
    expect(from).toBeLessThanOrEqual(65);
    expect(to).toBeGreaterThanOrEqual(205);
  });

  it('run up to the last fix, then to what is known of it, then to its end', () => {
    expect(measure([], spanOf(null)).durationMs).toBe(0);
    expect(measure(withStop, spanOf(null)).durationMs).toBe(270_000);
    expect(measure(withStop, spanOf(null), at(300)).durationMs).toBe(300_000);
    expect(measure(withStop, spanOf(400)).durationMs).toBe(400_000);
  });

  it('have nothing of what was before it, or behind its end', () => {
    const before = drive(-60, -5, -600, -50);
    const span = spanOf(60);
    expect(measure([...before, ...withStop], span)).toEqual(measure(drive(0, 60, 0, 600), span));
  });

  it('count the last fix, though no other confirms it', () => {
    const fixes = drive(0, 60, 0, 600);
    expect(measure(fixes, spanOf(60)).distanceM).toBe(600);
    expect(measure(fixes, spanOf(null)).distanceM).toBeLessThan(600);
  });

  it('have nothing of a pause, nor of the way through it', () => {
    const fixes = drive(0, 300, 0, 3_000);
    const totals = measure(fixes, spanOf(300, 60, 240));
    expect(totals).toMatchObject({ durationMs: 300_000, pausedMs: 180_000, distanceM: 1_200 });
    expect(totals.movingMs + totals.idleMs).toBe(120_000);
    expect(totals.averageSpeedCms).toBe(1_000);
  });

  it('pause until now where a pause lasts', () => {
    const totals = measure(drive(0, 120, 0, 1_200), spanOf(null, 60));
    expect(totals).toMatchObject({ distanceM: 600, durationMs: 120_000, pausedMs: 60_000 });
  });

  it('have a stop up to a pause or the end, or without an end while it lasts', () => {
    const fixes = [...drive(0, 60, 0, 600), ...stand(65, 400, 600)];
    expect(stopsOf(measure(fixes, spanOf(null)))).toEqual([[expect.any(Number), null]]);
    expect(stopsOf(measure(fixes, spanOf(420)))).toEqual([[expect.any(Number), 420]]);
    expect(stopsOf(measure(fixes, spanOf(null, 300)))).toEqual([[expect.any(Number), 300]]);
  });

  it('have nothing of a leap: nobody knows how it came there', () => {
    const there = drive(65, 125, 500_000, 500_600);
    const totals = measure([...drive(0, 60, 0, 600), ...there], spanOf(125));
    expect(totals.distanceM).toBe(1_200);
  });

  it('have the straight way through a silence, and no more time for it than it takes', () => {
    const totals = measure(
      [...drive(0, 60, 0, 600), ...drive(3_660, 3_720, 6_600, 7_200)],
      spanOf(3_720),
    );
    expect(totals.distanceM).toBe(7_200);
    expect(totals.durationMs - totals.idleMs).toBeLessThanOrEqual(3_720_000);
  });

  it('list so many stops and count the others', () => {
    const meter = createMeter();
    const span = spanOf(null);
    const bounds = { ...limits, tripStopsMax: 2 };
    for (let round = 0; round < 4; round++) {
      const [fromS, fromM] = [round * 300, round * 500];
      const fixes = [
        ...drive(fromS, fromS + 50, fromM, fromM + 500),
        ...stand(fromS + 55, fromS + 300, fromM + 500),
      ];
      for (const fix of fixes) takeFix(meter, span, fix, bounds);
    }
    const totals = totalsOf(meter, span, startMs, bounds);
    expect(totals.stops).toHaveLength(2);
    expect(totals.stopsCount).toBe(4);
  });
});

describe('any trip', () => {
  const fixes = fc
    .array(
      fc.record({
        seconds: fc.integer({ min: -20, max: 400 }),
        northM: fc.integer({ min: -2_000, max: 2_000 }),
        speedCms: fc.option(fc.integer({ min: 0, max: 4_000 })),
        accuracyDm: fc.option(fc.integer({ min: 0, max: 500 })),
      }),
      { maxLength: 60 },
    )
    .map((rows) =>
      rows
        .toSorted((one, other) => one.seconds - other.seconds)
        .map(({ seconds, northM, ...more }) => fixAt(seconds, northM, 0, more)),
    );
  const edges = fc
    .array(fc.integer({ min: 0, max: 400 }), { maxLength: 6 })
    .map((seconds) => seconds.toSorted((one, other) => one - other));
  const spans = fc.tuple(edges, fc.boolean()).map(([seconds, hasEnded]) => {
    const last = seconds.at(-1) ?? 0;
    const pauses = hasEnded && seconds.length % 2 === 1 ? [...seconds, last] : seconds;
    return spanOf(hasEnded ? last : null, ...pauses);
  });

  it('moves, is idle or is paused, and nothing else', () => {
    fc.assert(
      fc.property(fixes, spans, (some, span) => {
        const totals = measure(some, span, span.pauses.at(-1) ?? startMs);
        const { durationMs, movingMs, idleMs, pausedMs, distanceM, topSpeedCms } = totals;
        expect(movingMs + idleMs + pausedMs).toBe(durationMs);
        for (const value of [durationMs, movingMs, idleMs, pausedMs, distanceM, topSpeedCms]) {
          expect(value).toBeGreaterThanOrEqual(0);
          expect(Number.isSafeInteger(value)).toBe(true);
        }
        const times = totals.stops.flatMap((stop) => [stop.startMs, stop.endMs ?? totals.untilMs]);
        expect(times).toEqual(times.toSorted((one, other) => one - other));
      }),
    );
  });

  it('has the same totals however often it was asked for them', () => {
    fc.assert(
      fc.property(fixes, spans, (some, span) => {
        const meter = createMeter();
        for (const fix of some) {
          takeFix(meter, span, fix, limits);
          totalsOf(meter, span, startMs, limits);
        }
        expect(totalsOf(meter, span, startMs, limits)).toEqual(measure(some, span));
      }),
    );
  });

  it('goes on as measured where the meter says that a change is taken alike', () => {
    fc.assert(
      fc.property(fixes, spans, fc.integer({ min: 0, max: 60 }), (some, after, taken) => {
        // As it was before its last change.
        const before =
          after.endMs === null
            ? { ...after, pauses: after.pauses.slice(0, -1) }
            : {
                ...after,
                endMs: null,
                pauses: after.pauses.slice(0, after.pauses.length % 2 === 0 ? undefined : -1),
              };
        const meter = createMeter();
        for (const fix of some.slice(0, taken)) takeFix(meter, before, fix, limits);
        fc.pre(isTakenAlike(before, after, meter.lastMs));
        for (const fix of some.slice(taken)) takeFix(meter, after, fix, limits);
        expect(totalsOf(meter, after, startMs, limits)).toEqual(measure(some, after));
      }),
    );
  });

  it('is the same as another only in all of it', () => {
    const span = spanOf(100, 10, 20);
    expect(isSameSpan(span, spanOf(100, 10, 20))).toBe(true);
    for (const other of [spanOf(null, 10, 20), spanOf(100, 10, 21), spanOf(100, 10), spanOf(100)]) {
      expect(isSameSpan(span, other)).toBe(false);
    }
  });
});
