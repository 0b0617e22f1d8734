/**
 * Parameters of the calls about replays.
 * Invariant: what comes out is a range that may be read and a speed that can be played, or why not.
 * Bound: `replayRangeMaxMs`, `replaySpeedMin` to `replaySpeedMax`.
 */
import type { RefusalName } from '../errors.ts';
import { isVehicleId } from '../identity.ts';
import type { Limits } from '../limits.ts';
import { isCount } from '../wire/attributes.ts';
import type { Plain, PlainMap } from '../wire/types.ts';

export type ReplayBounds = Pick<Limits, 'replayRangeMaxMs' | 'replaySpeedMin' | 'replaySpeedMax'>;

export interface ReplayAsked {
  readonly vehicleId: string;
  readonly fromMs: number;
  /** The first moment behind it. */
  readonly toMs: number;
  readonly speed: number;
  /** With fixes that were filtered, or came from the future. */
  readonly isRaw: boolean;
}

type Refused = { readonly refused: RefusalName };

/** The last moment that every database has. */
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** `{vehicle, fromMs, toMs, speed?, raw?}` */
export function readAsked(params: PlainMap, bounds: ReplayBounds): ReplayAsked | Refused {
  const { vehicle, fromMs, toMs } = params;
  const isRaw = params['raw'] ?? false;
  const speed = readSpeed(params['speed'], bounds);
  if (typeof vehicle !== 'string' || !isVehicleId(vehicle)) return { refused: 'badParams' };
  if (typeof isRaw !== 'boolean') return { refused: 'badParams' };
  if (!isTime(fromMs) || !isTime(toMs) || fromMs >= toMs) return { refused: 'badTimeRange' };
  if (toMs - fromMs > bounds.replayRangeMaxMs) return { refused: 'rangeTooLong' };
  if (speed === null) return { refused: 'badSpeed' };
  return { vehicleId: vehicle, fromMs, toMs, speed, isRaw };
}

/** 0, or where it is missing, is as fast as it is read; null where there is no such speed. */
export function readSpeed(value: Plain | undefined, bounds: ReplayBounds): number | null {
  const speed = value ?? 0;
  if (typeof speed !== 'number') return null;
  const isPlayable = speed >= bounds.replaySpeedMin && speed <= bounds.replaySpeedMax;
  return speed === 0 || isPlayable ? speed : null;
}

export function isTime(value: Plain | undefined): value is number {
  return isCount(value) && value <= lastMs;
}
