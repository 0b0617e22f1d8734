/**
 * A command to a device as a state machine. A pure function.
 *
 *   queue -> queued -> delivered -> answered | expired | cancelled
 *                \--------------------^
 *
 * Invariant: delivered is given to a connection, which may be lost: until it is answered, a device that connects
 * gets it again, under the same id. What is closed is not changed any more. Queued again it is a repeat.
 * Bound: open until it expires at the latest.
 */
import type { Plain } from '../wire/types.ts';
import { caseShape, type CaseState, type Machine, type Step } from './machine.ts';
import { isAnything, isText, isTime, matches, oneOf, orNull, type Shape } from './shape.ts';

export const commandStates = ['queued', 'delivered', 'answered', 'expired', 'cancelled'] as const;

export interface Order {
  readonly id: string;
  readonly vehicle: string;
  readonly name: string;
  readonly arguments: Plain;
  readonly createdMs: number;
  readonly createdBy: string;
  readonly expiresMs: number;
}

export interface Command extends CaseState, Order {
  readonly id: string;
  readonly state: (typeof commandStates)[number];
  /** First given to a connection. */
  readonly deliveredMs: number | null;
  /** Answered, expired or cancelled. */
  readonly closedMs: number | null;
  /** What the device answered. */
  readonly status: string | null;
  readonly result: Plain;
  readonly cancelledBy: string | null;
}

export type CommandInput =
  | { readonly kind: 'queue'; readonly order: Order }
  | { readonly kind: 'deliver'; readonly nowMs: number }
  | {
      readonly kind: 'answer';
      readonly status: string;
      readonly result: Plain;
      readonly nowMs: number;
    }
  | { readonly kind: 'cancel'; readonly by: string; readonly nowMs: number }
  | { readonly kind: 'expire'; readonly nowMs: number };

const shape: Shape<Command> = {
  ...caseShape,
  vehicle: isText,
  name: isText,
  arguments: isAnything,
  createdMs: isTime,
  createdBy: isText,
  expiresMs: isTime,
  state: oneOf(commandStates),
  deliveredMs: orNull(isTime),
  closedMs: orNull(isTime),
  status: orNull(isText),
  result: isAnything,
  cancelledBy: orNull(isText),
};

const begun = {
  revision: 1,
  state: 'queued',
  deliveredMs: null,
  closedMs: null,
  status: null,
  result: null,
  cancelledBy: null,
} as const;

export const commandMachine: Machine<Command, CommandInput> = {
  step,
  isOpen,
  isListed: isOpen,
  subjectOf: ({ id }) => id,
  read: (data) => (matches<Command>(data, shape) ? data : null),
};

function step(state: Command | null, input: CommandInput): Step<Command> {
  if (input.kind === 'queue') {
    if (state !== null) return { isRepeat: true };
    return { state: { ...input.order, ...begun }, event: 'queued' };
  }
  if (state === null) return { refused: 'unknownCommand' };
  if (!isOpen(state)) {
    return isSame(state, input) ? { isRepeat: true } : { refused: 'commandTransition' };
  }
  const next = { ...state, revision: state.revision + 1 };
  const { nowMs } = input;
  switch (input.kind) {
    case 'deliver':
      if (state.state === 'delivered') return { isRepeat: true };
      return { state: { ...next, state: 'delivered', deliveredMs: nowMs }, event: 'delivered' };
    case 'answer': {
      const { status, result } = input;
      const answered = { state: 'answered', status, result, closedMs: nowMs } as const;
      return { state: { ...next, ...answered }, event: 'answered' };
    }
    case 'cancel': {
      const cancelled = { state: 'cancelled', cancelledBy: input.by, closedMs: nowMs } as const;
      return { state: { ...next, ...cancelled }, event: 'cancelled' };
    }
    case 'expire':
      return { state: { ...next, state: 'expired', closedMs: nowMs }, event: 'expired' };
  }
}

/** What has closed it, told again. */
function isSame(state: Command, input: CommandInput): boolean {
  if (input.kind === 'deliver' || input.kind === 'expire') return true;
  if (input.kind === 'answer') return state.state === 'answered' && state.status === input.status;
  return input.kind === 'cancel' && state.cancelledBy === input.by;
}

function isOpen({ state }: Command): boolean {
  return state === 'queued' || state === 'delivered';
}
