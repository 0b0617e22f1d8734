import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBacklog, frameOverheadBytes, type BacklogFix } from '../../src/client/backlog.ts';

const room = { fixesMax: 3, bytesMax: 65_536 };
const ample = 65_536;

function fix(timeMs: number, vehicle: string | null = null, bytes = 20): BacklogFix {
  return { vehicle, timeMs, wire: [0, 1, 2], bytes, wasSent: false, isRefused: false };
}

const times = (fixes: readonly BacklogFix[]): number[] => fixes.map(({ timeMs }) => timeMs);

/** A backlog that holds fixes of the times 1 to `count`. */
function filled(count: number, fixesMax = 100) {
  const backlog = createBacklog(fixesMax);
  for (let timeMs = 1; timeMs <= count; timeMs++) backlog.push(fix(timeMs));
  return backlog;
}

describe('backlog', () => {
  it('refuses what is over its bound and keeps what it has', () => {
    const backlog = filled(3, 3);
    expect(backlog.push(fix(4))).toBe(false);
    expect(backlog.length).toBe(3);
    backlog.take(room);
    expect(backlog.push(fix(4))).toBe(false);
    backlog.acknowledge(1, true);
    expect(backlog.push(fix(4))).toBe(true);
  });

  it('makes frames of at most so many fixes, with times relative to the first', () => {
    const backlog = filled(5);
    const first = backlog.take(room)?.frame;
    expect(first).toMatchObject({ seq: 1, baseMs: 1, vehicle: null });
    expect(first?.fixes.map((wire) => (wire as number[])[0])).toEqual([0, 1, 2]);
    expect(backlog.take(room)?.frame).toMatchObject({ seq: 2, baseMs: 4 });
    expect(backlog.take(room)).toBeNull();
    expect(backlog.framesInFlight).toBe(2);
  });

  it('makes frames of at most so many bytes, but of one fix at least', () => {
    const backlog = createBacklog(10);
    for (let timeMs = 1; timeMs <= 4; timeMs++) backlog.push(fix(timeMs, null, 100));
    const bytesMax = frameOverheadBytes + 250;
    expect(backlog.take({ fixesMax: 10, bytesMax })?.frame.fixes).toHaveLength(2);
    expect(backlog.take({ fixesMax: 10, bytesMax: 1 })?.frame.fixes).toHaveLength(1);
  });

  it('puts one vehicle into a frame', () => {
    const backlog = createBacklog(10);
    for (const vehicle of ['a', 'a', 'b', 'a']) backlog.push(fix(1, vehicle));
    const frames = [backlog.take(room), backlog.take(room), backlog.take(room)];
    expect(frames.map((taken) => [taken?.frame.vehicle, taken?.frame.fixes.length])).toEqual([
      ['a', 2],
      ['b', 1],
      ['a', 1],
    ]);
  });

  it('opens the window with any ack and frees with a final one only', () => {
    const backlog = filled(9);
    for (let count = 0; count < 3; count++) backlog.take(room);
    expect(backlog.acknowledge(2, false)).toEqual([]);
    expect(backlog.framesInFlight).toBe(1);
    expect(backlog.length).toBe(9);
    expect(times(backlog.acknowledge(1, true) ?? [])).toEqual([1, 2, 3]);
    expect(times(backlog.acknowledge(3, true) ?? [])).toEqual([4, 5, 6, 7, 8, 9]);
    expect(backlog.framesInFlight).toBe(0);
  });

  it('does not take an ack for a frame that was never sent', () => {
    const backlog = filled(3);
    backlog.take(room);
    expect(backlog.acknowledge(2, true)).toBeNull();
    expect(backlog.length).toBe(3);
  });

  it('marks refused fixes once and returns them with their frame', () => {
    const backlog = filled(6);
    backlog.take(room);
    backlog.take(room);
    expect(times(backlog.refuse(2, [0, 2, 99]))).toEqual([4, 6]);
    expect(backlog.refuse(2, [0])).toEqual([]);
    expect(times(backlog.refuse(1, null))).toEqual([1, 2, 3]);
    expect(backlog.refuse(3, null)).toEqual([]);
    const released = backlog.acknowledge(2, true) ?? [];
    expect(times(released.filter(({ isRefused }) => !isRefused))).toEqual([5]);
    expect(backlog.refuse(1, null)).toEqual([]);
  });

  it('starts again with all that was not acked, in order, without what was refused', () => {
    const backlog = filled(8);
    for (let count = 0; count < 3; count++) backlog.take(room);
    backlog.acknowledge(1, true);
    backlog.refuse(2, [1]);
    expect(backlog.restart(ample)).toEqual([]);
    expect(backlog.waiting).toBe(4);
    const taken = backlog.take({ fixesMax: 10, bytesMax: ample });
    expect(taken?.frame).toMatchObject({ seq: 1, baseMs: 4 });
    expect(taken?.frame.fixes.map((wire) => (wire as number[])[0])).toEqual([0, 2, 3, 4]);
    expect(taken?.resent).toBe(4);
  });

  it('gives back what no frame of the new connection can hold', () => {
    const backlog = createBacklog(10);
    backlog.push(fix(1));
    backlog.push(fix(2, null, 5_000));
    expect(times(backlog.restart(1_024))).toEqual([2]);
    expect(backlog.length).toBe(1);
  });

  it('loses and doubles nothing, whatever the order of sending, acks, refusals and restarts', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('push' as const), vehicle: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('take' as const) }),
      fc.record({ kind: fc.constant('ack' as const), share: fc.nat(100), isFinal: fc.boolean() }),
      fc.record({ kind: fc.constant('refuse' as const), share: fc.nat(100), index: fc.nat(3) }),
      fc.record({ kind: fc.constant('restart' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const backlog = createBacklog(30);
        const expected: number[] = [];
        const settled: number[] = [];
        const refused = new Set<number>();
        let lastSeq = 0;
        let nextTime = 1;
        for (const action of steps) {
          if (action.kind === 'push') {
            if (backlog.push(fix(nextTime, action.vehicle))) expected.push(nextTime);
            nextTime++;
          } else if (action.kind === 'take') {
            if (backlog.take(room) !== null) lastSeq++;
          } else if (action.kind === 'ack') {
            const seq = Math.ceil((lastSeq * action.share) / 100);
            settled.push(...times(backlog.acknowledge(seq, action.isFinal) ?? []));
          } else if (action.kind === 'refuse') {
            const seq = Math.ceil((lastSeq * action.share) / 100);
            for (const { timeMs } of backlog.refuse(seq, [action.index])) refused.add(timeMs);
          } else {
            backlog.restart(ample);
            lastSeq = 0;
          }
        }
        backlog.restart(ample);
        while (backlog.take(room) !== null) lastSeq++;
        settled.push(...times(backlog.acknowledge(backlog.framesInFlight, true) ?? []));
        expect(backlog.length).toBe(0);
        // In order, each once; only what was refused may have left by a restart.
        expect(settled).toEqual(settled.toSorted((a, b) => a - b));
        expect(new Set(settled).size).toBe(settled.length);
        const missing = expected.filter((time) => !settled.includes(time));
        expect(missing.every((time) => refused.has(time))).toBe(true);
        expect(settled.every((time) => expected.includes(time))).toBe(true);
      }),
    );
  });
});
