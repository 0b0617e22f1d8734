/**
 * What the engine answers to a subscribe, read from a plain value.
 * Invariant: an answer of the right shape or `null`; what an answer has beyond it is ignored.
 * Bound: work follows the answer's length.
 */
import { isCount, isPlainMap } from '../wire/attributes.ts';
import { isPositions } from '../wire/reply.ts';
import type { Plain, PlainMap, SubscribeResult as WireResult } from '../wire/types.ts';
import type { AreaBounds } from './bounds.ts';
import type { TopicEvent } from './event.ts';
import { fromLivePosition, type Position } from './units.ts';

/** The answer to a subscribe. */
export interface SubscribeResult extends WireResult {
  /**
   * Of an event topic, oldest first. Recovered: every event that was missed. Not recovered: its open state,
   * the newest event of each thing that is still open (an emergency, an unread notification, the running
   * trip), some of them seen before.
   */
  readonly events: readonly TopicEvent[];
  /** Not recovered: how many things are open; more than `events` has where they did not all fit. */
  readonly openTotal: number;
}

/** The answer to a subscription of an area, or to a move of it. */
export interface AreaResult {
  readonly epoch: string;
  /** What is covered: at least what was asked for. */
  readonly area: AreaBounds;
  /**
   * True: the snapshot has only what was not in the old area, and the program drops what is not in `area`.
   * False: the snapshot is everything, and the program drops all that it had.
   */
  readonly moved: boolean;
}

export interface Answer<Result> {
  readonly positions: readonly Position[];
  readonly result: Result;
}

export function readSubscribeAnswer(topic: string, value: Plain): Answer<SubscribeResult> | null {
  if (!isPlainMap(value)) return null;
  const { epoch, offset, wasRecovering, recovered, snapshot } = value;
  const events = readEvents(topic, value['events'] ?? []);
  if (typeof epoch !== 'string' || !isCount(offset) || events === null) return null;
  const openTotal = value['openTotal'] ?? events.length;
  if (!isCount(openTotal)) return null;
  if (typeof wasRecovering !== 'boolean' || typeof recovered !== 'boolean') return null;
  if (!isPositions(snapshot)) return null;
  const result = { epoch, offset, wasRecovering, recovered, snapshot, events, openTotal };
  return { positions: snapshot.map(fromLivePosition), result };
}

export function readAreaAnswer(value: Plain): Answer<AreaResult> | null {
  if (!isPlainMap(value)) return null;
  const { epoch, snapshot, moved } = value;
  const area = readBounds(value);
  if (typeof epoch !== 'string' || typeof moved !== 'boolean' || area === null) return null;
  if (!isPositions(snapshot)) return null;
  return { positions: snapshot.map(fromLivePosition), result: { epoch, area, moved } };
}

function readBounds({ area }: PlainMap): AreaBounds | null {
  if (!Array.isArray(area) || area.length < 4) return null;
  const [west, south, east, north] = area as readonly Plain[];
  if (typeof west !== 'number' || typeof south !== 'number') return null;
  if (typeof east !== 'number' || typeof north !== 'number') return null;
  return { west, south, east, north };
}

function readEvents(topic: string, value: Plain): TopicEvent[] | null {
  if (!Array.isArray(value)) return null;
  const events: TopicEvent[] = [];
  for (const item of value as readonly Plain[]) {
    if (!Array.isArray(item)) return null;
    const [offset, event, data = null, timeMs] = item as readonly Plain[];
    if (!isCount(offset) || typeof event !== 'string' || !isCount(timeMs)) return null;
    events.push({ topic, offset, event, data, timeMs });
  }
  return events;
}
