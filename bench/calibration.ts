/**
 * A calibration from measurements of two fleets, each without and with subscribers: pure.
 * Invariant: the mean of all turns of a fleet counts; where nobody is to look on, nobody was, and a subscriber costs 0.
 */
import { lineOf, type Calibration, type Line } from './capacitymodel.ts';
import type { LoadSample } from './capacityload.ts';
import type { DiskSample } from './disksample.ts';

/** The turns of one fleet. */
export interface FleetSamples {
  readonly alone: readonly LoadSample[];
  readonly watched: readonly LoadSample[];
}

export interface CalibrationInput {
  readonly small: FleetSamples;
  readonly large: FleetSamples;
  /** While `watched` was measured. */
  readonly subscribers: number;
  readonly memory: Calibration['memory'];
  readonly disk: DiskSample;
}

export function calibrationOf(input: CalibrationInput): Calibration {
  const { small, large, subscribers, memory, disk } = input;
  const line = (
    of: (sample: LoadSample) => number,
    turns: (samples: FleetSamples) => readonly LoadSample[],
  ): Line => lineOf(point(turns(small), of), point(turns(large), of));
  const loop = line(({ loopCores }) => loopCores, aloneOf);
  const databases = [small, large].flatMap(allOf).map(({ databaseCores }) => databaseCores);
  const all = allOf(large);
  const none: Line = { base: 0, perFix: 0 };
  const ofSubscriber = (watched: Line, alone: Line): Line => ({
    base: Math.max(0, watched.base - alone.base) / subscribers,
    perFix: Math.max(0, watched.perFix - alone.perFix) / subscribers,
  });
  return {
    loop,
    engine: line(({ engineCores }) => engineCores, aloneOf),
    database: databases.includes(null)
      ? null
      : // Who looks on is nothing to the database, and it does part of its work now and then.
        line(({ databaseCores }) => databaseCores ?? NaN, allOf),
    subscriberLoop:
      subscribers === 0
        ? none
        : ofSubscriber(
            line(({ loopCores }) => loopCores, watchedOf),
            loop,
          ),
    subscriberBytes:
      subscribers === 0
        ? none
        : ofSubscriber(
            line(({ subscriberBytesPerS }) => subscriberBytesPerS, watchedOf),
            none,
          ),
    inBytesPerFix: meanOf(all, ({ inBytesPerFix }) => inBytesPerFix),
    outBytesPerFix: meanOf(all, ({ outBytesPerFix }) => outBytesPerFix),
    memory,
    journalBytesPerFix: meanOf(all, ({ journalBytesPerFix }) => journalBytesPerFix),
    ...disk,
  };
}

const aloneOf = ({ alone }: FleetSamples): readonly LoadSample[] => alone;
const watchedOf = ({ watched }: FleetSamples): readonly LoadSample[] => watched;
const allOf = ({ alone, watched }: FleetSamples): readonly LoadSample[] => [...alone, ...watched];

function point(samples: readonly LoadSample[], of: (sample: LoadSample) => number) {
  return { fixesPerS: meanOf(samples, ({ fixesPerS }) => fixesPerS), value: meanOf(samples, of) };
}

function meanOf(samples: readonly LoadSample[], of: (sample: LoadSample) => number): number {
  return samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
}
