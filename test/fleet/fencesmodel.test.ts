/** The step over geofences against a model that has no state and no index: it looks at all fixes and all fences again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fence } from '../../src/fleet/fence.ts';
import { createFenceIndex } from '../../src/fleet/fenceindex.ts';
import { stepFences, type Fenced } from '../../src/fleet/fences.ts';
import { signedDistanceM, type Place } from '../../src/fleet/fenceshape.ts';
import { limits } from '../../src/limits.ts';
import type { Fix } from '../../src/wire/types.ts';
import { anyGeojson, anyPlace, away, fence, fixAt } from './fencefixture.ts';

interface Told {
  readonly kind: string;
  readonly fence: string;
  readonly timeMs: number;
  readonly data: unknown;
}

const fences: fc.Arbitrary<readonly Fence[]> = fc
  .array(
    fc.record({
      geojson: anyGeojson,
      dwellMs: fc.option(fc.integer({ min: 1, max: 300_000 })),
      speedMaxCms: fc.option(fc.integer({ min: 100, max: 3_000 })),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((all) => all.map(({ geojson, ...rule }, index) => fence(`f${index}`, geojson, rule)));

/** A walk that rests, creeps, drives and jumps. */
const walk: fc.Arbitrary<readonly Fix[]> = fc
  .record({
    start: anyPlace,
    steps: fc.array(
      fc.record({
        afterS: fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 400 })),
        metres: fc.oneof(
          fc.constant(0),
          fc.integer({ max: 15 }),
          fc.integer({ max: 300 }),
          fc.integer({ max: 2_500 }),
        ),
        turn: fc.integer({ min: 0, max: 7 }),
        accuracyDm: fc.option(fc.oneof(fc.constant(0), fc.integer({ min: 10, max: 600 }))),
        speedCms: fc.option(fc.integer({ min: 0, max: 3_500 })),
      }),
      { minLength: 1, maxLength: 60 },
    ),
  })
  .map(({ start, steps }) => {
    let place: Place = start;
    let atS = 0;
    return steps.map(({ afterS, metres, turn, accuracyDm, speedCms }) => {
      const angle = (turn * Math.PI) / 4;
      place = away(place, metres * Math.cos(angle), metres * Math.sin(angle));
      atS += afterS;
      return fixAt(place, atS, { accuracyDm, speedCms });
    });
  });

function fold(
  fences: readonly Fence[],
  fixes: readonly Fix[],
  isCut: (index: number) => boolean,
): Told[] {
  const index = createFenceIndex(limits);
  for (const one of fences) index.put(one);
  const told: Told[] = [];
  let vehicle: Fenced = { fences: [] };
  for (const [at, fix] of fixes.entries()) {
    if (isCut(at)) vehicle = JSON.parse(JSON.stringify(vehicle)) as Fenced;
    const before = told.length;
    stepFences(vehicle, fix, index.of('acme'), limits, (kind, { id }, timeMs, data) => {
      told.push({ kind, fence: id, timeMs, data });
    });
    const kinds = told.slice(before).map(({ kind }) => kind);
    const firstEnter = kinds.indexOf('geofenceEntered');
    if (firstEnter >= 0) expect(kinds.lastIndexOf('geofenceExited')).toBeLessThan(firstEnter);
  }
  return told;
}

const outside = ({ shape }: Fence, { latE7, lonE7 }: Fix): number =>
  signedDistanceM(shape, latE7, lonE7);
const accuracyOf = ({ accuracyDm }: Fix): number => (accuracyDm ?? limits.fenceAccuracyM * 10) / 10;

/** Since when the fixes up to the last are on the side that `isThere` says; null where the last is not. */
function run(fixes: readonly Fix[], isThere: (fix: Fix) => boolean): readonly Fix[] {
  const last = fixes.findLastIndex((fix) => !isThere(fix));
  return fixes.slice(last + 1);
}

function isHeld(run: readonly Fix[]): boolean {
  const spanMs = (run.at(-1)?.timeMs ?? 0) - (run[0]?.timeMs ?? 0);
  return run.length >= 2 && spanMs >= limits.fenceDebounceMs;
}

