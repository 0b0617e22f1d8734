/** Reads of event topics have an end, also when the database has none. */
import type { ISql } from 'postgres';
import { describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { deadlineOf } from '../../src/store/deadline.ts';
import { createEventReader, type EventReader } from '../../src/store/eventreader.ts';
import { createManualClock } from '../support/clock.ts';

const { flushDeadlineMs, eventsReadDeadlineMs } = limits;

/** A reader of a database that is silent until `query` is settled. */
function world(query: Promise<unknown>) {
  const clock = createManualClock();
  let resets = 0;
  const reader = createEventReader({
    database: {
      sql: (() => query) as unknown as ISql,
      copy: {
        rowsMax: 1,
        deadline: deadlineOf('flushDeadlineMs', flushDeadlineMs),
        copy: () => Promise.resolve(),
        merge: () => Promise.resolve({ inserted: 0, conflicting: 0 }),
        replace: () => Promise.resolve(),
      },
      reset() {
        resets += 1;
        return Promise.resolve();
      },
    },
    clock,
    bounds: limits,
  });
  return { clock, reader, resets: () => resets };
}

const reads: readonly [string, (reader: EventReader) => Promise<unknown>][] = [
  ['the last events', (reader) => reader.last('acme/a')],
  ['what is open', (reader) => reader.open('acme/a')],
  ['the events after an offset', (reader) => reader.after('acme/a', 1, 9)],
];

describe('a read', () => {
  it.each(reads)('of %s ends in time, and what hangs is thrown away later', async (_, read) => {
    const { clock, reader, resets } = world(new Promise(() => undefined));
    const outcome = read(reader).catch((error: unknown) => error);
    clock.advance(eventsReadDeadlineMs);
    expect(await outcome).toMatchObject({
      code: 'DATABASE_DEADLINE',
      message: expect.stringContaining('eventsReadDeadlineMs'),
    });
    expect(resets()).toBe(0);
    clock.advance(flushDeadlineMs - eventsReadDeadlineMs);
    await new Promise(setImmediate);
    expect(resets()).toBe(1);
  });

  it.each(reads)('of %s fails as the query does', async (_, read) => {
    const { clock, reader } = world(Promise.reject(new Error('away')));
    await expect(read(reader)).rejects.toThrow('away');
    expect(clock.timers).toBe(0);
  });
});
