import { describe, expect, it } from 'vitest';
import { isFigures, isPresence, isSummary, type Plain } from '../../src/client/index.ts';

const stateOf = (event: string, data: Plain) => ({ topic: 't', event, data });

describe('guards of states', () => {
  const presence = { state: 'online', sinceMs: 5, reason: null, watchers: 2 };
  const summary = { moving: 1, idle: 2, offline: 3, emergency: 0 };

  it('know what is theirs, and what an engine may add to it', () => {
    expect(isPresence(stateOf('presence', presence))).toBe(true);
    expect(isPresence(stateOf('presence', { ...presence, reason: 'closed', more: 1 }))).toBe(true);
    expect(isSummary(stateOf('summary', summary))).toBe(true);
    expect(isFigures(stateOf('figures', { connections: 5 }))).toBe(true);
  });

  it.each([
    ['another event', 'summary', presence],
    ['another state', 'presence', { ...presence, state: 'asleep' }],
    ['no time', 'presence', { ...presence, sinceMs: null }],
    ['a reason that is no text', 'presence', { ...presence, reason: 5 }],
    ['no watchers', 'presence', { ...presence, watchers: null }],
    ['no map', 'presence', [presence]],
  ])('see no presence in %s', (_, event, data) => {
    expect(isPresence(stateOf(event, data))).toBe(false);
  });

  it('see no summary without all of its counts, and no figures without a map', () => {
    expect(isSummary(stateOf('summary', { ...summary, idle: 0.5 }))).toBe(false);
    expect(isSummary(stateOf('summary', null))).toBe(false);
    expect(isSummary(stateOf('figures', summary))).toBe(false);
    expect(isFigures(stateOf('figures', 5))).toBe(false);
    expect(isFigures(stateOf('summary', summary))).toBe(false);
  });
});
