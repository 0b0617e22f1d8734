/** Any life of a vehicle, for properties: drives, walks, stands, silences, glitches, in the order of time. */
import fc from 'fast-check';
import type { Fix } from '../../src/wire/types.ts';
import { createDice, fixAt } from './journeys.ts';

interface Chapter {
  readonly what: 'drive' | 'stand' | 'silence' | 'spike' | 'elsewhere';
  /** Of the chapter, seconds. */
  readonly lengthS: number;
  /** Between two fixes, seconds. */
  readonly intervalS: number;
  readonly speedMs: number;
  /** Radians. */
  readonly heading: number;
  readonly noiseM: number;
  readonly accuracyDm: number | null;
  readonly hasSpeed: boolean;
  readonly attributes: string | null;
}

const chapter: fc.Arbitrary<Chapter> = fc.record({
  what: fc.constantFrom(
    'drive',
    'drive',
    'drive',
    'stand',
    'stand',
    'silence',
    'spike',
    'elsewhere',
  ),
  lengthS: fc.oneof(fc.nat(90), fc.nat(900), fc.integer({ min: 3_000, max: 8_000 })),
  intervalS: fc.constantFrom(1, 5, 10, 30, 300),
  speedMs: fc.oneof(fc.constantFrom(0.5, 10, 30, 45), fc.double({ min: 0, max: 40, noNaN: true })),
  heading: fc.double({ min: 0, max: 6.28, noNaN: true }),
  noiseM: fc.constantFrom(0, 3, 10, 30, 80),
  accuracyDm: fc.constantFrom(null, null, 50, 300, 1_500, 5_000),
  hasSpeed: fc.boolean(),
  attributes: fc.constantFrom(
    null,
    null,
    '{"ignition":true}',
    '{"ignition":false}',
    '{"ignition":true,"batteryLevel":12,"power":true}',
    '{"batteryLevel":60,"power":false,"tamper":true}',
    '{"door":1}',
  ),
});

/** At most 60 fixes a chapter: long ones have longer intervals. */
function fixesOf(chapters: readonly Chapter[], seed: number): readonly Fix[] {
  const dice = createDice(seed);
  const noise = (radiusM: number): number => (dice() * 2 - 1) * radiusM;
  const fixes: Fix[] = [];
  let [seconds, northM, eastM] = [0, 0, 0];
  for (const part of chapters) {
    const { what, heading, noiseM, accuracyDm, hasSpeed, attributes } = part;
    if (what === 'silence') seconds += part.lengthS;
    if (what === 'elsewhere') northM += 30_000;
    if (what === 'silence' || what === 'elsewhere') continue;
    const speedMs = what === 'drive' ? part.speedMs : 0;
    const intervalS = Math.max(part.intervalS, part.lengthS / 60);
    const count = what === 'spike' ? 1 : Math.ceil(part.lengthS / intervalS);
    for (let index = 0; index < count; index++) {
      seconds += intervalS;
      northM += Math.cos(heading) * speedMs * intervalS;
      eastM += Math.sin(heading) * speedMs * intervalS;
      const offM = what === 'spike' ? 20_000 : 0;
      const speedCms = hasSpeed ? Math.round(speedMs * 100 * (0.9 + dice() * 0.2)) : null;
      const more = { speedCms, accuracyDm, attributes: dice() < 0.5 ? attributes : null };
      fixes.push(fixAt(seconds, northM + offM + noise(noiseM), eastM + noise(noiseM), more));
    }
  }
  return fixes;
}

/** Up to some 600 fixes. */
export const life: fc.Arbitrary<readonly Fix[]> = fc
  .tuple(fc.array(chapter, { minLength: 1, maxLength: 12 }), fc.nat(1_000_000))
  .map(([chapters, seed]) => fixesOf(chapters, seed));
