/** The replays of connections: who may have one, how many there may be, and that every place is given back. */
import { afterEach, describe, expect, it } from 'vitest';
import { refusals, type RefusalName } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { fixOf, type TrackFix, type TrackRange } from '../../src/store/track.ts';
import { livePosition } from '../../src/wire/positions.ts';
import { identityOf } from '../support/identities.ts';
import { createTestPlane, type TestPlane, type TestSubscriber } from './plane.ts';

const fromMs = 1_700_000_000_000;
const asked = { vehicle: 'bus-1', fromMs, toMs: fromMs + 60_000, speed: 1 };
const fix: TrackFix = {
  timeMs: fromMs,
  latitude: 52,
  longitude: -8,
  speed: null,
  course: null,
  altitude: null,
  accuracy: null,
  satellites: null,
  attributes: null,
  flags: 0,
};

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const planes: TestPlane[] = [];

/** Reads are answered by `answer`, or fail. */
function open(known: readonly string[] = ['bus-1']) {
  const ranges: TrackRange[] = [];
  const reads: { answer(): void; fail(): void }[] = [];
  const test = createTestPlane(limits, {
    isKnown: (tenant, id) => Promise.resolve(tenant === 'default' && known.includes(id)),
    read: (range, afterMs) =>
      new Promise((resolve, reject) => {
        ranges.push(range);
        const isStored = range.key === 'bus-1' && afterMs < fromMs;
        const rest = isStored ? [fix, { ...fix, timeMs: fromMs + 30_000 }] : [];
        reads.push({
          answer: () => resolve(rest),
          fail: () => reject(new Error('the database is away')),
        });
      }),
  });
  planes.push(test);
  return {
    ...test,
    ranges,
    reads,
    connect: (claims: Parameters<typeof identityOf>[0] = {}) =>
      test.connect(identityOf({ role: 'viewer', subject: 'anna', ...claims })),
    async answer(): Promise<void> {
      for (let read = reads.shift(); read !== undefined; read = reads.shift()) {
        read.answer();
        await turn();
        await turn();
      }
    },
    get taken() {
      return test.plane.replayPlaces.taken;
    },
  };
}

afterEach(() => {
  for (const test of planes.splice(0)) {
    test.stop();
    // Whatever has happened to them, they have ended.
    expect(test.plane.replayPlaces.taken).toBe(0);
    expect(test.clock.timers).toBe(0);
  }
});

const refusedWith = (subscriber: TestSubscriber, request: number, name: RefusalName): void =>
  expect(subscriber.answer(request)?.slice(0, 3)).toEqual([50, request, refusals[name].code]);

