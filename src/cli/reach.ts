/**
 * Whether an engine answers: what the states of one or many connections mean for a command.
 * Invariant: a command that never reached its engine, or is refused by it, ends with one sentence that
 * says why; one that reached it waits for it to come back.
 * Bound: `waitMs` for the first hello.
 */
import type { ConnectionState } from '../client/connection.ts';
import type { Clock } from '../clock.ts';
import { FleetwireError } from '../errors.ts';
import { pauseFor } from './wait.ts';

export interface Reach {
  /** To be called with every state of every connection. */
  onState(state: ConnectionState): void;
  /** Resolves at the first hello; rejects when there is none in time or all are refused. */
  readonly reached: Promise<void>;
  /** Rejects when the engine has refused all the connections for good; never resolves. */
  readonly refused: Promise<never>;
  /** What `refused` was rejected with. */
  readonly refusal: FleetwireError | null;
}

export interface ReachOptions {
  readonly url: string;
  readonly waitMs: number;
  /** How many connections there will be. */
  readonly connections: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export function createReach(options: ReachOptions): Reach {
  const { url, waitMs } = options;
  const over = new AbortController();
  let problem = '';
  let closed = 0;
  let refusal: FleetwireError | null = null;
  let resolveHello: () => void;
  let rejectRefused: (error: FleetwireError) => void;
  const hello = new Promise<void>((resolve) => (resolveHello = resolve));
  const refused = new Promise<never>((_, reject) => (rejectRefused = reject));
  // Whoever races against it hears of it; without a race it is told by `reached`.
  refused.catch(() => undefined);
  const late = pauseFor(options.clock, waitMs, AbortSignal.any([options.signal, over.signal]));

  return {
    onState,
    reached: Promise.race([hello, refused, late.then(rejectLate)]).finally(() => over.abort()),
    refused,
    get refusal() {
      return refusal;
    },
  };

  function onState(state: ConnectionState): void {
    if (state.name === 'open') resolveHello();
    if (state.name === 'waiting') problem = state.reason || `closed with ${state.closeCode}`;
    if (state.name !== 'closed' || state.closeCode === 1000) return;
    problem = `${state.closeCode} ${state.reason}`.trim();
    closed++;
    if (closed < options.connections) return;
    const sentence = `the engine at ${url} refuses the connection: ${problem}`;
    refusal = new FleetwireError('ENGINE_REFUSED', sentence);
    rejectRefused(refusal);
  }

  function rejectLate(): void {
    if (options.signal.aborted || over.signal.aborted) return;
    const cause = problem === '' ? 'it does not answer' : problem;
    throw new FleetwireError(
      'ENGINE_UNREACHABLE',
      `no engine at ${url} within ${waitMs / 1_000} s (${cause}): start one with 'fleetwire serve', or change --url`,
    );
  }
}
