import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  closedState,
  createCircuit,
  entered,
  failedState,
  pauseAfter,
  type CircuitState,
} from '../../src/store/circuit.ts';
import { createManualClock } from '../support/clock.ts';

const bounds = { retryDelayMinMs: 100, retryDelayMaxMs: 5_000 };
const open: CircuitState = { name: 'open', failures: 2, untilMs: 500 };
const halfOpen: CircuitState = { name: 'halfOpen', failures: 2 };

describe('the states of a circuit', () => {
  it.each<[string, CircuitState, number, CircuitState | null]>([
    ['closed lets everybody in', closedState, 0, closedState],
    ['open lets nobody in before its end', open, 499, null],
    ['open lets one in after its end', open, 500, { name: 'halfOpen', failures: 2 }],
    ['half open lets no second one in', halfOpen, 9_999, null],
  ])('%s', (_name, state, nowMs, next) => {
    expect(entered(state, nowMs)).toEqual(next);
  });

  it.each<[string, CircuitState, CircuitState]>([
    ['the first opens it', closedState, { name: 'open', failures: 1, untilMs: 1_010 }],
    [
      'that of the probe opens it for longer',
      halfOpen,
      { name: 'open', failures: 3, untilMs: 1_030 },
    ],
    ['that of one from before changes nothing', open, open],
  ])('a failure: %s', (_name, state, next) => {
    expect(failedState(state, 1_000, (failures) => failures * 10)).toEqual(next);
  });
});

describe('a pause', () => {
  it('lies between the shortest and the longest, and grows with the failures', () => {
    expect(pauseAfter(1, bounds, () => 0)).toBe(100);
    expect(pauseAfter(1, bounds, () => 1)).toBe(200);
    expect(pauseAfter(3, bounds, () => 1)).toBe(800);
    expect(pauseAfter(60, bounds, () => 1)).toBe(5_000);
  });

  it('is spread over the whole of that', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (failures, share) => {
          const ms = pauseAfter(failures, bounds, () => share);
          expect(ms).toBeGreaterThanOrEqual(100);
          expect(ms).toBeLessThanOrEqual(5_000);
        },
      ),
    );
  });
});

describe('a circuit', () => {
  function setUp() {
    const clock = createManualClock();
    const circuit = createCircuit({ bounds, clock, random: () => 1 });
    const inside: string[] = [];
    const enter = (name: string, failures = 0): void => {
      circuit.enter(failures).then(
        () => inside.push(name),
        (error: Error) => inside.push(`${name}: ${error.message}`),
      );
    };
    return { clock, circuit, inside, enter };
  }

  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('lets everybody in while it is closed', async () => {
    const { inside, enter } = setUp();
    enter('a');
    enter('b');
    await settle();
    expect(inside).toEqual(['a', 'b']);
  });

  it('after a failure lets one in when the pause is over, and the others when that one succeeds', async () => {
    const { clock, circuit, inside, enter } = setUp();
    circuit.failed();
    expect(circuit.isClosed).toBe(false);
    enter('a');
    enter('b');
    enter('c');
    clock.advance(199);
    await settle();
    expect(inside).toEqual([]);
    clock.advance(1);
    await settle();
    expect(inside).toEqual(['a']);
    clock.advance(60_000);
    await settle();
    expect(inside).toEqual(['a']);
    circuit.succeeded();
    await settle();
    expect(inside).toEqual(['a', 'b', 'c']);
    expect(circuit.isClosed).toBe(true);
  });

  it('waits twice as long when the one that tried fails', async () => {
    const { clock, circuit, inside, enter } = setUp();
    circuit.failed();
    enter('a');
    enter('b');
    clock.advance(200);
    await settle();
    circuit.failed();
    clock.advance(399);
    await settle();
    expect(inside).toEqual(['a']);
    clock.advance(1);
    await settle();
    expect(inside).toEqual(['a', 'b']);
  });

  it('keeps one that failed by itself waiting though it is closed', async () => {
    const { clock, inside, enter } = setUp();
    enter('again', 1);
    enter('other');
    await settle();
    expect(inside).toEqual(['other']);
    clock.advance(200);
    await settle();
    expect(inside).toEqual(['other', 'again']);
  });

  it('rejects everybody once it is closed for good, and leaves no timer', async () => {
    const { clock, circuit, inside, enter } = setUp();
    circuit.failed();
    enter('waiting');
    enter('pausing', 1);
    circuit.close(new Error('over'));
    enter('late');
    enter('late again', 1);
    await settle();
    expect(inside.toSorted()).toEqual([
      'late again: over',
      'late: over',
      'pausing: over',
      'waiting: over',
    ]);
    expect(clock.timers).toBe(0);
  });
});