describe('a replay of a connection', () => {
  it('answers before anything is shown, and ends with the connection', async () => {
    const test = open();
    const anna = test.connect();
    anna.send([34, 1, 'replay.start', asked]);
    await test.answer();
    expect(anna.received).toMatchObject([
      [49, 1, { id: '1', topic: 'replay:1', isPaused: false, speed: 1, placeMs: fromMs, shown: 0 }],
      [52, 'replay:1', [livePosition('bus-1', fixOf(fix), 1)]],
    ]);
    expect(test.ranges[0]).toEqual({
      key: 'bus-1',
      fromMs,
      toMs: fromMs + 60_000,
      isAll: false,
    });
    anna.subscriber.gone();
    test.clock.advance(120_000);
    expect(anna.received).toHaveLength(2);
  });

  it('is nobody else’s', async () => {
    const test = open();
    const anna = test.connect();
    const again = test.connect();
    anna.send([34, 1, 'replay.start', asked]);
    await test.answer();
    again.send([34, 1, 'replay.pause', { id: '1' }]);
    refusedWith(again, 1, 'unknownReplay');
    again.send([32, 2, 'replay:1']);
    refusedWith(again, 2, 'unknownTopic');
    test.clock.advance(60_000);
    expect(again.received).toHaveLength(2);
    const lastMs = fromMs + 30_000;
    const end = { reason: 'complete', shown: 2, lastMs };
    expect(anna.received.at(-1)).toEqual([51, 'replay:1', 0, 'ended', end]);
    anna.send([34, 2, 'replay.pause', { id: '1' }]);
    refusedWith(anna, 2, 'unknownReplay');
  });

  it('is refused where the database does not answer', async () => {
    const test = open();
    const anna = test.connect();
    anna.send([34, 1, 'replay.start', asked]);
    test.reads.shift()?.fail();
    await turn();
    await turn();
    refusedWith(anna, 1, 'historyUnavailable');
    expect(test.taken).toBe(0);
  });

  it('is refused to one whose token has changed, or who has left, while it was read', async () => {
    const test = open();
    const anna = test.connect();
    const left = test.connect();
    for (const one of [anna, left]) one.send([34, 1, 'replay.start', asked]);
    expect(test.taken).toBe(2);
    anna.become({ vehicles: ['van-*'] });
    left.subscriber.gone();
    await test.answer();
    refusedWith(anna, 1, 'callNotAllowed');
    expect(left.received).toEqual([]);
    expect(test.taken).toBe(0);
  });

  it('ends where a new token does not allow its vehicle', async () => {
    const test = open(['bus-1', 'bus-2']);
    const anna = test.connect();
    anna.send([34, 1, 'replay.start', asked]);
    await test.answer();
    anna.become({ vehicles: ['bus-1'] });
    expect(test.taken).toBe(1);
    anna.become({ vehicles: ['bus-2'] });
    expect(anna.received.at(-1)).toEqual([54, 'replay:1', refusals.topicNotAllowed.message]);
    expect(test.taken).toBe(0);
  });

  it.each<[Parameters<typeof identityOf>[0], string, RefusalName | null]>([
    [{}, 'bus-1', null],
    [{}, 'bus-9', 'unknownVehicle'],
    [{ tenant: 'acme' }, 'bus-1', 'unknownVehicle'],
    [{ vehicles: ['bus-1'] }, 'bus-1', null],
    [{ vehicles: ['van-*'] }, 'bus-1', 'callNotAllowed'],
    [{ role: 'driver', subject: 'bus-1' }, 'bus-1', null],
    [{ role: 'driver', subject: 'bus-2' }, 'bus-1', 'callNotAllowed'],
    [{ role: 'device', subject: 'bus-1' }, 'bus-1', 'callNotAllowed'],
  ])('of %j about %s is refused with %s', async (claims, vehicle, name) => {
    const test = open();
    const who = test.connect(claims);
    who.send([34, 1, 'replay.start', { ...asked, vehicle }]);
    await test.answer();
    if (name === null) expect(who.answer(1)?.[0]).toBe(49);
    else refusedWith(who, 1, name);
    who.subscriber.gone();
  });

  it('is one of few, those that are being opened among them', async () => {
    const test = open();
    const anna = Array.from({ length: 3 }, () => test.connect());
    const { replaysPerConnectionMax, replaysPerUserMax, replaysMax } = limits;
    const start = (who: TestSubscriber, request: number): void =>
      who.send([34, request, 'replay.start', { ...asked, raw: true }]);
    const [first, second, third] = anna as [TestSubscriber, TestSubscriber, TestSubscriber];
    for (let request = 1; request <= replaysPerConnectionMax; request++) start(first, request);
    start(first, 99);
    refusedWith(first, 99, 'tooManyReplays');
    for (let request = 1; request <= replaysPerConnectionMax; request++) start(second, request);
    const left = replaysPerUserMax - 2 * replaysPerConnectionMax;
    for (let request = 1; request <= left; request++) start(third, request);
    start(third, 99);
    refusedWith(third, 99, 'tooManyReplays');
    expect(test.taken).toBe(replaysPerUserMax);

    const others = Array.from({ length: replaysMax }, (_, index) =>
      test.connect({ subject: `user-${index}` }),
    );
    for (const one of others.slice(0, replaysMax - replaysPerUserMax)) start(one, 1);
    const last = others.at(-1) as TestSubscriber;
    start(last, 1);
    expect(last.answer(1)).toEqual([
      50,
      1,
      refusals.tooManyReplaysOpen.code,
      refusals.tooManyReplaysOpen.message,
      true,
    ]);
    await test.answer();
    expect(test.taken).toBe(replaysMax);
    expect(test.ranges.every(({ isAll }) => isAll)).toBe(true);
    first.send([34, 100, 'replay.stop', { id: '1' }]);
    expect(first.answer(100)?.[2]).toMatchObject({ id: '1', shown: 1, lastMs: fromMs });
    start(last, 2);
    await test.answer();
    expect(last.answer(2)?.[0]).toBe(49);
    for (const one of [...anna, ...others]) one.subscriber.gone();
  });
});
