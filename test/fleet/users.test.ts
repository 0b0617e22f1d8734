/** Who is known, how it is written, and how something is given to each of them. */
import { describe, expect, it } from 'vitest';
import { createFanOut } from '../../src/fleet/fanout.ts';
import { createUsers, type KnownUser } from '../../src/fleet/users.ts';
import type { RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createManualClock } from '../support/clock.ts';

function createFixture(usersMax = 100) {
  const clock = createManualClock();
  const metrics = createMetrics();
  const saved: KnownUser[][] = [];
  const failures: Error[] = [];
  const users = createUsers({
    save(page) {
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject(failure);
      saved.push([...page]);
      return Promise.resolve();
    },
    onError: () => undefined,
    clock,
    metrics,
    bounds: { ...limits, usersMax, usersPageRowsMax: 2 },
  });
  return { clock, metrics, saved, failures, users };
}

const anna = { tenant: 'acme', subject: 'anna', role: 'driver' } as const;

describe('users', () => {
  it('are new once in each role, and known by it', () => {
    const { users } = createFixture();
    expect(users.seen(anna)).toBe(true);
    expect(users.seen(anna)).toBe(false);
    expect(users.seen({ ...anna, tenant: 'other' })).toBe(true);
    expect(users.seen({ ...anna, role: 'admin' })).toBe(true);
    users.seen({ ...anna, subject: 'ben' });
    expect(users.inAudience('acme', 'driver')).toEqual(['ben']);
    expect(users.inAudience('acme', 'everyone')).toEqual(['anna', 'ben']);
    expect(users.inAudience('nowhere', 'everyone')).toEqual([]);
  });

  it('are written together, and what failed with the next', async () => {
    const { users, clock, saved, failures, metrics } = createFixture();
    failures.push(new Error('away'));
    for (const subject of ['a', 'b', 'c']) users.seen({ ...anna, subject });
    expect(clock.nextInMs).toBe(limits.usersFlushIntervalMs);
    await users.flush();
    expect(saved).toEqual([]);
    clock.advance(10);
    users.seen({ ...anna, subject: 'a' });
    await users.flush();
    expect(
      saved
        .flat()
        .map(({ subject }) => subject)
        .toSorted(),
    ).toEqual(['a', 'b', 'c']);
    const first = saved.flat().find(({ subject }) => subject === 'a');
    expect((first?.lastSeenMs ?? 0) - (first?.firstSeenMs ?? 0)).toBe(10);
    expect(metrics.counters).toMatchObject({ usersFlushed: 3, usersFlushesFailed: 1 });
    await users.flush();
    expect(saved.flat()).toHaveLength(3);
  });

  it('too many are counted, and new to nobody', () => {
    const { users, metrics } = createFixture(1);
    users.restore({ ...anna, firstSeenMs: 1, lastSeenMs: 2 });
    expect(users.seen(anna)).toBe(false);
    expect(users.seen({ ...anna, subject: 'ben' })).toBe(false);
    expect(metrics.counters.usersUntracked).toBe(1);
    expect(users.size).toBe(1);
  });
});

describe('a fan-out', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `u${at}`);

  function createTestFanOut() {
    const clock = createManualClock();
    const metrics = createMetrics();
    const bounds = { fanOutInFlightMax: 3, deskRetryMs: 1_000 };
    const fanOut = createFanOut({ clock, metrics, bounds });
    const given: string[] = [];
    const waiting: ((refused: RefusalName | null) => void)[] = [];
    const completed: string[] = [];
    const begin = (name: string, count: number, isCritical = false): void =>
      fanOut.begin({
        recipients: names(count),
        isCritical,
        give(recipient, done) {
          given.push(`${name} ${recipient}`);
          waiting.push(done);
        },
        complete: () => completed.push(name),
      });
    return { clock, metrics, fanOut, given, waiting, completed, begin };
  }

  it('gives to each, a few at a time, and completes', () => {
    const test = createTestFanOut();
    test.begin('one', 5);
    test.begin('none', 0);
    expect(test.given).toEqual(['one u0', 'one u1', 'one u2']);
    expect(test.completed).toEqual(['none']);
    while (test.waiting.length > 0) test.waiting.shift()?.(null);
    expect(test.given).toHaveLength(5);
    expect(test.completed).toEqual(['none', 'one']);
    expect(test.fanOut.size).toBe(0);
  });

  it('tries again what is refused for now, and gives up what is refused for good', () => {
    const test = createTestFanOut();
    test.begin('one', 3);
    test.waiting.shift()?.('journalFull');
    test.waiting.shift()?.('badEvent');
    test.waiting.shift()?.(null);
    expect(test.given).toHaveLength(3);
    test.clock.advance(1_000);
    expect(test.given.at(-1)).toBe('one u0');
    test.waiting.shift()?.(null);
    expect(test.completed).toEqual(['one']);
    expect(test.metrics.counters).toMatchObject({ casesRetried: 1, casesDropped: 1 });
  });

  it('gives what is critical first', () => {
    const test = createTestFanOut();
    test.begin('large', 100);
    test.begin('alarm', 2, true);
    for (let count = 0; count < 3; count++) test.waiting.shift()?.(null);
    expect(test.given.slice(3)).toEqual(['alarm u0', 'alarm u1', 'large u3']);
  });

  it('is no deep stack where each is done at once', () => {
    const { fanOut } = createTestFanOut();
    let count = 0;
    const recipients = names(100_000);
    fanOut.begin({
      recipients,
      isCritical: false,
      give(_recipient, done) {
        count += 1;
        done(null);
      },
      complete: () => undefined,
    });
    expect(count).toBe(recipients.length);
  });
});
