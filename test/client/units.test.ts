import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLivePosition, toWireFix, type DeviceFix } from '../../src/client/units.ts';
import { toMessagePack } from '../../src/wire/messagepack.ts';
import type { LivePosition } from '../../src/wire/types.ts';

const place = { timeMs: 1_550_475_950_000, latitude: 52.629151, longitude: -8.661746 };

function wireOf(fix: DeviceFix) {
  const converted = toWireFix(fix);
  if ('refused' in converted) throw new Error(converted.refused);
  return converted;
}

describe('toWireFix', () => {
  it('scales to the integers of the wire', () => {
    const { timeMs, wire } = wireOf({
      ...place,
      speed: 12.345,
      course: 271.5,
      altitude: 19.5,
      accuracy: 3.26,
      satellites: 11,
      attributes: { ignition: true },
    });
    expect(timeMs).toBe(place.timeMs);
    expect(wire).toEqual([
      0,
      526_291_510,
      -86_617_460,
      1_235,
      27_150,
      195,
      33,
      11,
      { ignition: true },
    ]);
  });

  it('leaves out what is unknown at the end and has nil for it between', () => {
    expect(wireOf(place).wire).toEqual([0, 526_291_510, -86_617_460]);
    expect(wireOf({ ...place, altitude: 19.5 }).wire.slice(3)).toEqual([null, null, 195]);
  });

  it('takes a value that is not finite as unknown: browsers report such a heading at rest', () => {
    expect(wireOf({ ...place, course: NaN, speed: Infinity, altitude: null }).wire).toHaveLength(3);
  });

  it('refuses a fix without a time or a place', () => {
    const wrong = [NaN, Infinity, 1e300];
    for (const value of wrong) {
      expect(toWireFix({ ...place, timeMs: value })).toEqual({ refused: 'fixNotInteger' });
      expect(toWireFix({ ...place, latitude: value })).toEqual({ refused: 'fixNotInteger' });
      expect(toWireFix({ ...place, longitude: value })).toEqual({ refused: 'fixNotInteger' });
    }
  });

  it('refuses attributes that the engine would refuse', () => {
    const large = { text: 'x'.repeat(2_000) };
    const notFinite = { value: NaN };
    expect(toWireFix({ ...place, attributes: large })).toEqual({ refused: 'attributesTooLarge' });
    expect(toWireFix({ ...place, attributes: notFinite })).toEqual({
      refused: 'attributesMalformed',
    });
  });

  it('never says fewer bytes than the fix takes', () => {
    const number = fc.option(fc.double({ min: -1e12, max: 1e12, noNaN: true }));
    const fixes = fc.record({
      timeMs: fc.integer({ min: 0, max: 4e12 }),
      latitude: fc.double({ min: -90, max: 90, noNaN: true }),
      longitude: fc.double({ min: -180, max: 180, noNaN: true }),
      speed: number,
      course: number,
      altitude: number,
      accuracy: number,
      satellites: number,
      attributes: fc.option(
        fc.dictionary(fc.string({ maxLength: 8 }), fc.double(), { maxKeys: 5 }),
      ),
    });
    fc.assert(
      fc.property(fixes, (fix) => {
        const converted = toWireFix(fix);
        if ('refused' in converted) return;
        converted.wire[0] = 2 ** 40;
        expect(toMessagePack(converted.wire).length).toBeLessThanOrEqual(converted.bytes);
      }),
    );
  });
});

describe('round trip', () => {
  it('keeps degrees to 1e-7 and the other units to their last digit', () => {
    const e7 = (most: number) => fc.integer({ min: -most * 1e7, max: most * 1e7 });
    const integers = fc.record({
      latE7: e7(90),
      lonE7: e7(180),
      speedCms: fc.option(fc.nat(100_000)),
      courseCdeg: fc.option(fc.nat(36_000)),
      altitudeDm: fc.option(fc.integer({ min: -10_000, max: 1_000_000 })),
      accuracyDm: fc.option(fc.nat(1_000_000)),
      satellites: fc.option(fc.nat(255)),
    });
    fc.assert(
      fc.property(integers, (at) => {
        const live: LivePosition = [
          'v',
          place.timeMs,
          at.latE7,
          at.lonE7,
          at.speedCms,
          at.courseCdeg,
          at.altitudeDm,
          at.accuracyDm,
          at.satellites,
          null,
          0,
          1,
        ];
        const { wire } = wireOf(fromLivePosition(live));
        expect([...wire, ...Array.from({ length: 8 - wire.length }, () => null)]).toEqual([
          0,
          ...live.slice(2, 9),
        ]);
      }),
    );
  });
});
