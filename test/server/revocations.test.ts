import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/identity.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createRevocations } from '../../src/server/revocations.ts';
import type { StoredRevocation } from '../../src/store/revocations.ts';
import { createManualClock } from '../support/clock.ts';
import { identityOf } from '../support/identities.ts';

const bounds = { revocationsMax: 3, clockToleranceS: 5 };

function stage(stored: readonly StoredRevocation[] = []) {
  const clock = createManualClock();
  const metrics = createMetrics();
  const saved: StoredRevocation[] = [];
  const errors: unknown[] = [];
  const closed: string[] = [];
  const peers = new Set<{ identity: Identity; close(name: string, reason: string): void }>();
  const state = { isAway: false };
  const revocations = createRevocations({
    stored,
    save(revocation) {
      if (state.isAway) return Promise.reject(new Error('away'));
      saved.push(revocation);
      return Promise.resolve();
    },
    onError: (error) => errors.push(error),
    peers: () => peers,
    clock,
    metrics,
    bounds,
  });
  function connect(identity: Identity): void {
    const peer = {
      identity,
      close(name: string, reason: string) {
        closed.push(`${identity.tenant}/${identity.subject} ${name} ${reason}`);
        peers.delete(peer);
      },
    };
    peers.add(peer);
  }
  return { clock, metrics, saved, errors, closed, state, revocations, connect };
}

const token = (tokenId: string | null, over: Partial<Identity> = {}): Identity =>
  identityOf({ tenant: 'acme', tokenId, ...over });

describe('a revocation', () => {
  it('is in force at once, also while it is being stored', async () => {
    const { revocations, connect, closed, saved, metrics } = stage();
    connect(token('stolen'));
    connect(token('other', { subject: 'bob' }));
    connect(token(null, { subject: 'carol' }));
    const storing = revocations.revoke('acme', 'fleetwire', 'stolen', null);
    expect(revocations.isRevoked(token('stolen'))).toBe(true);
    expect(closed).toEqual(['acme/anna invalidToken the token has been revoked']);
    expect(metrics.refused.tokenRevoked).toBe(1);
    expect(await storing).toBeNull();
    expect(saved).toEqual([
      { tenant: 'acme', issuer: 'fleetwire', tokenId: 'stolen', expiresAtMs: null },
    ]);
  });

  it('is of one tenant, one issuer and one id', async () => {
    const { revocations, connect, closed } = stage();
    const others = [
      token('stolen', { tenant: 'globex' }),
      token('stolen', { issuer: 'another' }),
      token('stolen2'),
      token(null),
    ];
    for (const other of others) connect(other);
    await revocations.revoke('acme', 'fleetwire', 'stolen', null);
    expect(closed).toEqual([]);
    expect(others.map(revocations.isRevoked)).toEqual([false, false, false, false]);
  });

  it('by a call is of the tenant of whoever calls', async () => {
    const { revocations, saved } = stage();
    const stolen = { issuer: 'fleetwire', tokenId: 'stolen', expiresAtMs: null };
    // What a caller adds does not count.
    const params = { ...stolen, tenant: 'acme' };
    expect(await revocations.call(token(null, { tenant: 'globex' }), params)).toBeNull();
    expect(revocations.isRevoked(token('stolen'))).toBe(false);
    expect(revocations.isRevoked(token('stolen', { tenant: 'globex' }))).toBe(true);
    expect(saved).toEqual([{ tenant: 'globex', ...stolen }]);
  });

  it('is in force though the database is away, and stored when it is asked for again', async () => {
    const { revocations, state, errors, saved, metrics } = stage();
    state.isAway = true;
    expect(await revocations.revoke('acme', 'fleetwire', 'stolen', null)).toBe(
      'databaseUnavailable',
    );
    expect(revocations.isRevoked(token('stolen'))).toBe(true);
    expect([errors.length, metrics.counters.revocationsFailed]).toEqual([1, 1]);
    state.isAway = false;
    expect(await revocations.revoke('acme', 'fleetwire', 'stolen', null)).toBeNull();
    expect([saved.length, revocations.size]).toEqual([1, 1]);
  });

  it('that was stored is in force from the start', () => {
    const stolen = { tenant: 'acme', issuer: 'fleetwire', tokenId: 'stolen', expiresAtMs: null };
    const { revocations } = stage([stolen]);
    expect(revocations.isRevoked(token('stolen'))).toBe(true);
    expect(revocations.isRevoked(token('fresh'))).toBe(false);
  });
});

