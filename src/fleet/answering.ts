/**
 * What the calls about trips, emergencies, notifications and commands have in common.
 * Invariant: a call is answered once, when what it has done is durable: `{state, isRepeat}`.
 * Bound: texts by `messageCharsMax` and `bodyCharsMax`, what is free by the event (`eventBytesMax`).
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { FleetCalls, Outcome } from '../live/calls.ts';
import type { Settle } from './cases.ts';
import type { Desk } from './desk.ts';
import type { CaseState } from './machine.ts';

export type CallBounds = Pick<
  Limits,
  | 'oldestAcceptedMs'
  | 'futureToleranceMs'
  | 'messageCharsMax'
  | 'bodyCharsMax'
  | 'attributesBytesMax'
  | 'attributesKeysMax'
  | 'attributesDepthMax'
  | 'notificationTtlMs'
  | 'notificationTtlMaxMs'
  | 'commandTtlMs'
  | 'commandTtlMaxMs'
>;

export interface FleetCallsOptions {
  readonly desk: Pick<Desk, 'trips' | 'emergencies' | 'notifications' | 'commands'>;
  /** A new id, where the caller brings none. */
  readonly newId: () => string;
  readonly clock: Clock;
  readonly bounds: CallBounds;
}

/** The handlers of one kind. */
export type CallsOf<Kind extends string> = Pick<
  FleetCalls,
  Extract<keyof FleetCalls, `${Kind}.${string}`>
>;

/** Passes on what came of an input to the caller. */
export function answering<State extends CaseState>(outcome: Outcome): Settle<State> {
  return (settled) => {
    if ('refused' in settled) return outcome.refuse(settled.refused);
    const { state, isRepeat } = settled;
    outcome.succeed({ state, isRepeat });
  };
}
