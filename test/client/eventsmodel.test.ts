/**
 * The property that the event topics exist for, against a model of an engine: whatever is lost on the way, a
 * program gets each event once and in order, or is told of a gap. Never a silent miss.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLiveClient } from '../../src/client/index.ts';
import { createManualClock } from '../support/clock.ts';
import { createEventsEngine, createProgram, manners, topic } from './eventsmodel.ts';
import { memorySockets } from './memorysocket.ts';
import { fastBounds } from './peer.ts';

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('emit' as const), isLost: rarely() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('repeat' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('cut' as const),
      code: fc.constantFrom(1006, 3001, 3005, 3008),
      manners: fc.array(fc.constantFrom(...manners), { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('renew' as const), isEmpty: fc.boolean() }),
  },
  /** From what a pause takes to what a request without an answer takes. */
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: waits() }) },
);

function rarely() {
  return fc.nat(9).map((value) => value === 0);
}

function waits() {
  return fc.constantFrom(0, 1, 5, 100, 10_000);
}

/** All that is not a timer has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('loses no event in silence, whatever is lost, answered and forgotten', async () => {
  const totals = { recovered: 0, gaps: 0, events: 0 };
  const codec = fc.constantFrom('messagepack' as const, 'json' as const);
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  await fc.assert(
    fc.asyncProperty(codec, random, fc.array(step, { maxLength: 40 }), async (codec, at, steps) => {
      const engine = createEventsEngine();
      const program = createProgram(engine);
      const clock = createManualClock();
      const client = createLiveClient({
        url: 'ws://engine',
        token: 'jwt',
        codec,
        clock,
        random: () => at,
        bounds: fastBounds,
        WebSocket: memorySockets(codec, engine),
      });
      client.subscribe(topic, program.handlers);
      for (const action of steps) {
        await settled();
        if (action.kind === 'emit') engine.emit(action.isLost);
        else if (action.kind === 'repeat') engine.repeat();
        else if (action.kind === 'forget') engine.forget();
        else if (action.kind === 'renew') engine.renew(action.isEmpty);
        else if (action.kind === 'wait') clock.advance(action.ms);
        else {
          engine.manners.push(...action.manners);
          engine.cut(action.code);
        }
      }
      // A frame that was lost last is missed only when the connection is made again.
      engine.manners.length = 0;
      engine.cut(1006);
      const isAtEnd = (): boolean =>
        program.place?.epoch === engine.epoch && program.place.offset === engine.offset;
      for (let waits = 0; waits < 10 && !isAtEnd(); waits++) {
        await settled();
        clock.advance(10_000);
      }
      expect(program.failure).toBeNull();
      expect(program.place).toEqual({ epoch: engine.epoch, offset: engine.offset });
      await client.close();
      expect(clock.timers).toBe(0);
      totals.recovered += program.counts.recovered;
      totals.gaps += program.counts.gaps;
      totals.events += program.counts.events;
    }),
    { numRuns: 500 },
  );
  // It has tried what it is about.
  expect(Math.min(totals.recovered, totals.gaps, totals.events)).toBeGreaterThan(100);
});
