/**
 * A notification to one user as a state machine. A pure function.
 *
 *   send -> unread -> read | expired
 *
 * Invariant: unread is open; what has been read or has expired is not changed any more. Sent again it is a repeat.
 * Bound: its texts by whoever reads the call, its data by its event (`eventBytesMax`).
 */
import type { Plain } from '../wire/types.ts';
import { caseShape, type CaseState, type Machine, type Step } from './machine.ts';
import { isAnything, isText, isTime, matches, oneOf, orNull, type Shape } from './shape.ts';

export const severities = ['info', 'warning', 'critical'] as const;

/** What is said, whoever it is for. */
export interface Draft {
  readonly id: string;
  readonly severity: (typeof severities)[number];
  readonly title: string;
  readonly body: string | null;
  readonly data: Plain;
  readonly createdMs: number;
  /** The `sub` of a token; null for the engine. */
  readonly createdBy: string | null;
  readonly expiresMs: number;
}

export interface Notification extends CaseState, Draft {
  readonly id: string;
  readonly user: string;
  /** `user`, `everyone` or the role that it was sent to. */
  readonly audience: string;
  readonly state: 'unread' | 'read' | 'expired';
  readonly readMs: number | null;
}

export type NotificationInput =
  | {
      readonly kind: 'send';
      readonly draft: Draft;
      readonly user: string;
      readonly audience: string;
    }
  | { readonly kind: 'read'; readonly nowMs: number }
  | { readonly kind: 'expire' };

export const draftShape: Shape<Draft> = {
  id: isText,
  severity: oneOf(severities),
  title: isText,
  body: orNull(isText),
  data: isAnything,
  createdMs: isTime,
  createdBy: orNull(isText),
  expiresMs: isTime,
};

const shape: Shape<Notification> = {
  ...caseShape,
  ...draftShape,
  user: isText,
  audience: isText,
  state: oneOf(['unread', 'read', 'expired']),
  readMs: orNull(isTime),
};

export const notificationMachine: Machine<Notification, NotificationInput> = {
  step,
  isOpen,
  isListed: isOpen,
  subjectOf: ({ id }) => id,
  read: (data) => (matches<Notification>(data, shape) ? data : null),
};

function step(state: Notification | null, input: NotificationInput): Step<Notification> {
  if (input.kind === 'send') {
    if (state !== null) return { isRepeat: true };
    const { draft, user, audience } = input;
    const begun = { revision: 1, user, audience, state: 'unread', readMs: null } as const;
    return { state: { ...draft, ...begun }, event: 'sent' };
  }
  if (state === null) return { refused: 'unknownNotification' };
  const to = input.kind === 'read' ? 'read' : 'expired';
  if (state.state === to) return { isRepeat: true };
  if (!isOpen(state)) return { refused: 'notificationTransition' };
  const readMs = input.kind === 'read' ? input.nowMs : null;
  return { state: { ...state, revision: state.revision + 1, state: to, readMs }, event: to };
}

function isOpen({ state }: Notification): boolean {
  return state === 'unread';
}
