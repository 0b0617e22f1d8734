import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/metrics.ts';
import { endingBySocket } from '../../src/server/ending.ts';
import { createRecorder, type Recorded } from '../../src/server/recorder.ts';
import type { StoredSession } from '../../src/store/connections.ts';
import { createManualClock } from '../support/clock.ts';
import { identityOf } from '../support/identities.ts';

const limits = {
  connectionsMax: 2,
  sessionsFlushIntervalMs: 5_000,
  sessionsPageRowsMax: 100,
  sessionsPendingMax: 100,
};

function stage(over: Partial<typeof limits> = {}) {
  const clock = createManualClock(0);
  const metrics = createMetrics();
  const writes: (readonly StoredSession[])[] = [];
  const errors: unknown[] = [];
  /** Settles the write that is under way. */
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  const state = { isAway: false, isSlow: false };
  const recorder = createRecorder({
    save(sessions) {
      if (state.isAway) return Promise.reject(new Error('away'));
      writes.push(sessions);
      if (!state.isSlow) return Promise.resolve();
      return new Promise((resolve, reject) => (settle = { resolve, reject }));
    },
    onError: (error) => errors.push(error),
    clock,
    metrics,
    bounds: { ...limits, ...over },
  });
  let last = 0;
  function begin(): Recorded {
    last += 1;
    const peer: Recorded = {
      id: `session-${last}`,
      plane: 'live',
      identity: identityOf({ tenant: 'acme', subject: `user-${last}` }),
      traffic: { framesReceived: last, bytesReceived: 2, framesSent: 3, bytesSent: 4 },
    };
    recorder.begin(peer, '10.0.0.1');
    return peer;
  }
  const end = (peer: Recorded, code = 1000): void =>
    recorder.end(peer, endingBySocket(code, 'bye'));
  return {
    clock,
    metrics: metrics.counters,
    writes,
    errors,
    recorder,
    state,
    begin,
    end,
    settled: () => settle,
  };
}

const told = (page: readonly StoredSession[] | undefined) =>
  page?.map(({ subject, end }) => [subject, end === null ? 'open' : end.code]);

