/**
 * A notification to a role or a tenant as a state machine: it is given to each user one by one. A pure function.
 *
 *   send -> sending -> sent -> expired
 *              \-----------------^
 *
 * Invariant: `sending` until each user that was known has a copy of it, so that a crash in between is made good by
 * the next start; open until it expires, for whoever connects first gets those that are.
 * Bound: `audiencesOpenMax` of all tenants.
 */
import { caseShape, type CaseState, type Machine, type Step } from './machine.ts';
import { draftShape, type Draft } from './notification.ts';
import { isCount, isText, matches, oneOf, type Shape } from './shape.ts';

export interface AudienceNotification extends CaseState, Draft {
  readonly id: string;
  /** `everyone`, or a role. */
  readonly audience: string;
  readonly state: 'sending' | 'sent' | 'expired';
  /** Users that were known, and have a copy; 0 until it is sent. */
  readonly recipients: number;
}

export type AudienceInput =
  | { readonly kind: 'send'; readonly draft: Draft; readonly audience: string }
  | { readonly kind: 'complete'; readonly recipients: number }
  | { readonly kind: 'expire' };

const shape: Shape<AudienceNotification> = {
  ...caseShape,
  ...draftShape,
  audience: isText,
  state: oneOf(['sending', 'sent', 'expired']),
  recipients: isCount,
};

export const audienceMachine: Machine<AudienceNotification, AudienceInput> = {
  step,
  isOpen,
  isListed: isOpen,
  subjectOf: ({ id }) => id,
  read: (data) => (matches<AudienceNotification>(data, shape) ? data : null),
};

function step(
  state: AudienceNotification | null,
  input: AudienceInput,
): Step<AudienceNotification> {
  if (input.kind === 'send') {
    if (state !== null) return { isRepeat: true };
    const { draft, audience } = input;
    const begun = { revision: 1, audience, state: 'sending', recipients: 0 } as const;
    return { state: { ...draft, ...begun }, event: 'sent' };
  }
  if (state === null) return { refused: 'unknownNotification' };
  const revision = state.revision + 1;
  if (input.kind === 'expire') {
    if (!isOpen(state)) return { isRepeat: true };
    return { state: { ...state, revision, state: 'expired' }, event: 'expired' };
  }
  if (state.state !== 'sending') return { isRepeat: true };
  const { recipients } = input;
  return { state: { ...state, revision, state: 'sent', recipients }, event: 'completed' };
}

function isOpen({ state }: AudienceNotification): boolean {
  return state !== 'expired';
}
