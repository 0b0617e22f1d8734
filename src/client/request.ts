/**
 * Requests of a live client that wait for their answers.
 * Invariant: each is settled exactly once: answered, refused, timed out or cut off with its connection.
 * Bound: `clientRequestsMax` at a time, each for at most `clientRequestTimeoutMs`.
 */
import type { Clock, Timer } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Plain } from '../wire/types.ts';

export type LiveErrorKind =
  /** The engine refused the request: `code` is one of errors.ts. */
  | 'refused'
  /** The connection ended before the answer, which may or may not have been on its way. */
  | 'closed'
  /** No answer came in time. */
  | 'timeout'
  /** This client has as many requests waiting as it may. */
  | 'busy'
  /** The answer is none that this client understands. */
  | 'malformed';

/** Why a request has no result. */
export class LiveError extends Error {
  override readonly name = 'LiveError';
  readonly kind: LiveErrorKind;
  /** The engine's refusal code, the close code where the connection ended, else 0. */
  readonly code: number;
  /** True where the same may succeed later. */
  readonly temporary: boolean;

  constructor(kind: LiveErrorKind, code: number, message: string, temporary: boolean) {
    super(message);
    this.kind = kind;
    this.code = code;
    this.temporary = temporary;
  }
}

export interface Settle {
  onResult(result: Plain): void;
  onError(error: LiveError): void;
}

export interface Requests {
  /** Registers a request and returns its number, or `null` when there are too many. */
  open(settle: Settle): number | null;
  succeed(request: number, result: Plain): boolean;
  fail(request: number, error: LiveError): boolean;
  /** Fails all of them but those that are spared. */
  failAll(error: LiveError, isSpared: (request: number) => boolean): void;
}

export type RequestBounds = Pick<Limits, 'clientRequestsMax' | 'clientRequestTimeoutMs'>;

interface Pending {
  readonly settle: Settle;
  readonly timer: Timer;
}

export function createRequests(clock: Clock, bounds: RequestBounds): Requests {
  const pending = new Map<number, Pending>();
  let lastRequest = 0;

  function take(request: number): Settle | null {
    const found = pending.get(request);
    if (found === undefined) return null;
    pending.delete(request);
    found.timer.cancel();
    return found.settle;
  }

  return {
    open(settle) {
      if (pending.size >= bounds.clientRequestsMax) return null;
      const request = ++lastRequest;
      const timer = clock.after(bounds.clientRequestTimeoutMs, () => {
        const message = `no answer within ${bounds.clientRequestTimeoutMs} ms`;
        take(request)?.onError(new LiveError('timeout', 0, message, true));
      });
      pending.set(request, { settle, timer });
      return request;
    },
    succeed(request, result) {
      const settle = take(request);
      settle?.onResult(result);
      return settle !== null;
    },
    fail(request, error) {
      const settle = take(request);
      settle?.onError(error);
      return settle !== null;
    },
    failAll(error, isSpared) {
      for (const request of [...pending.keys()]) {
        if (!isSpared(request)) take(request)?.onError(error);
      }
    },
  };
}
