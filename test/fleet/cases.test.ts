/** Inputs of cases: one after the other, in force when durable; and what is due, on a clock of the test's own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAgenda } from '../../src/fleet/agenda.ts';
import { createCases, type Look, type Outcome } from '../../src/fleet/cases.ts';
import { createDocket } from '../../src/fleet/docket.ts';
import { createTripMachine, type Trip, type TripInput } from '../../src/fleet/trip.ts';
import { limits } from '../../src/limits.ts';
import type { Announced, Done } from '../../src/live/announcer.ts';
import type { NewEvent } from '../../src/live/event.ts';
import { createMetrics } from '../../src/metrics.ts';
import { createManualClock } from '../support/clock.ts';
import { nowMs, runAll } from './machines.ts';

const machine = createTripMachine(limits);
const place = { tenant: 'acme', topic: 'trip:t-1', id: 't-1' };
const told = (atMs: number) => ({ timeMs: nowMs + atMs, by: 'anna' });
const start: TripInput = {
  kind: 'start',
  id: 't-1',
  vehicle: 'bus-1',
  details: {},
  hasOther: false,
  ...told(0),
};
const pause: TripInput = { kind: 'pause', ...told(1) };
const resume: TripInput = { kind: 'resume', ...told(2) };
const end: TripInput = { kind: 'end', ...told(3) };

/** Announcements that the test answers, and what it has been told. */
function createFixture(look?: Look<Trip>, openMax = 2) {
  const docket = createDocket(machine, { openMax, closedMax: 2 });
  const announced: { readonly event: NewEvent; readonly isUrgent: boolean; readonly done: Done }[] =
    [];
  const outcomes: string[] = [];
  const changes: string[] = [];
  const metrics = createMetrics();
  const cases = createCases<Trip, TripInput>({
    machine,
    docket,
    announcer: {
      announce(_tenant, _topic, event, done, isUrgent = false) {
        announced.push({ event, isUrgent, done });
      },
    },
    ...(look === undefined ? {} : { look }),
    onChange: (_one, { state }) => changes.push(state),
    clock: createManualClock(nowMs),
    metrics,
    bounds: { caseInputsMax: 3 },
  });
  const settle = (outcome: Outcome<Trip>): void => {
    outcomes.push(
      'refused' in outcome
        ? outcome.refused
        : `${outcome.state.state}${outcome.isRepeat ? '!' : ''}`,
    );
  };
  return {
    docket,
    announced,
    outcomes,
    changes,
    metrics,
    cases,
    put: (input: TripInput, at = place) => cases.put(at, input, settle),
    answer(outcome: Announced = { offset: 1, isRepeat: false }) {
      announced.shift()?.done(outcome);
    },
  };
}

describe('inputs of a case', () => {
  it('go one after the other, and are in force when they are durable', () => {
    const test = createFixture();
    for (const input of [start, pause, end]) test.put(input);
    expect(test.announced).toHaveLength(1);
    expect(test.cases.find(place)).toBeNull();
    test.answer();
    expect(test.outcomes).toEqual(['running']);
    expect(test.announced[0]?.event).toMatchObject({
      id: 't-1:2',
      event: 'paused',
      subject: 'bus-1',
      isOpen: true,
    });
    expect(test.cases.find(place)?.state).toBe('running');
    test.answer();
    test.answer();
    expect(test.outcomes).toEqual(['running', 'paused', 'ended']);
    expect(test.changes).toEqual(test.outcomes);
    expect(test.metrics.counters.casesApplied).toBe(3);
  });

  it('are stepped from what the last has left, also where that was refused', () => {
    const test = createFixture();
    for (const input of [start, pause, resume]) test.put(input);
    test.answer();
    test.answer({ refused: 'journalFull' });
    expect(test.outcomes).toEqual(['running', 'journalFull', 'tripTransition']);
    expect(test.announced).toEqual([]);
    test.put(pause);
    expect(test.announced[0]?.event.id).toBe('t-1:2');
  });

  it('are repeats where they, or their event, were taken before', () => {
    const test = createFixture();
    test.put(start);
    test.answer();
    test.put(start);
    test.put(pause);
    // Of a case that was closed long ago the topic knows more than the docket.
    test.answer({ offset: 9, isRepeat: true });
    expect(test.outcomes).toEqual(['running', 'running!', 'paused!']);
    expect(test.changes).toEqual(['running']);
    expect(test.cases.find(place)?.state).toBe('running');
    expect(test.metrics.counters.casesRepeated).toBe(2);
  });

  it('that are not taken leave nothing behind', () => {
    const test = createFixture();
    test.put(pause);
    test.put(start);
    test.answer({ refused: 'badEvent' });
    expect(test.outcomes).toEqual(['unknownTrip', 'badEvent']);
    expect(test.docket.size).toBe(0);
    expect([...test.docket.all()]).toEqual([]);
  });

  it('are barred by whoever puts them, from the state that they meet', () => {
    const test = createFixture();
    test.put(start);
    const outcomes: unknown[] = [];
    test.cases.put(
      place,
      end,
      (outcome) => outcomes.push(outcome),
      ({ vehicle }) => (vehicle === 'bus-1' ? 'callNotAllowed' : null),
    );
    test.answer();
    expect(outcomes).toEqual([{ refused: 'callNotAllowed' }]);
  });

  it('are refused where too many wait, or too many are open', () => {
    const test = createFixture();
    for (const input of [start, pause, resume, end, end]) test.put(input);
    expect(test.outcomes).toEqual(['tooManyEvents']);
    test.put(start, { ...place, id: 't-2', topic: 'trip:t-2' });
    test.put(start, { ...place, id: 't-3', topic: 'trip:t-3' });
    expect(test.outcomes.at(-1)).toBe('tooManyCases');
  });

  it('wait for what the topic has, where the case is not in memory', () => {
    const looks: ((found: Trip | null | undefined) => void)[] = [];
    const test = createFixture((_place, tell) => looks.push(tell));
    test.put(start);
    test.put(pause);
    expect(test.announced).toEqual([]);
    looks[0]?.(undefined);
    expect(test.outcomes).toEqual(['topicUnavailable', 'topicUnavailable']);
    expect(test.docket.size).toBe(0);
    test.put(pause);
    looks[1]?.(runAll(machine, [start, end]).states.at(-1));
    expect(test.outcomes.at(-1)).toBe('tripTransition');
    test.put(end);
    expect(test.outcomes.at(-1)).toBe('ended!');
    expect(looks).toHaveLength(2);
  });

  it('many of them at once are no deep stack', () => {
    const docket = createDocket(machine, { openMax: 1, closedMax: 1 });
    let taken = 0;
    const cases = createCases<Trip, TripInput>({
      machine,
      docket,
      announcer: {
        announce: (_tenant, _topic, _event, done) => done({ offset: 1, isRepeat: false }),
      },
      look: (_place, tell) => setImmediate(tell, null),
      clock: createManualClock(nowMs),
      metrics: createMetrics(),
      bounds: { caseInputsMax: 100_000 },
    });
    const moves = Array.from({ length: 20_000 }, (_, index): TripInput => {
      return { kind: index % 2 === 0 ? 'pause' : 'resume', ...told(index + 1) };
    });
    return new Promise<void>((resolve) => {
      for (const input of [start, ...moves]) {
        cases.put(place, input, () => {
          taken += 1;
          if (taken === moves.length + 1) resolve();
        });
      }
    });
  });
});

