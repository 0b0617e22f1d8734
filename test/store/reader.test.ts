import type { ISql } from 'postgres';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics.ts';
import { deadlineOf } from '../../src/store/deadline.ts';
import { createReader } from '../../src/store/reader.ts';
import { createManualClock } from '../support/clock.ts';

function open() {
  const clock = createManualClock();
  const metrics = createMetrics();
  let resets = 0;
  const database = {
    sql: (() => undefined) as unknown as ISql,
    copy: { deadline: deadlineOf('flushDeadlineMs', 30_000) } as never,
    reset: async () => void (resets += 1),
  };
  const bounds = { apiQueriesMax: 2, apiQueryDeadlineMs: 10_000 };
  const reader = createReader({ database, clock, metrics, bounds });
  return { clock, counters: metrics.counters, reader, resets: () => resets };
}

/** A query that answers when it is told to. */
function createQuery() {
  let settle: { resolve(value: string): void; reject(error: Error): void } | null = null;
  let isBegun = false;
  const query = (): Promise<string> => {
    isBegun = true;
    return new Promise((resolve, reject) => {
      settle = { resolve, reject };
    });
  };
  return {
    query,
    get isBegun() {
      return isBegun;
    },
    answer: (value: string) => settle?.resolve(value),
    fail: (error: Error) => settle?.reject(error),
  };
}

const turns = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe('a reader', () => {
  it('lets two ask at a time, in the order they came', async () => {
    const { reader, counters } = open();
    const queries = [createQuery(), createQuery(), createQuery(), createQuery()];
    const answers = queries.map(({ query }) => reader.ask(query));
    await turns();
    expect(queries.map(({ isBegun }) => isBegun)).toEqual([true, true, false, false]);
    queries[1]?.answer('b');
    await turns();
    expect(queries.map(({ isBegun }) => isBegun)).toEqual([true, true, true, false]);
    for (const [index, { answer }] of queries.entries()) {
      answer('abcd'[index] ?? '');
      await turns();
    }
    expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'd']);
    expect(counters).toMatchObject({ apiQueries: 4, apiQueriesFailed: 0 });
  });

  it('tells of what failed, and goes on', async () => {
    const { reader, counters } = open();
    const one = createQuery();
    const asked = reader.ask(one.query);
    await turns();
    one.fail(new Error('syntax'));
    await expect(asked).rejects.toMatchObject({ code: 'DATABASE_READ', message: 'syntax' });
    const two = createQuery();
    const again = reader.ask(two.query);
    await turns();
    two.answer('fine');
    expect(await again).toBe('fine');
    expect(counters).toMatchObject({ apiQueries: 1, apiQueriesFailed: 1 });
  });

  it('does not run what nobody waits for any more, and throws away what hangs', async () => {
    const { reader, clock, resets } = open();
    const hanging = [createQuery(), createQuery()];
    const late = createQuery();
    const answers = [...hanging, late].map(({ query }) => reader.ask(query));
    const outcomes = Promise.allSettled(answers);
    await turns();
    clock.advance(10_000);
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
    expect(resets()).toBe(0);
    clock.advance(20_000);
    await turns();
    expect(resets()).toBe(2);
    expect(late.isBegun).toBe(false);
    const next = createQuery();
    const answer = reader.ask(next.query);
    await turns();
    next.answer('there again');
    expect(await answer).toBe('there again');
  });

  it('begins nothing after its end', async () => {
    const { reader } = open();
    reader.stop();
    const one = createQuery();
    await expect(reader.ask(one.query)).rejects.toMatchObject({ code: 'DATABASE_READ' });
    expect(one.isBegun).toBe(false);
  });
});
