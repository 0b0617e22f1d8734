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
  const databases = [small, large].flatMap(allOf).map(({ databaseCores }) => databaseCores);
  const all = allOf(large);
  /** What those who look on add: with more fixes in a tick it may even be less. */
  const ofSubscriber = (of: (sample: LoadSample) => number): Line => {
    if (subscribers === 0) return { base: 0, perFix: 0 };
    const added = ({ alone, watched }: FleetSamples) => ({
      ...point(watched, of),
      value: (meanOf(watched, of) - meanOf(alone, of)) / subscribers,
    });
    return lineOf(added(small), added(large));
  };
  return {
    loop: line(({ loopCores }) => loopCores, aloneOf),
    engine: line(({ engineCores }) => engineCores, aloneOf),
    database: databases.includes(null)
      ? null
      : // Who looks on is nothing to the database, and it does part of its work now and then.
        line(({ databaseCores }) => databaseCores ?? NaN, allOf),
    subscriberLoop: ofSubscriber(({ loopCores }) => loopCores),
    subscriberBytes: ofSubscriber(({ subscriberBytesPerS }) => subscriberBytesPerS),
    inBytesPerFix: meanOf(all, ({ inBytesPerFix }) => inBytesPerFix),
    outBytesPerFix: meanOf(all, ({ outBytesPerFix }) => outBytesPerFix),
    memory,
    journalBytesPerFix: meanOf(all, ({ journalBytesPerFix }) => journalBytesPerFix),
    ...disk,
  };
}

const aloneOf = ({ alone }: FleetSamples): readonly LoadSample[] => alone;
const allOf = ({ alone, watched }: FleetSamples): readonly LoadSample[] => [...alone, ...watched];

function point(samples: readonly LoadSample[], of: (sample: LoadSample) => number) {
  return { fixesPerS: meanOf(samples, ({ fixesPerS }) => fixesPerS), value: meanOf(samples, of) };
}

function meanOf(samples: readonly LoadSample[], of: (sample: LoadSample) => number): number {
  return samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
}

/** What a fleet took in the mean of its turns. */
export function meanSample(samples: readonly LoadSample[]): LoadSample {
  const mean = (name: Exclude<keyof LoadSample, 'databaseCores'>): number =>
    meanOf(samples, (sample) => sample[name]);
  const isSeen = samples.every(({ databaseCores }) => databaseCores !== null);
  return {
    fixesPerS: mean('fixesPerS'),
    loopCores: mean('loopCores'),
    engineCores: mean('engineCores'),
    databaseCores: isSeen ? meanOf(samples, ({ databaseCores }) => databaseCores ?? NaN) : null,
    subscriberBytesPerS: mean('subscriberBytesPerS'),
    inBytesPerFix: mean('inBytesPerFix'),
    outBytesPerFix: mean('outBytesPerFix'),
    journalBytesPerFix: mean('journalBytesPerFix'),
    memoryBytes: mean('memoryBytes'),
  };
}
