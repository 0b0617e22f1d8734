/** The trip machine: a table of every transition, and what no sequence of inputs can do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createTripMachine,
  tripMoves,
  tripStates,
  type Trip,
  type TripInput,
} from '../../src/fleet/trip.ts';
import { limits } from '../../src/limits.ts';
import { holdsForAll, nowMs, runAll } from './machines.ts';

const machine = createTripMachine(limits);
const told = (timeMs: number) => ({ timeMs: nowMs + timeMs, by: 'anna' });
const start: TripInput = {
  kind: 'start',
  id: 't-1',
  vehicle: 'bus-1',
  details: { driver: 'dan', route: '304' },
  hasOther: false,
  ...told(0),
};
const move = (kind: (typeof tripMoves)[number], timeMs: number): TripInput => ({
  kind,
  ...told(timeMs),
});
const update: TripInput = { kind: 'update', details: { driver: null }, ...told(50) };
const total: TripInput = { kind: 'total', totals: { distanceM: 7 } };

const pathTo: Record<Trip['state'] | 'none', readonly TripInput[]> = {
  none: [],
  running: [start],
  paused: [start, move('pause', 10)],
  ended: [start, move('end', 20)],
  cancelled: [start, move('cancel', 20)],
};

const inputs = {
  start: { ...start, timeMs: nowMs + 30 },
  pause: move('pause', 40),
  resume: move('resume', 40),
  end: move('end', 40),
  cancel: move('cancel', 40),
  update,
  total,
};

describe('a trip', () => {
  it.each<[keyof typeof pathTo, keyof typeof inputs, string]>([
    ['none', 'start', 'running'],
    ['none', 'pause', 'unknownTrip'],
    ['none', 'resume', 'unknownTrip'],
    ['none', 'end', 'unknownTrip'],
    ['none', 'cancel', 'unknownTrip'],
    ['none', 'update', 'unknownTrip'],
    ['none', 'total', 'unknownTrip'],
    ['running', 'start', 'tripTransition'],
    ['running', 'pause', 'paused'],
    ['running', 'resume', 'tripTransition'],
    ['running', 'end', 'ended'],
    ['running', 'cancel', 'cancelled'],
    ['running', 'update', 'running'],
    ['running', 'total', 'running'],
    ['paused', 'start', 'tripTransition'],
    ['paused', 'pause', 'tripTransition'],
    ['paused', 'resume', 'running'],
    ['paused', 'end', 'ended'],
    ['paused', 'cancel', 'cancelled'],
    ['paused', 'update', 'paused'],
    ['paused', 'total', 'paused'],
    ...(['start', 'pause', 'resume', 'end', 'cancel', 'update'] as const).flatMap(
      (input): [keyof typeof pathTo, keyof typeof inputs, string][] => [
        ['ended', input, 'tripTransition'],
        ['cancelled', input, 'tripTransition'],
      ],
    ),
    ['ended', 'total', 'ended'],
    ['cancelled', 'total', 'tripTransition'],
  ])('that is %s takes %s: %s', (from, input, expected) => {
    const { states, outcomes } = runAll(machine, [...pathTo[from], inputs[input]]);
    const isTaken = (tripStates as readonly string[]).includes(expected);
    if (isTaken) expect(states.at(-1)?.state).toBe(expected);
    else expect(outcomes.at(-1)).toBe(expected);
    expect(states).toHaveLength(pathTo[from].length + Number(isTaken));
  });

  it('takes what was taken before as a repeat, also after other things', () => {
    const moves = [start, move('pause', 10), move('resume', 20), move('end', 30)];
    const { outcomes, states } = runAll(machine, [...moves, ...moves]);
    expect(outcomes).toEqual(['started', 'paused', 'resumed', 'ended', ...Array(4).fill('repeat')]);
    expect(states.at(-1)).toMatchObject({ startMs: nowMs, endMs: nowMs + 30, revision: 4 });
  });

  it('is refused while its vehicle has another', () => {
    expect(machine.step(null, { ...start, hasOther: true })).toEqual({ refused: 'tripRunning' });
  });

  it('keeps what an update does not name', () => {
    const { states } = runAll(machine, [start, update]);
    expect(states.at(-1)).toMatchObject({ driver: null, route: '304' });
  });

  it('never ends before it began, whatever the clocks say, and never opens again', () => {
    const input = fc.oneof(
      fc.record({
        kind: fc.constantFrom(...tripMoves),
        timeMs: fc.integer({ min: nowMs - 5, max: nowMs + 5 }),
        by: fc.constantFrom('anna', 'dan'),
      }),
      fc.constantFrom(start, update, total, { ...start, hasOther: true }),
    );
    holdsForAll<Trip, TripInput>(machine, input, (states) => {
      for (const { startMs, endMs, updatedMs, state, pauses } of states) {
        expect(updatedMs).toBeGreaterThanOrEqual(startMs);
        expect(endMs === null).toBe(state === 'running' || state === 'paused');
        if (endMs !== null) expect(endMs).toBe(updatedMs);
        expect(pauses).toEqual(pauses.toSorted((one, other) => one - other));
        expect(pauses.every((timeMs) => timeMs >= startMs && timeMs <= updatedMs)).toBe(true);
        expect(pauses.length % 2 === 1).toBe(state === 'paused');
      }
    });
  });

  it('knows its pauses, and ends the last one with itself', () => {
    const moves = [move('pause', 10), move('resume', 20), move('pause', 30)];
    const { states } = runAll(machine, [start, ...moves, move('end', 40)]);
    const edges = [10, 20, 30, 40].map((timeMs) => nowMs + timeMs);
    expect(states.map(({ pauses }) => pauses)).toEqual(
      [0, 1, 2, 3, 4].map((count) => edges.slice(0, count)),
    );
  });

  it('is paused so often and no more', () => {
    const tight = createTripMachine({ ...limits, tripPausesMax: 2 });
    const moves = [10, 20, 30, 40, 50].map((timeMs, index) =>
      move(index % 2 === 0 ? 'pause' : 'resume', timeMs),
    );
    const { outcomes } = runAll(tight, [start, ...moves, move('end', 60)]);
    expect(outcomes.slice(-2)).toEqual(['tooManyPauses', 'ended']);
  });

  it('says that its totals have changed only where they have', () => {
    const { outcomes } = runAll(machine, [...pathTo.ended, total, total]);
    expect(outcomes.slice(-2)).toEqual(['recomputed', 'repeat']);
  });

  it('leaves out stops, and never more than that, where its event has no room for them', () => {
    const stops = Array.from({ length: limits.tripStopsMax }, (_, index) => {
      return {
        startMs: nowMs + index,
        endMs: nowMs + index,
        latE7: 526_000_000,
        lonE7: -86_000_000,
      };
    });
    const totals = { distanceM: 7, stops, stopsCount: stops.length };
    const texts = fc.string({ maxLength: 5_000, unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(texts, (route) => {
        const details = { driver: 'dan', route };
        const inputs: readonly TripInput[] = [
          { ...start, details },
          { kind: 'total', totals },
        ];
        const { states } = runAll(machine, inputs);
        const [, state] = states as [Trip, Trip];
        const kept = state.totals?.['stops'] as readonly unknown[];
        const bytes = Buffer.byteLength(JSON.stringify(state));
        expect({ ...state.totals, stops }).toEqual(totals);
        expect(kept).toEqual(stops.slice(0, kept.length));
        if (kept.length > 0) expect(bytes).toBeLessThanOrEqual(limits.eventBytesMax - 512);
        if (kept.length < stops.length) expect(bytes).toBeGreaterThan(limits.eventBytesMax - 700);
      }),
    );
  });

  it('is read only from a whole state', () => {
    const [state] = runAll(machine, [start]).states as [Trip];
    expect(machine.read({ ...state, source: 'detected' })).toBeNull();
    for (const name of Object.keys(state)) {
      const { [name]: _left, ...rest } = state;
      expect(machine.read(rest as never)).toBeNull();
    }
    for (const data of [null, 7, [], 'trip', { vehicle: 'bus-1' }]) {
      expect(machine.read(data)).toBeNull();
    }
  });
});
