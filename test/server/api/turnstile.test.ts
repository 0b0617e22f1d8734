import { expect, it } from 'vitest';
import { createTurnstile, type Entry } from '../../../src/server/api/turnstile.ts';
import { createManualClock } from '../../support/clock.ts';

const bounds = {
  apiRequestsMax: 3,
  apiUserRequestsMax: 2,
  apiRequestsPerSecondMax: 10,
  apiRequestsBurstMax: 5,
  apiUsersMax: 2,
};
const anna = { tenant: 'default', subject: 'anna' };

function leave(entry: Entry): void {
  if ('refused' in entry) throw new Error(entry.refused);
  entry.leave();
}

it('lets in so many at a time, of all and of one', () => {
  const turnstile = createTurnstile({ clock: createManualClock(), bounds });
  const entries = [turnstile.enter(), turnstile.enter(), turnstile.enter()];
  expect(turnstile.enter()).toEqual({ refused: 'tooManyOpen' });
  leave(entries[0]!);
  expect(turnstile.enter()).not.toHaveProperty('refused');
  const mine = [turnstile.enterAs(anna), turnstile.enterAs(anna)];
  expect(turnstile.enterAs(anna)).toEqual({ refused: 'tooManyOfCaller' });
  expect(turnstile.enterAs({ ...anna, tenant: 'acme' })).not.toHaveProperty('refused');
  leave(mine[0]!);
  expect(turnstile.enterAs(anna)).not.toHaveProperty('refused');
});

it('lets in so many a second of one', () => {
  const clock = createManualClock();
  const turnstile = createTurnstile({ clock, bounds });
  for (let index = 0; index < 5; index++) leave(turnstile.enterAs(anna));
  expect(turnstile.enterAs(anna)).toEqual({ refused: 'tooManyOfCaller' });
  clock.advance(200);
  leave(turnstile.enterAs(anna));
  leave(turnstile.enterAs(anna));
  expect(turnstile.enterAs(anna)).toEqual({ refused: 'tooManyOfCaller' });
});

it('forgets who asked longest ago, but nobody who is inside', () => {
  const turnstile = createTurnstile({ clock: createManualClock(), bounds });
  const inside = turnstile.enterAs(anna);
  for (let index = 0; index < 4; index++) leave(turnstile.enterAs({ ...anna, subject: 'bob' }));
  for (const subject of ['carl', 'dora', 'emil']) leave(turnstile.enterAs({ ...anna, subject }));
  // Bob was forgotten, and begins anew; anna is still inside.
  for (let index = 0; index < 5; index++) leave(turnstile.enterAs({ ...anna, subject: 'bob' }));
  expect(turnstile.enterAs(anna)).not.toHaveProperty('refused');
  expect(turnstile.enterAs(anna)).toEqual({ refused: 'tooManyOfCaller' });
  leave(inside);
});
