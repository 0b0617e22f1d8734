/**
 * What the live client needs of a subscription, of a topic or of the area, and what it gives to one. No code.
 * Invariant: `start` and `stop` alternate, a `start` for each connection; after `onEnd` nothing is called.
 */
import type { SubscriberFrame, SubscriberReply } from '../wire/types.ts';
import type { LiveError, Settle } from './request.ts';
import type { RetryOptions } from './retry.ts';

/** A frame that says which topic it is of. */
export type TopicReply = Extract<SubscriberReply, { readonly topic: string }>;

export interface Conflated {
  /** Positions left out for newer ones. */
  readonly skipped: number;
  readonly durationMs: number;
}

export interface StreamOptions extends RetryOptions {
  isOpen(): boolean;
  request(frame: (id: number) => SubscriberFrame, settle: Settle): void;
  onEnd(): void;
}

export interface Stream {
  /** A connection is open. */
  start(): void;
  /** The connection is lost. */
  stop(): void;
  /** False where the frame makes no sense now. */
  receive(reply: TopicReply): boolean;
  /** Ends it with an error. */
  fail(error: LiveError): void;
}