function model(fence: Fence, fixes: readonly Fix[]): Told[] {
  const told: Told[] = [];
  const tell = (kind: string, timeMs: number, data: object): void => {
    told.push({ kind, fence: fence.id, timeMs, data: { name: fence.name, ...data } });
  };
  /** Indexes of the fixes that changed the side. */
  let changedAt = -1;
  let isIn = false;
  let hasDwelled = false;
  for (const [at, fix] of fixes.entries()) {
    const since = fixes.slice(changedAt + 1, at + 1);
    const distance = outside(fence, fix);
    const there = run(since, (one) => outside(fence, one) <= 0 !== isIn);
    const sinceMs = there[0]?.timeMs;
    const enteredMs = fixes[changedAt]?.timeMs ?? 0;
    const marginM = Math.max(limits.fenceExitMarginM, limits.fenceExitAccuracies * accuracyOf(fix));
    const isSure = isIn ? distance >= marginM : -distance >= accuracyOf(fix);
    if (there.length > 0 && (isSure || isHeld(there))) {
      if (isIn) tell('geofenceExited', fix.timeMs, { enteredMs, sinceMs });
      else tell('geofenceEntered', fix.timeMs, { sinceMs });
      isIn = !isIn;
      changedAt = at;
      hasDwelled = false;
    } else if (
      isIn &&
      !hasDwelled &&
      fence.dwellMs !== null &&
      fix.timeMs - enteredMs >= fence.dwellMs
    ) {
      hasDwelled = true;
      tell('geofenceDwelled', enteredMs + fence.dwellMs, { enteredMs });
    }
    if (isIn && isFirstOver(fence, fixes.slice(changedAt, at + 1))) {
      const { speedCms } = fix;
      tell('geofenceOverspeed', fix.timeMs, { speedCms, speedMaxCms: fence.speedMaxCms });
    }
  }
  return told;
}

/** The last of the stay is the first over the limit, or the first since it was kept. */
function isFirstOver(fence: Fence, stay: readonly Fix[]): boolean {
  const { speedMaxCms } = fence;
  if (speedMaxCms === null) return false;
  const counts = (fix: Fix): boolean => fix.speedCms !== null && outside(fence, fix) <= 0;
  const last = stay.at(-1);
  if (last === undefined || !counts(last) || (last.speedCms ?? 0) <= speedMaxCms) return false;
  const before = stay
    .slice(0, -1)
    .filter(counts)
    .map(({ speedCms }) => speedCms ?? 0);
  const lastOver = before.findLastIndex((speed) => speed > speedMaxCms);
  return before.slice(lastOver).some((speed) => speed <= speedMaxCms * 0.9) || lastOver < 0;
}

describe('a walk among geofences', () => {
  it('tells of each what a look at all fixes and all fences tells', () => {
    fc.assert(
      fc.property(fences, walk, (fences, fixes) => {
        const told = fold(fences, fixes, () => false);
        for (const one of fences) {
          expect(told.filter(({ fence }) => fence === one.id)).toEqual(model(one, fixes));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('enters and exits each in turn, and knows an event by time, kind and fence', () => {
    fc.assert(
      fc.property(fences, walk, (fences, fixes) => {
        const told = fold(fences, fixes, () => false);
        for (const one of fences) {
          const sides = told
            .filter(({ fence }) => fence === one.id)
            .map(({ kind }) => kind)
            .filter((kind) => kind === 'geofenceEntered' || kind === 'geofenceExited');
          expect(sides).toEqual(
            sides.map((_, index) => (index % 2 === 0 ? 'geofenceEntered' : 'geofenceExited')),
          );
        }
        const names = told.map(({ kind, fence, timeMs }) => `${kind} ${fence} ${timeMs}`);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 300 },
    );
  });

  it('tells of nothing before the fix before: what was told stays told', () => {
    fc.assert(
      fc.property(fences, walk, (fences, fixes) => {
        const told = fold(fences, fixes, () => false);
        for (const [at, { timeMs }] of fixes.entries()) {
          const early = fold(fences, fixes.slice(0, at + 1), () => false);
          expect(early).toEqual(told.slice(0, early.length));
          for (const late of told.slice(early.length)) expect(late.timeMs).toBeGreaterThan(timeMs);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('tells the same wherever the state is written down and read again', () => {
    fc.assert(
      fc.property(fences, walk, fc.array(fc.boolean()), (fences, fixes, cuts) => {
        const isCut = (index: number): boolean => cuts[index % (cuts.length || 1)] ?? true;
        expect(fold(fences, fixes, isCut)).toEqual(fold(fences, fixes, () => false));
        expect(fold(fences.toReversed(), fixes, isCut)).toEqual(fold(fences, fixes, isCut));
      }),
      { numRuns: 200 },
    );
  });
});