describe('what makes no sense', () => {
  const nowMs = 1_700_000_000_000;
  it.each<[string, string, string, number | null]>([
    ['no id', 'fleetwire', '', null],
    ['a long id', 'fleetwire', 'x'.repeat(129), null],
    ['an id that cannot be stored', 'fleetwire', 'a\0b', null],
    ['half a character', 'fleetwire', 'a\uD800', null],
    ['no issuer', '', 'stolen', null],
    ['a time in the past, as seconds are', 'fleetwire', 'stolen', nowMs / 1_000],
    ['no time', 'fleetwire', 'stolen', NaN],
    ['a time that is no integer', 'fleetwire', 'stolen', nowMs + 0.5],
    ['a time that no calendar has', 'fleetwire', 'stolen', 8_640_000_000_000_001],
  ])('%s is refused', async (_name, issuer, tokenId, expiresAtMs) => {
    const { revocations, saved } = stage();
    expect(await revocations.revoke('acme', issuer, tokenId, expiresAtMs)).toBe('badParams');
    expect([revocations.size, saved.length]).toEqual([0, 0]);
  });

  it('is not a token that was good a moment ago', async () => {
    const { revocations } = stage();
    expect(await revocations.revoke('acme', 'fleetwire', 'stolen', nowMs - 6_000)).toBeNull();
    expect(await revocations.revoke('acme', 'fleetwire', 'stolen', nowMs - 6_001)).toBe(
      'badParams',
    );
  });
});

describe('more than may be held', () => {
  it('are refused, but not one that is known; those of expired tokens make room', async () => {
    const { revocations, clock } = stage();
    const inMs = (ms: number): number => clock.nowMs() + ms;
    await revocations.revoke('acme', 'fleetwire', 'a', null);
    await revocations.revoke('acme', 'fleetwire', 'b', inMs(10_000));
    await revocations.revoke('acme', 'fleetwire', 'c', inMs(60_000));
    expect(await revocations.revoke('acme', 'fleetwire', 'd', null)).toBe('tooManyRevocations');
    expect(revocations.isRevoked(token('d'))).toBe(false);
    expect(await revocations.revoke('acme', 'fleetwire', 'a', null)).toBeNull();
    // A token is good for clockToleranceS after its end, and its revocation as long.
    clock.advance(16_000);
    expect(await revocations.revoke('acme', 'fleetwire', 'd', null)).toBe('tooManyRevocations');
    expect(revocations.isRevoked(token('b'))).toBe(true);
    clock.advance(1);
    expect(await revocations.revoke('acme', 'fleetwire', 'd', null)).toBeNull();
    expect(['a', 'b', 'c', 'd'].map((id) => revocations.isRevoked(token(id)))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });

  it('of the same token last as long as the longest', async () => {
    const { revocations, clock } = stage();
    await revocations.revoke('acme', 'fleetwire', 'a', null);
    await revocations.revoke('acme', 'fleetwire', 'a', clock.nowMs() + 1_000);
    await revocations.revoke('acme', 'fleetwire', 'b', null);
    await revocations.revoke('acme', 'fleetwire', 'c', null);
    clock.advance(1_000_000);
    expect(await revocations.revoke('acme', 'fleetwire', 'd', null)).toBe('tooManyRevocations');
    expect(revocations.isRevoked(token('a'))).toBe(true);
  });
});
