/**
 * Whom to call about an emergency that nobody has seen, and when. Pure functions of its state and of a chain of roles.
 * Invariant: a link of the chain is called when its time after the raising has come, and all links so far again and
 * again from then on; what was due while the engine stood still is one call, not many.
 * Bound: one call at a time an emergency; the chain has a link for each role at most.
 */
import type { Role } from '../identity.ts';
import type { Emergency } from './emergency.ts';

export interface Link {
  readonly role: Role;
  /** After the raising. */
  readonly afterMs: number;
}

/** In the order of their times. */
export type Chain = readonly Link[];

export interface NextCall {
  readonly dueMs: number;
  /** The last link that it reaches. */
  readonly level: number;
  readonly role: Role;
  /** Those that are told: of a link that is new it alone, else all so far. */
  readonly tells: readonly Role[];
}

/** The next call; null where a person has seen it, or the chain has no link. */
export function nextCall(
  state: Emergency,
  chain: Chain,
  repeatMs: number,
  nowMs: number,
): NextCall | null {
  if (state.state !== 'open') return null;
  const timeOf = ({ afterMs }: Link): number => state.raisedMs + afterMs;
  const next = chain[state.level + 1];
  const nextMs = next === undefined ? Infinity : timeOf(next);
  const repeatAtMs = state.calledMs === null ? Infinity : state.calledMs + repeatMs;
  const dueMs = Math.min(nextMs, repeatAtMs);
  if (dueMs === Infinity) return null;
  const reached = chain.findLastIndex((link) => timeOf(link) <= Math.max(dueMs, nowMs));
  // An operator may have made the chain shorter.
  const level = Math.min(Math.max(reached, state.level), chain.length - 1);
  const link = chain[level];
  if (link === undefined) return null;
  const first = level > state.level ? state.level + 1 : 0;
  const tells = chain.slice(first, level + 1).map(({ role }) => role);
  return { dueMs, level, role: link.role, tells };
}
