/**
 * The options of `live` and what they come to.
 * Invariant: the defaults are the load that the goal is stated for.
 */
import { UsageError, type Input, type Option } from '../src/cli/command.ts';

export type Compression = 'off' | 'shared' | 'dedicated';

export interface LiveSettings {
  readonly vehicles: number;
  readonly fleetReaders: number;
  readonly areaReaders: number;
  readonly stalledReaders: number;
  readonly warmupS: number;
  readonly seconds: number;
  /** `null` leaves the engine's own setting. */
  readonly compression: Compression | null;
  /** Where the engine's CPU profile of the measured time goes. */
  readonly profileDir: string | null;
}

const compressions: readonly Compression[] = ['off', 'shared', 'dedicated'];
const secondsFull = 30;
const secondsQuick = 8;
const warmupFullS = 8;
const warmupQuickS = 4;
const countMax = 10_000;

export const liveOptions: Readonly<Record<string, Option>> = {
  seconds: {
    type: 'string',
    value: 'N',
    help: `how long to measure (default: ${secondsFull}; quick: ${secondsQuick})`,
  },
  vehicles: { type: 'string', value: 'N', fallback: '2000', help: 'each at one fix a second' },
  subscribers: { type: 'string', value: 'N', fallback: '200', help: 'readers of the fleet' },
  areas: { type: 'string', value: 'N', fallback: '20', help: 'readers of an area' },
  stalled: { type: 'string', value: 'N', fallback: '5', help: 'subscribers that stop reading' },
  compression: {
    type: 'string',
    value: 'HOW',
    help: 'permessage-deflate to subscribers: off, shared or dedicated',
  },
  profile: { type: 'string', value: 'DIR', help: "where to write the engine's CPU profile" },
};

export function readLiveSettings(input: Input, isQuick: boolean): LiveSettings {
  const count = (name: string, min: number): number =>
    input.number(name, { min, max: countMax, isInteger: true }) ?? 0;
  const compression = input.text('compression');
  return {
    vehicles: count('vehicles', 1),
    fleetReaders: count('subscribers', 1),
    areaReaders: count('areas', 0),
    stalledReaders: count('stalled', 0),
    warmupS: isQuick ? warmupQuickS : warmupFullS,
    // Whole steps of one second, and two halves of them.
    seconds:
      input.number('seconds', { min: 2, max: 600, isInteger: true }) ??
      (isQuick ? secondsQuick : secondsFull),
    compression: compression === null ? null : compressionOf(compression),
    profileDir: input.text('profile'),
  };
}

function compressionOf(text: string): Compression {
  const found = compressions.find((candidate) => candidate === text);
  if (found === undefined) throw new UsageError(`--compression must be off, shared or dedicated`);
  return found;
}
