/** The emergency machine and its calls: a table of every transition, and what no sequence of inputs can do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createEmergencyMachine,
  emergencyMoves,
  emergencyStates,
  type Emergency,
  type EmergencyInput,
  type EmergencyMove,
} from '../../src/fleet/emergency.ts';
import { nextCall, type Chain } from '../../src/fleet/escalation.ts';
import { limits } from '../../src/limits.ts';
import { holdsForAll, nowMs, runAll } from './machines.ts';

const machine = createEmergencyMachine(limits);
const place = { vehicle: 'bus-1', latE7: 1, lonE7: 2 };
const raise: EmergencyInput = {
  kind: 'raise',
  raise: { id: 'e-1', kind: 'sos', ...place, message: 'help', timeMs: nowMs, by: 'bus-1' },
  nowMs,
};
const move = (kind: EmergencyMove, by = 'dora', atMs = 5): EmergencyInput => ({
  kind,
  by,
  note: kind === 'note' ? 'seen' : null,
  nowMs: nowMs + atMs,
});
const call = (level: number, atMs = 1): EmergencyInput => ({
  kind: 'call',
  level,
  role: 'dispatcher',
  nowMs: nowMs + atMs,
});

const pathTo: Record<Emergency['state'] | 'none', readonly EmergencyInput[]> = {
  none: [],
  open: [raise],
  acknowledged: [raise, move('acknowledge')],
  resolved: [raise, move('acknowledge'), move('resolve')],
  falseAlarm: [raise, move('falseAlarm')],
};

describe('an emergency', () => {
  it.each<[keyof typeof pathTo, EmergencyMove | 'raise' | 'call', string]>([
    ['none', 'raise', 'open'],
    ['none', 'call', 'unknownEmergency'],
    ...emergencyMoves.map((kind): [keyof typeof pathTo, EmergencyMove, string] => [
      'none',
      kind,
      'unknownEmergency',
    ]),
    ['open', 'raise', 'repeat'],
    ['open', 'call', 'open'],
    ['open', 'acknowledge', 'acknowledged'],
    ['open', 'resolve', 'resolved'],
    ['open', 'falseAlarm', 'falseAlarm'],
    ['open', 'note', 'open'],
    ['acknowledged', 'raise', 'repeat'],
    ['acknowledged', 'call', 'repeat'],
    ['acknowledged', 'acknowledge', 'emergencyTransition'],
    ['acknowledged', 'resolve', 'resolved'],
    ['acknowledged', 'falseAlarm', 'falseAlarm'],
    ['acknowledged', 'note', 'acknowledged'],
    ...(['resolved', 'falseAlarm'] as const).flatMap(
      (state): [keyof typeof pathTo, EmergencyMove | 'raise' | 'call', string][] => [
        [state, 'raise', 'repeat'],
        [state, 'call', 'repeat'],
        [state, 'acknowledge', 'emergencyTransition'],
        [state, 'resolve', 'emergencyTransition'],
        [state, 'falseAlarm', 'emergencyTransition'],
        [state, 'note', 'emergencyTransition'],
      ],
    ),
  ])('that is %s takes %s of somebody else: %s', (from, kind, expected) => {
    const tried = { raise, call: call(0) };
    const input = kind === 'raise' || kind === 'call' ? tried[kind] : move(kind, 'eve', 9);
    const { states, outcomes } = runAll(machine, [...pathTo[from], input]);
    const isTaken = (emergencyStates as readonly string[]).includes(expected);
    if (isTaken) expect(states.at(-1)?.state).toBe(expected);
    else expect(outcomes.at(-1)).toBe(expected);
    expect(states).toHaveLength(pathTo[from].length + Number(isTaken));
  });

  it('says who has seen it first, and who has closed it', () => {
    const { states } = runAll(machine, [
      raise,
      move('acknowledge', 'dora', 5),
      move('resolve', 'eve', 9),
    ]);
    expect(states.at(-1)).toMatchObject({
      seenBy: 'dora',
      seenMs: nowMs + 5,
      closedBy: 'eve',
      closedMs: nowMs + 9,
      log: [{ event: 'raised' }, { event: 'acknowledged' }, { event: 'resolved' }],
    });
  });

  it('keeps the newest of its log, so that its event has room for it', () => {
    const note = 'ä'.repeat(limits.messageCharsMax);
    const notes = Array.from({ length: 100 }, (_, index): EmergencyInput => {
      return { kind: 'note', by: 'dora', note, nowMs: nowMs + index };
    });
    const { states } = runAll(machine, [raise, ...notes]);
    for (const state of states) {
      expect(Buffer.byteLength(JSON.stringify(state))).toBeLessThan(limits.eventBytesMax - 512);
    }
    expect(states.at(-1)?.log.at(-1)).toMatchObject({ atMs: nowMs + 99 });
  });

  it('is seen once and closed once, whatever comes', () => {
    const input = fc.oneof(
      fc.constant(raise),
      fc.tuple(fc.constantFrom(0, 1), fc.nat(9)).map(([level, atMs]) => call(level, atMs)),
      fc
        .tuple(fc.constantFrom(...emergencyMoves), fc.constantFrom('dora', 'eve'), fc.nat(9))
        .map(([kind, by, atMs]) => move(kind, by, atMs)),
    );
    holdsForAll<Emergency, EmergencyInput>(machine, input, (states) => {
      for (const { state, seenMs, seenBy, closedMs, closedBy, calls, calledMs } of states) {
        expect(seenMs === null).toBe(state === 'open');
        expect(seenBy === null).toBe(state === 'open');
        expect(closedMs === null).toBe(state === 'open' || state === 'acknowledged');
        expect(closedBy === null).toBe(closedMs === null);
        expect(calls === 0).toBe(calledMs === null);
      }
    });
  });
});

describe('the next call', () => {
  const chain: Chain = [
    { role: 'dispatcher', afterMs: 0 },
    { role: 'admin', afterMs: 120_000 },
  ];
  const repeatMs = 50_000;
  const [open] = runAll(machine, [raise]).states as [Emergency];
  const called = (level: number, calledMs: number): Emergency => ({
    ...open,
    level,
    calls: 1,
    calledMs: nowMs + calledMs,
  });

  it.each<[string, Emergency, number, unknown]>([
    ['is the first link at once', open, 0, [0, 0, ['dispatcher']]],
    ['is again the first', called(0, 0), 0, [50_000, 0, ['dispatcher']]],
    ['is the second in its time', called(0, 100_000), 0, [120_000, 1, ['admin']]],
    ['is then both', called(1, 120_000), 0, [170_000, 1, ['dispatcher', 'admin']]],
    ['is one after a long stop', open, 500_000, [0, 1, ['dispatcher', 'admin']]],
    ['goes on where it was after a stop', called(0, 0), 500_000, [50_000, 1, ['admin']]],
  ])('%s', (_name, state, afterMs, expected) => {
    const next = nextCall(state, chain, repeatMs, nowMs + afterMs);
    expect([(next?.dueMs ?? 0) - nowMs, next?.level, next?.tells]).toEqual(expected);
  });

  it('is none without a chain, or once a person has seen it', () => {
    expect(nextCall(open, [], repeatMs, nowMs)).toBeNull();
    for (const state of ['acknowledged', 'resolved', 'falseAlarm'] as const) {
      expect(nextCall({ ...open, state }, chain, repeatMs, nowMs)).toBeNull();
    }
  });

  it('is of a link that there is, also where the chain has become shorter', () => {
    expect(nextCall(called(5, 0), chain, repeatMs, nowMs)).toMatchObject({ level: 1 });
  });

  it('never stops while nobody has seen it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 20 }), (pauses) => {
        let state = open;
        let timeMs = nowMs;
        for (const pauseMs of pauses) {
          timeMs += pauseMs;
          const next = nextCall(state, chain, repeatMs, timeMs);
          if (next === null) throw new Error('nobody is called any more');
          expect(next.tells.length).toBeGreaterThan(0);
          timeMs = Math.max(timeMs, next.dueMs);
          const { level, role } = next;
          const step = machine.step(state, { kind: 'call', level, role, nowMs: timeMs });
          if (!('state' in step)) throw new Error('the call is refused');
          expect(step.state.level).toBeGreaterThanOrEqual(state.level);
          ({ state } = step);
          const after = nextCall(state, chain, repeatMs, timeMs);
          expect(after?.dueMs).toBeGreaterThan(timeMs);
        }
      }),
    );
  });
});
