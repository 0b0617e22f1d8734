import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSession } from '../../src/ingest/session.ts';

describe('session', () => {
  it('takes only the next seq', () => {
    const session = createSession({ bounds: { framesInFlightMax: 4 }, ackFirst: 'journaled' });
    expect(session.take(2)).toBe(false);
    expect(session.take(0)).toBe(false);
    expect(session.take(1)).toBe(true);
    expect(session.take(1)).toBe(false);
    expect(session.take(2)).toBe(true);
    expect(session.nextSeq).toBe(3);
  });

  it.each(['journaled', 'stored'] as const)('counts what is in flight until %s', (ackFirst) => {
    const session = createSession({ bounds: { framesInFlightMax: 4 }, ackFirst });
    session.take(1);
    session.mark(1, 100, 0);
    expect(session.framesInFlight).toBe(1);
    session.journaledUpTo(100);
    expect(session.framesInFlight).toBe(ackFirst === 'journaled' ? 0 : 1);
    session.storedUpTo(100);
    expect(session.framesInFlight).toBe(0);
  });

  /**
   * The model: frames with rising positions, and deferred ones whose position is told later; a group takes all that
   * there is, and that reaches the journal, later the store, in steps. An ack must never cover a frame whose position has
   * not reached the level, what is durable is acked at once, and in the end all is stored.
   */
  it('acks each frame at each level once, in order, and never early', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('frame' as const), bytes: fc.nat({ max: 50 }) }),
        fc.record({ kind: fc.constant('defer' as const) }),
        fc.record({ kind: fc.constant('settle' as const), index: fc.nat({ max: 20 }) }),
        fc.record({ kind: fc.constant('group' as const) }),
        fc.record({ kind: fc.constant('journal' as const) }),
        fc.record({
          kind: fc.constant('store' as const),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
      ),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 8 }), (list, framesInFlightMax) => {
        const session = createSession({ bounds: { framesInFlightMax }, ackFirst: 'journaled' });
        const positions: number[] = [];
        const deferred: { readonly seq: number; readonly settle: (position: number) => void }[] =
          [];
        let end = 0;
        let taken = 0;
        let durable = 0;
        let stored = 0;
        let journaledFrames = 0;
        let storedFrames = 0;
        const check = (
          reached: { seq: number; frames: number } | null,
          position: number,
        ): number => {
          if (reached === null) return 0;
          expect(Math.max(...positions.slice(0, reached.seq))).toBeLessThanOrEqual(position);
          return reached.frames;
        };
        const reachJournal = (position: number): void => {
          durable = Math.max(durable, position);
          journaledFrames += check(session.journaledUpTo(durable), durable);
          const waiting = positions.findIndex((one) => one > durable);
          expect(journaledFrames).toBe(waiting < 0 ? positions.length : waiting);
        };
        const reachStore = (position: number): void => {
          stored = Math.max(stored, Math.min(position, durable));
          storedFrames += check(session.storedUpTo(stored), stored);
        };
        const settle = (index: number): void => {
          const [one] = deferred.splice(index, 1);
          if (one === undefined) return;
          positions[one.seq - 1] = durable;
          one.settle(durable);
        };
        for (const step of list) {
          if (step.kind === 'frame') {
            end += step.bytes;
            positions.push(end);
            expect(session.take(positions.length)).toBe(true);
            session.mark(positions.length, end, taken);
          } else if (step.kind === 'defer') {
            positions.push(Infinity);
            expect(session.take(positions.length)).toBe(true);
            deferred.push({ seq: positions.length, settle: session.defer(positions.length) });
          } else if (step.kind === 'settle') {
            settle(step.index);
          } else if (step.kind === 'group') {
            // One group at a time.
            if (taken === durable) taken = end;
          } else if (step.kind === 'journal') {
            reachJournal(taken);
          } else {
            reachStore(Math.floor(durable * step.share));
          }
        }
        reachJournal(end);
        while (deferred.length > 0) settle(0);
        reachJournal(end);
        reachStore(end);
        expect(journaledFrames).toBe(positions.length);
        expect(storedFrames).toBe(positions.length);
        expect(session.awaitsJournal || session.awaitsStore).toBe(false);
      }),
    );
  });
});
