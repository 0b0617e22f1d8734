/**
 * An emergency as a state machine. A pure function.
 *
 *   raise -> open -> acknowledged -> resolved | falseAlarm
 *                \-------------------^
 *
 * Invariant: while it is open the roles on call are called again and again (see escalation.ts); from the first word
 * of a person on they are not. What is closed is not changed any more. Raised again it is a repeat.
 * Bound: who, when and what was noted is kept as far as it fits (`logEntriesMax`, `logBytesMax`).
 */
import { roles, type Role } from '../identity.ts';
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
import { isCount, isInteger, isText, isTime, matches, oneOf, orNull, type Shape } from './shape.ts';

export const emergencyKinds = [
  'sos',
  'accident',
  'panic',
  'medical',
  'breakdown',
  'theft',
] as const;
export type EmergencyKind = (typeof emergencyKinds)[number];

export const emergencyStates = ['open', 'acknowledged', 'resolved', 'falseAlarm'] as const;

export interface Emergency extends CaseState {
  readonly kind: EmergencyKind;
  readonly state: (typeof emergencyStates)[number];
  readonly vehicle: string | null;
  readonly latE7: number | null;
  readonly lonE7: number | null;
  readonly message: string | null;
  /** When, as whoever raised it says; null where that makes no sense. */
  readonly timeMs: number | null;
  readonly raisedMs: number;
  readonly raisedBy: string;
  /** The first person who has seen it: acknowledged, or closed at once. */
  readonly seenMs: number | null;
  readonly seenBy: string | null;
  readonly closedMs: number | null;
  readonly closedBy: string | null;
  /** The link of the chain that was called last; -1 before the first. */
  readonly level: number;
  /** Its role. */
  readonly role: Role | null;
  readonly calls: number;
  readonly calledMs: number | null;
  readonly log: readonly LogEntry[];
}

export const emergencyMoves = ['acknowledge', 'resolve', 'falseAlarm', 'note'] as const;
export type EmergencyMove = (typeof emergencyMoves)[number];

export interface Raise {
  readonly id: string;
  readonly kind: EmergencyKind;
  readonly vehicle: string | null;
  readonly latE7: number | null;
  readonly lonE7: number | null;
  readonly message: string | null;
  readonly timeMs: number | null;
  readonly by: string;
}

export type EmergencyInput =
  | { readonly kind: 'raise'; readonly raise: Raise; readonly nowMs: number }
  | {
      readonly kind: EmergencyMove;
      readonly by: string;
      readonly note: string | null;
      readonly nowMs: number;
    }
  | { readonly kind: 'call'; readonly level: number; readonly role: Role; readonly nowMs: number };

type Spoken = EmergencyInput & { readonly kind: EmergencyMove };

interface Transition {
  readonly from: readonly Emergency['state'][];
  /** Null where it stays what it is. */
  readonly to: Emergency['state'] | null;
  readonly event: string;
}

const transitions: Readonly<Record<EmergencyMove, Transition>> = {
  acknowledge: { from: ['open'], to: 'acknowledged', event: 'acknowledged' },
  resolve: { from: ['open', 'acknowledged'], to: 'resolved', event: 'resolved' },
  falseAlarm: { from: ['open', 'acknowledged'], to: 'falseAlarm', event: 'falseAlarm' },
  note: { from: ['open', 'acknowledged'], to: null, event: 'noted' },
};

const shape: Shape<Emergency> = {
  ...caseShape,
  kind: oneOf(emergencyKinds),
  state: oneOf(emergencyStates),
  vehicle: orNull(isText),
  latE7: orNull(isInteger),
  lonE7: orNull(isInteger),
  message: orNull(isText),
  timeMs: orNull(isTime),
  raisedMs: isTime,
  raisedBy: isText,
  seenMs: orNull(isTime),
  seenBy: orNull(isText),
  closedMs: orNull(isTime),
  closedBy: orNull(isText),
  level: isInteger,
  role: orNull(oneOf(roles)),
  calls: isCount,
  calledMs: orNull(isTime),
  log: isLog,
};

const untouched = {
  seenMs: null,
  seenBy: null,
  closedMs: null,
  closedBy: null,
  level: -1,
  role: null,
  calls: 0,
  calledMs: null,
} as const;

export function createEmergencyMachine(bounds: LogBounds): Machine<Emergency, EmergencyInput> {
  function step(state: Emergency | null, input: EmergencyInput): Step<Emergency> {
    if (input.kind === 'raise') {
      return state === null ? raised(input.raise, input.nowMs) : { isRepeat: true };
    }
    if (state === null) return { refused: 'unknownEmergency' };
    return input.kind === 'call' ? called(state, input) : spoken(state, input);
  }

  function raised({ by, ...raise }: Raise, nowMs: number): Step<Emergency> {
    const log = [{ event: 'raised', atMs: nowMs, by, note: null }];
    const begun = { revision: 1, state: 'open', raisedMs: nowMs, raisedBy: by, log } as const;
    return { state: { ...raise, ...untouched, ...begun }, event: 'raised' };
  }

  // A person may have come between the moment that it was due and this.
  function called(state: Emergency, input: EmergencyInput & { kind: 'call' }): Step<Emergency> {
    if (state.state !== 'open') return { isRepeat: true };
    const { level, role, nowMs: calledMs } = input;
    const event = level > state.level ? 'escalated' : 'repeated';
    const { revision, calls } = state;
    const call = { revision: revision + 1, level, role, calls: calls + 1, calledMs };
    return { state: { ...state, ...call }, event };
  }

  function spoken(state: Emergency, { kind, by, note, nowMs }: Spoken): Step<Emergency> {
    const { from, to, event } = transitions[kind];
    const entry = { event, atMs: nowMs, by, note };
    if (isLogged(state.log, entry)) return { isRepeat: true };
    if (!from.includes(state.state)) {
      // Whoever is not sure that it has arrived says it again.
      const isAgain = to === state.state && lastBy(state) === by;
      return isAgain ? { isRepeat: true } : { refused: 'emergencyTransition' };
    }
    const log = logged(state.log, entry, bounds);
    const next = { ...state, revision: state.revision + 1, log };
    return { state: to === null ? next : moved(next, to, by, nowMs), event };
  }

  return {
    step,
    isOpen,
    isListed: isOpen,
    subjectOf: ({ id }) => id,
    read: (data) => (matches<Emergency>(data, shape) ? data : null),
  };
}

function moved(state: Emergency, to: Emergency['state'], by: string, nowMs: number): Emergency {
  const seen = state.seenMs === null ? { seenMs: nowMs, seenBy: by } : {};
  const closed = to === 'acknowledged' ? {} : { closedMs: nowMs, closedBy: by };
  return { ...state, state: to, ...seen, ...closed };
}

function lastBy({ state, seenBy, closedBy }: Emergency): string | null {
  return state === 'acknowledged' ? seenBy : closedBy;
}

function isOpen({ state }: Emergency): boolean {
  return state === 'open' || state === 'acknowledged';
}