/** What was promised before has happened. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a session', () => {
  it('is written when it begins and when it ends, every few seconds', async () => {
    const { clock, recorder, writes, metrics, begin, end } = stage();
    const peer = begin();
    clock.advance(4_999);
    expect(writes).toEqual([]);
    clock.advance(1);
    await turn();
    expect(told(writes[0])).toEqual([['user-1', 'open']]);
    expect(writes[0]?.[0]).toMatchObject({
      tenant: 'acme',
      role: 'viewer',
      plane: 'live',
      address: '10.0.0.1',
      startedAtMs: 0,
    });
    clock.advance(1_000);
    end(peer);
    clock.advance(5_000);
    await turn();
    expect(writes).toHaveLength(2);
    expect(writes[1]?.[0]).toEqual({
      ...writes[0]?.[0],
      end: {
        atMs: 6_000,
        code: 1000,
        reason: 'bye',
        framesReceived: 1,
        bytesReceived: 2,
        framesSent: 3,
        bytesSent: 4,
      },
    });
    expect([recorder.pending, metrics.sessionsFlushed, clock.timers]).toEqual([0, 2, 0]);
  });

  it('that begins and ends between two writes is one row', async () => {
    const { clock, writes, begin, end } = stage();
    end(begin());
    clock.advance(5_000);
    await turn();
    expect(writes.map(told)).toEqual([[['user-1', 1000]]]);
  });

  it('that ends while it is written is written again', async () => {
    const { clock, recorder, writes, state, begin, end, settled } = stage();
    state.isSlow = true;
    const peer = begin();
    clock.advance(5_000);
    end(peer);
    expect(told(writes[0])).toEqual([['user-1', 'open']]);
    settled()?.resolve();
    await turn();
    state.isSlow = false;
    clock.advance(5_000);
    await turn();
    expect(writes.map(told)).toEqual([[['user-1', 'open']], [['user-1', 1000]]]);
    expect(recorder.pending).toBe(0);
  });

  it('cannot end without having begun', () => {
    const { begin, end } = stage();
    const peer = begin();
    end(peer);
    expect(() => end(peer)).toThrow('never began');
  });
});

describe('a write', () => {
  it('that fails is tried again with all that has come since', async () => {
    const { clock, recorder, writes, metrics, errors, state, begin, end } = stage();
    state.isAway = true;
    const peer = begin();
    clock.advance(5_000);
    await turn();
    expect([recorder.pending, metrics.sessionsFlushesFailed, errors.length]).toEqual([1, 1, 1]);
    end(peer);
    begin();
    state.isAway = false;
    clock.advance(5_000);
    await turn();
    expect(writes.map(told)).toEqual([
      [
        ['user-1', 1000],
        ['user-2', 'open'],
      ],
    ]);
  });

  it('is made in pages, and none again that was taken', async () => {
    const { clock, writes, state, settled, begin } = stage({ sessionsPageRowsMax: 2 });
    for (let count = 0; count < 5; count++) begin();
    state.isSlow = true;
    clock.advance(5_000);
    await turn();
    settled()?.resolve();
    await turn();
    settled()?.reject(new Error('away'));
    await turn();
    expect(writes).toHaveLength(2);
    state.isSlow = false;
    clock.advance(5_000);
    await turn();
    expect(writes.slice(2).map(told)).toEqual([
      [
        ['user-3', 'open'],
        ['user-4', 'open'],
      ],
      [['user-5', 'open']],
    ]);
  });

  it('does not go on without a pause for what comes meanwhile', async () => {
    const { clock, writes, recorder, state, settled, begin } = stage();
    state.isSlow = true;
    begin();
    clock.advance(5_000);
    begin();
    settled()?.resolve();
    await turn();
    expect([writes.length, recorder.pending]).toEqual([1, 1]);
    clock.advance(5_000);
    expect(told(writes[1])).toEqual([['user-2', 'open']]);
  });

  it('at the stop takes all that has ended while another was under way', async () => {
    const { clock, writes, recorder, state, settled, begin, end } = stage();
    state.isSlow = true;
    const peer = begin();
    clock.advance(5_000);
    end(peer);
    state.isSlow = false;
    const flushed = recorder.flush();
    settled()?.resolve();
    await flushed;
    recorder.stop();
    expect(told(writes[1])).toEqual([['user-1', 1000]]);
    expect([recorder.pending, clock.timers]).toEqual([0, 0]);
    end(begin());
    expect(clock.timers).toBe(0);
    await recorder.flush();
    expect(told(writes[2])).toEqual([['user-2', 1000]]);
  });
});

describe('too many', () => {
  it('are the oldest that have ended, dropped and counted; none that is open is', async () => {
    const { clock, writes, metrics, recorder, state, begin, end } = stage({
      sessionsPendingMax: 3,
    });
    state.isAway = true;
    begin();
    for (let count = 0; count < 5; count++) end(begin());
    expect([recorder.pending, metrics.sessionsDropped]).toEqual([3, 3]);
    clock.advance(5_000);
    await turn();
    begin();
    begin();
    state.isAway = false;
    clock.advance(5_000);
    await turn();
    expect(told(writes[0])).toEqual([
      ['user-1', 'open'],
      ['user-7', 'open'],
      ['user-8', 'open'],
    ]);
    expect(metrics.sessionsDropped).toBe(5);
  });

  it('are never those of one stop', () => {
    const { recorder, metrics, begin, end } = stage({ sessionsPendingMax: 1, connectionsMax: 9 });
    const peers = Array.from({ length: 9 }, begin);
    for (const peer of peers) end(peer);
    expect([recorder.pending, metrics.sessionsDropped]).toEqual([9, 0]);
  });
});

it('what is written is what happened, whatever fails meanwhile', async () => {
  const step = fc.constantFrom('begin', 'end', 'away', 'back', 'slow', 'ok', 'fail', 'wait');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, writes, recorder, state, settled, begin, end } = stage({
        sessionsPageRowsMax: 3,
      });
      const open: Recorded[] = [];
      const expected = new Map<string, number | 'open'>();
      for (const what of steps) {
        if (what === 'begin') {
          const peer = begin();
          open.push(peer);
          expected.set(peer.identity.subject, 'open');
        } else if (what === 'end') {
          const peer = open.shift();
          if (peer === undefined) continue;
          end(peer);
          expected.set(peer.identity.subject, 1000);
        } else if (what === 'ok') settled()?.resolve();
        else if (what === 'fail') settled()?.reject(new Error('away'));
        else if (what === 'wait') clock.advance(5_000);
        else if (what === 'slow') state.isSlow = true;
        else state.isAway = what === 'away';
        await turn();
      }
      state.isAway = false;
      state.isSlow = false;
      settled()?.resolve();
      await recorder.flush();
      // As the table does: a row ends once.
      const stored = new Map<string, number | 'open'>();
      for (const { subject, end: ending } of writes.flat()) {
        if (ending !== null) stored.set(subject, ending.code);
        else if (!stored.has(subject)) stored.set(subject, 'open');
      }
      expect(stored).toEqual(expected);
      expect(recorder.pending).toBe(0);
    }),
    { numRuns: 200 },
  );
});
