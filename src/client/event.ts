/**
 * Events as a program gets them from a topic: those that are kept, and those that only tell a state.
 * Invariant: an event has an offset of 1 or more and is handed over once; a state has none, and the newest
 * one is all that there is to know.
 */
import { isPlainMap } from '../wire/attributes.ts';
import type { Plain, PlainMap } from '../wire/types.ts';

/** An event of `trip:<id>`, `notification:<user>` or `emergency`. */
export interface TopicEvent {
  readonly topic: string;
  /** Rises by one with each event of the topic, from 1 on. */
  readonly offset: number;
  readonly event: string;
  readonly data: Plain;
  /** Unix ms, UTC; `null` of an event that comes live, which has just happened. */
  readonly timeMs: number | null;
}

/** What a topic's state is now. The guards below tell the known ones apart. */
export interface StateEvent {
  readonly topic: string;
  readonly event: string;
  readonly data: Plain;
}

/** Whether a vehicle is heard of. */
export interface Presence extends PlainMap {
  readonly state: 'online' | 'idle' | 'offline';
  /** Unix ms, UTC. */
  readonly sinceMs: number;
  readonly reason: string | null;
  /** Connections that look at it now. */
  readonly watchers: number;
}
/** Of `vehicle:<id>`. */
export interface PresenceEvent extends StateEvent {
  readonly event: 'presence';
  readonly data: Presence;
}

/** How many vehicles are in which state. */
export interface Summary extends PlainMap {
  readonly moving: number;
  readonly idle: number;
  readonly offline: number;
  readonly emergency: number;
}
/** Of `fleet`. */
export interface SummaryEvent extends StateEvent {
  readonly event: 'summary';
  readonly data: Summary;
}

/** Of `system`: the engine's figures by their names. */
export interface FiguresEvent extends StateEvent {
  readonly event: 'figures';
  readonly data: PlainMap;
}

export function isPresence(event: StateEvent): event is PresenceEvent {
  if (event.event !== 'presence' || !isPlainMap(event.data)) return false;
  const { state, sinceMs, reason, watchers } = event.data;
  const isKnown = state === 'online' || state === 'idle' || state === 'offline';
  const isReason = reason === null || typeof reason === 'string';
  return isKnown && isReason && [sinceMs, watchers].every(Number.isSafeInteger);
}

export function isSummary(event: StateEvent): event is SummaryEvent {
  if (event.event !== 'summary' || !isPlainMap(event.data)) return false;
  const { moving, idle, offline, emergency } = event.data;
  return [moving, idle, offline, emergency].every(Number.isSafeInteger);
}

export function isFigures(event: StateEvent): event is FiguresEvent {
  return event.event === 'figures' && isPlainMap(event.data);
}
