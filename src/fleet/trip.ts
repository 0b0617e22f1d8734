/**
 * A trip that somebody starts and ends, as a state machine. A pure function.
 *
 *   start -> running <-> paused -> ended | cancelled
 *
 * Invariant: `startMs` <= `updatedMs`, and what has ended is not changed but by its totals. An input that the log has
 * is a repeat: a device sends again what was not acknowledged.
 * Bound: what is free in it is bounded by its event (`eventBytesMax`).
 */
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
import { isAnything, isMap, isText, isTime, matches, oneOf, orNull, type Shape } from './shape.ts';

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
  /** What its vehicle's positions say of it: distance, durations, speeds, stops. */
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
  totals: orNull(isMap),
  log: isLog,
};

export function createTripMachine(bounds: LogBounds): Machine<Trip, TripInput> {
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
    const known = { driver, route, destination, attributes, totals: null };
    const place = { id, revision: 1, vehicle, source: 'explicit', state: 'running' } as const;
    const log = [{ event: 'started', atMs: timeMs, by, note: null }];
    return { state: { ...place, ...known, ...times, log }, event: 'started' };
  }

  function move(state: Trip, { kind, timeMs, by }: Told & { readonly kind: TripMove }): Step<Trip> {
    const { from, to, event } = transitions[kind];
    const entry = { event, atMs: timeMs, by, note: null };
    if (isLogged(state.log, entry)) return { isRepeat: true };
    if (!from.includes(state.state)) return { refused: 'tripTransition' };
    const next = changed(state, entry);
    const endMs = isEnd(to) ? next.updatedMs : null;
    return { state: { ...next, state: to, endMs }, event };
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
    return { state: { ...state, revision: state.revision + 1, totals }, event: 'updated' };
  }

  // Clocks differ: what is told as earlier than the last change happened with it.
  function changed(state: Trip, entry: LogEntry): Trip {
    const updatedMs = Math.max(state.updatedMs, entry.atMs);
    const log = logged(state.log, entry, bounds);
    return { ...state, revision: state.revision + 1, updatedMs, log };
  }

  return {
    step,
    isOpen: ({ state }) => !isEnd(state),
    // Who comes to a trip late wants its last event, also when it has ended.
    isListed: () => true,
    subjectOf: ({ vehicle }) => vehicle,
    read: (data) => (matches<Trip>(data, shape) ? data : null),
  };
}

function isEnd(state: Trip['state']): boolean {
  return state === 'ended' || state === 'cancelled';
}
