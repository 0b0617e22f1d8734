/**
 * A trip that somebody starts and ends, as a state machine. A pure function.
 *
 *   start -> running <-> paused -> ended | cancelled
 *
 * Invariant: `startMs` <= `updatedMs`, pauses lie between one after the other, and what has ended is not changed but by
 * its totals. An input that the log has is a repeat: a device sends again what was not acknowledged.
 * Bound: `tripPausesMax` pauses; what is free in it is bounded by its event (`eventBytesMax`), and its stops give way.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Limits } from '../limits.ts';
import type { Plain, PlainMap } from '../wire/types.ts';
import {
  caseShape,
  isLog,
  isLogged,
  logged,
  type CaseState,
  type LogBounds,
  type LogEntry,
  type Machine,
  type Step,
} from './machine.ts';
import {
  isAnything,
  isMap,
  isText,
  isTime,
  listOf,
  matches,
  oneOf,
  orNull,
  type Shape,
} from './shape.ts';

export const tripStates = ['running', 'paused', 'ended', 'cancelled'] as const;

/** What is known of a trip beside its course; a missing element leaves what there was. */
export interface TripDetails {
  readonly driver?: string | null;
  readonly route?: Plain;
  readonly destination?: Plain;
  readonly attributes?: PlainMap | null;
}

export interface Trip extends CaseState {
  readonly vehicle: string;
  /** Tells it from one that the engine has detected. */
  readonly source: 'explicit';
  readonly state: (typeof tripStates)[number];
  readonly driver: string | null;
  readonly route: Plain;
  readonly destination: Plain;
  readonly attributes: PlainMap | null;
  readonly startMs: number;
  /** Null until it has ended or was cancelled. */
  readonly endMs: number | null;
  /** Of the last change. */
  readonly updatedMs: number;
  /** Start and end of each pause, in turn; the last one has no end while it lasts. */
  readonly pauses: readonly number[];
  /** What its vehicle's positions said of it by then (tripmeter.ts). */
  readonly totals: PlainMap | null;
  readonly log: readonly LogEntry[];
}

export const tripMoves = ['pause', 'resume', 'end', 'cancel'] as const;
export type TripMove = (typeof tripMoves)[number];

interface Told {
  /** When, as whoever tells it says. */
  readonly timeMs: number;
  readonly by: string | null;
}

export type TripInput =
  | (Told & {
      readonly kind: 'start';
      readonly id: string;
      readonly vehicle: string;
      readonly details: TripDetails;
      /** The vehicle has another trip that has not ended. */
      readonly hasOther: boolean;
    })
  | (Told & { readonly kind: 'update'; readonly details: TripDetails })
  | (Told & { readonly kind: TripMove })
  | { readonly kind: 'total'; readonly totals: PlainMap };

interface Transition {
  readonly from: readonly Trip['state'][];
  readonly to: Trip['state'];
  readonly event: string;
}

const transitions: Readonly<Record<TripMove, Transition>> = {
  pause: { from: ['running'], to: 'paused', event: 'paused' },
  resume: { from: ['paused'], to: 'running', event: 'resumed' },
  end: { from: ['running', 'paused'], to: 'ended', event: 'ended' },
  cancel: { from: ['running', 'paused'], to: 'cancelled', event: 'cancelled' },
};

const shape: Shape<Trip> = {
  ...caseShape,
  vehicle: isText,
  source: oneOf(['explicit']),
  state: oneOf(tripStates),
  driver: orNull(isText),
  route: isAnything,
  destination: isAnything,
  attributes: orNull(isMap),
  startMs: isTime,
  endMs: orNull(isTime),
  updatedMs: isTime,
  pauses: listOf(isTime),
  totals: orNull(isMap),
  log: isLog,
};

export type TripMachineBounds = LogBounds & Pick<Limits, 'tripPausesMax' | 'eventBytesMax'>;

export interface TripMachine extends Machine<Trip, TripInput> {
  /** The state with what its vehicle's positions say of it. */
  withTotals(state: Trip, totals: PlainMap | null): Trip;
}

/** Of an event, beside the state: its topic, its name and its numbers. */
const eventRoomBytes = 512;

