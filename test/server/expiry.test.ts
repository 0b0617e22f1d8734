import { expect, it } from 'vitest';
import { sweepExpired } from '../../src/server/expiry.ts';
import { createManualClock } from '../support/clock.ts';
import { identityOf } from '../support/identities.ts';

const bounds = { clockToleranceS: 5, tokenGraceS: 30 };

it('closes a connection whose token has expired when its grace is over, and no other', () => {
  const clock = createManualClock();
  const closed: string[] = [];
  const peerOf = (subject: string, ttlS: number) => ({
    identity: identityOf({ subject, expiresAtMs: clock.nowMs() + ttlS * 1_000 }),
    close: (name: string) => void closed.push(`${subject} ${name}`),
  });
  const peers = [peerOf('short', 10), peerOf('long', 100)];
  const sweep = sweepExpired({ peers, clock, bounds });
  clock.advance(45_000);
  expect(closed).toEqual([]);
  clock.advance(1_000);
  expect(closed).toEqual(['short tokenExpired']);
  sweep.cancel();
  clock.advance(1_000_000);
  expect(closed).toEqual(['short tokenExpired']);
  expect(clock.timers).toBe(0);
});

it('leaves a connection alone that has brought a new token', () => {
  const clock = createManualClock();
  const fresh = identityOf({ expiresAtMs: clock.nowMs() + 1_000_000 });
  let identity = identityOf({ expiresAtMs: clock.nowMs() + 1_000 });
  const closed: string[] = [];
  const peer = {
    get identity() {
      return identity;
    },
    close: (name: string) => void closed.push(name),
  };
  sweepExpired({ peers: [peer], clock, bounds });
  clock.advance(20_000);
  identity = fresh;
  clock.advance(500_000);
  expect(closed).toEqual([]);
});
