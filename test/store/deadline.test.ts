import { describe, expect, it } from 'vitest';
import { deadlineOf, within, withinOrReset } from '../../src/store/deadline.ts';
import { createManualClock } from '../support/clock.ts';

const deadline = deadlineOf('flushDeadlineMs', 1_000);
const never = new Promise<string>(() => undefined);

function stage() {
  const clock = createManualClock();
  const state = { resets: 0 };
  const database = {
    copy: { deadline },
    reset() {
      state.resets += 1;
      return Promise.resolve();
    },
  };
  return { clock, state, database };
}

describe('a deadline', () => {
  it('lets through what comes in time, and leaves no timer', async () => {
    const { clock } = stage();
    expect(await within(clock, deadline, Promise.resolve('done'))).toBe('done');
    await expect(within(clock, deadline, Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(clock.timers).toBe(0);
  });

  it('ends what hangs with the name of its setting', async () => {
    const { clock } = stage();
    const waiting = within(clock, deadline, never);
    clock.advance(1_000);
    await expect(waiting).rejects.toMatchObject({
      code: 'DATABASE_DEADLINE',
      message: expect.stringContaining('flushDeadlineMs (1000 ms)') as string,
    });
  });
});

describe('a query', () => {
  it('that hangs has its connections given up, before anybody can try again', async () => {
    const { clock, state, database } = stage();
    const waiting = withinOrReset(clock, database, never);
    clock.advance(1_000);
    await expect(waiting).rejects.toMatchObject({ code: 'DATABASE_DEADLINE' });
    expect(state.resets).toBe(1);
  });

  it('that fails by itself keeps them', async () => {
    const { clock, state, database } = stage();
    const failing = withinOrReset(clock, database, Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await withinOrReset(clock, database, Promise.resolve(7))).toBe(7);
    expect([state.resets, clock.timers]).toEqual([0, 0]);
  });
});