export function createTripMachine(bounds: TripMachineBounds): TripMachine {
  function step(state: Trip | null, input: TripInput): Step<Trip> {
    if (input.kind === 'start') return start(state, input);
    if (state === null) return { refused: 'unknownTrip' };
    if (input.kind === 'total') return total(state, input.totals);
    if (input.kind === 'update') return update(state, input);
    return move(state, input);
  }

  function start(state: Trip | null, input: TripInput & { readonly kind: 'start' }): Step<Trip> {
    const { id, vehicle, details, timeMs, by } = input;
    if (state !== null) {
      const isSame = state.vehicle === vehicle && state.startMs === timeMs;
      return isSame ? { isRepeat: true } : { refused: 'tripTransition' };
    }
    if (input.hasOther) return { refused: 'tripRunning' };
    const { driver = null, route = null, destination = null, attributes = null } = details;
    const times = { startMs: timeMs, endMs: null, updatedMs: timeMs };
    const known = { driver, route, destination, attributes, pauses: [], totals: null };
    const place = { id, revision: 1, vehicle, source: 'explicit', state: 'running' } as const;
    const log = [{ event: 'started', atMs: timeMs, by, note: null }];
    return { state: { ...place, ...known, ...times, log }, event: 'started' };
  }

  function move(state: Trip, { kind, timeMs, by }: Told & { readonly kind: TripMove }): Step<Trip> {
    const { from, to, event } = transitions[kind];
    const entry = { event, atMs: timeMs, by, note: null };
    if (isLogged(state.log, entry)) return { isRepeat: true };
    if (!from.includes(state.state)) return { refused: 'tripTransition' };
    if (kind === 'pause' && state.pauses.length >= 2 * bounds.tripPausesMax) {
      return { refused: 'tooManyPauses' };
    }
    const next = changed(state, entry);
    const endMs = isEnd(to) ? next.updatedMs : null;
    const isEdge = kind === 'pause' || state.state === 'paused';
    const pauses = isEdge ? [...state.pauses, next.updatedMs] : state.pauses;
    return { state: { ...next, state: to, endMs, pauses }, event };
  }

  function update(
    state: Trip,
    { details, timeMs, by }: Told & { details: TripDetails },
  ): Step<Trip> {
    const entry = { event: 'updated', atMs: timeMs, by, note: null };
    if (isLogged(state.log, entry)) return { isRepeat: true };
    if (isEnd(state.state)) return { refused: 'tripTransition' };
    return { state: { ...changed(state, entry), ...details }, event: 'updated' };
  }

  // Positions that come late change the totals of what has ended.
  function total(state: Trip, totals: PlainMap): Step<Trip> {
    if (state.state === 'cancelled') return { refused: 'tripTransition' };
    const next = withTotals(state, totals);
    if (isDeepStrictEqual(next.totals, state.totals)) return { isRepeat: true };
    return { state: { ...next, revision: state.revision + 1 }, event: 'recomputed' };
  }

  // Whoever changes a trip must not be refused for what the engine has put into it.
  function withTotals(state: Trip, totals: PlainMap | null): Trip {
    const stops = totals?.['stops'];
    if (totals === null || !Array.isArray(stops)) return { ...state, totals };
    const whole = { ...state, totals: { ...totals, stops: [] as Plain[] } };
    let roomBytes = bounds.eventBytesMax - eventRoomBytes - bytesOf(whole);
    const dropped = stops.findIndex((stop: Plain) => {
      roomBytes -= bytesOf(stop) + 1;
      return roomBytes < 0;
    });
    whole.totals.stops = dropped < 0 ? stops : stops.slice(0, dropped);
    return whole;
  }

  // Clocks differ: what is told as earlier than the last change happened with it.
  function changed(state: Trip, entry: LogEntry): Trip {
    const updatedMs = Math.max(state.updatedMs, entry.atMs);
    const log = logged(state.log, entry, bounds);
    const next = { ...state, revision: state.revision + 1, updatedMs, log };
    return withTotals(next, state.totals);
  }

  return {
    step,
    withTotals,
    isOpen: ({ state }) => !isEnd(state),
    // Who comes to a trip late wants its last event, also when it has ended.
    isListed: () => true,
    subjectOf: ({ vehicle }) => vehicle,
    read: (data) => (matches<Trip>(data, shape) ? data : null),
  };
}

function bytesOf(value: Plain): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function isEnd(state: Trip['state']): boolean {
  return state === 'ended' || state === 'cancelled';
}