describe('a docket', () => {
  const states = runAll(machine, [start, pause, end]).states as [Trip, Trip, Trip];

  it('takes the newest state of an earlier run, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...states), { minLength: 1 }), (told) => {
        const docket = createDocket(machine, { openMax: 1, closedMax: 1 });
        for (const state of told) docket.restore('acme', 'trip:t-1', state);
        const newest = told.toSorted((one, other) => one.revision - other.revision).at(-1);
        expect(docket.find(place)?.state).toBe(newest);
        expect(docket.size).toBe(newest?.state === 'ended' ? 0 : 1);
      }),
    );
  });

  it('remembers only closings where it is not told all, and nothing that is no state', () => {
    const docket = createDocket(machine, { openMax: 1, closedMax: 1 });
    for (const data of [null, 'x', { id: 't-1', revision: 9 }]) {
      docket.restore('acme', 'trip:t-1', data);
    }
    docket.recall('acme', 'trip:t-1', states[1]);
    expect(docket.find(place)).toBeNull();
    docket.recall('acme', 'trip:t-1', states[2]);
    expect(docket.find(place)?.state).toBe(states[2]);
  });

  it('forgets the oldest of what was closed', () => {
    const docket = createDocket(machine, { openMax: 9, closedMax: 2 });
    for (const id of ['a', 'b', 'c']) docket.restore('acme', `trip:${id}`, { ...states[2], id });
    expect([...docket.all()].map(({ id }) => id)).toEqual(['b', 'c']);
  });
});

describe('an agenda', () => {
  interface Item {
    readonly name: string;
    dueMs: number | null;
  }

  function createTestAgenda(act: (item: Item) => void) {
    const clock = createManualClock(nowMs);
    const agenda = createAgenda<Item>({ dueOf: ({ dueMs }) => dueMs, act, retryMs: 50, clock });
    return { clock, agenda };
  }

  it('acts on each when it is due, in their order, and once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200_000)), fc.array(fc.nat(100_000)), (dues, steps) => {
        const acted: number[] = [];
        const { clock, agenda } = createTestAgenda((item) => {
          expect(item.dueMs).toBeLessThanOrEqual(clock.nowMs());
          acted.push(item.dueMs as number);
          item.dueMs = null;
        });
        for (const due of dues) agenda.note({ name: '', dueMs: nowMs + due });
        for (const step of [...steps, 200_000]) clock.advance(step);
        expect(acted).toEqual(dues.map((due) => nowMs + due).toSorted((one, other) => one - other));
        expect(agenda.size).toBe(0);
        expect(clock.timers).toBe(0);
      }),
    );
  });

  it('follows an item whose time changes, and acts again where it is asked to', () => {
    const acted: string[] = [];
    let failures = 2;
    const { clock, agenda } = createTestAgenda((item) => {
      acted.push(`${item.name} ${clock.nowMs() - nowMs}`);
      if (failures-- > 0) return agenda.retry(item);
      item.dueMs = null;
    });
    const late: Item = { name: 'late', dueMs: nowMs + 10 };
    const never: Item = { name: 'never', dueMs: nowMs + 10 };
    for (const item of [late, never]) agenda.note(item);
    late.dueMs = nowMs + 300;
    never.dueMs = null;
    for (const item of [late, never, late]) agenda.note(item);
    clock.advance(1_000);
    expect(acted).toEqual(['late 300', 'late 350', 'late 400']);
    agenda.note({ name: 'stopped', dueMs: nowMs });
    agenda.stop();
    clock.advance(1_000);
    expect(acted).toHaveLength(3);
  });

  it('does not hold the engine where something is always due', () => {
    let acts = 0;
    const { clock, agenda } = createTestAgenda((item) => {
      acts += 1;
      if (acts < 100) agenda.note(item);
      else item.dueMs = null;
    });
    agenda.note({ name: 'now', dueMs: nowMs });
    clock.advance(0);
    expect(acts).toBe(100);
  });
});
