/**
 * What every part of the desk is given. No code.
 * Invariant: the same for all parts of one desk.
 * Bound: none of its own; each part says which of `limits` it takes.
 */
import type { Clock } from '../clock.ts';
import type { RefusalName } from '../errors.ts';
import type { Announcer } from '../live/announcer.ts';
import type { Metrics } from '../metrics.ts';
import type { Dockets } from './dockets.ts';

export interface DeskContext {
  readonly dockets: Dockets;
  readonly announcer: Pick<Announcer, 'announce'>;
  /** What was due could not be done, and is not tried again. */
  readonly onDropped: (topic: string, id: string, refused: RefusalName) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
}
